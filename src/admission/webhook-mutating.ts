/**
 * `MutatingAdmissionWebhook`: webhooks are asked one after the other, each sees what those before it made of the object.
 *
 * When one changes the object, all plugins run a second time, and webhooks that asked for it are asked again; a third time there is not.
 *
 * @see apiserver/pkg/admission/plugin/webhook/mutating/{dispatcher.go,reinvocationcontext.go}
 * @module
 */
import { decodeBody, JSON_TYPE } from '../api/decode.ts'
import { encodeJson, encodeObject } from '../api/encode.ts'
import { JsonSyntaxError, parseJson } from '../api/json.ts'
import type { KubeObject } from '../api/object.ts'
import { afterOperations } from '../api/patch/json-patch.ts'
import { isObject, type JsonObject } from '../api/patch/json-value.ts'
import { semanticEqual } from '../api/semantic-equal.ts'
import { internalError, quote, StatusError } from '../api/status.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { replaceContents } from './replace-contents.ts'
import { ask, endOf, selected, shown, type WebhookDeps, WebhookFailure } from './webhook.ts'
import { followWebhooks, type Webhook } from './webhook-configurations.ts'
import { isAdmissionConfiguration, resourceOf } from './webhook-matching.ts'
import type { ResourceName } from './webhook-objects.ts'
import type { Verdict } from './webhook-review.ts'

const MUTATION = 'mutation.webhook.admission.k8s.io/'
const PATCH = 'patch.webhook.admission.k8s.io/'
/** Said of a body, and not of a patched object. */
const NOT_HANDLED = /^\S+ in version "[^"]*" cannot be handled as a \S+: /

const FAILED_OPEN = `failed-open.${MUTATION}`

/** What one request remembers of its first round. */
interface Memory {
  /** The object as this plugin left it. */
  output: KubeObject | undefined
  /** Asked, and willing to be asked again. */
  asked: Set<string>
  /** To be asked in the second round. */
  again: Set<string>
}

export function mutatingAdmissionWebhook(deps: WebhookDeps): AdmissionPlugin {
  const webhooks = followWebhooks(deps.cache, 'mutatingwebhookconfigurations')
  const memories = new WeakMap<AdmissionRequest, Memory>()
  return {
    name: 'MutatingAdmissionWebhook',
    handles: (request) => webhooks().length > 0 && !isAdmissionConfiguration(request),
    async admit(request) {
      const second = request.reinvocation?.second === true
      let memory = memories.get(request)
      if (memory === undefined) {
        memory = { output: undefined, asked: new Set(), again: new Set() }
        memories.set(request, memory)
      }
      if (second && !semanticEqual(memory.output, request.object)) askAgain(memory)
      for (const [index, webhook] of webhooks().entries()) {
        const name = await selected(webhook, request, deps)
        if (name === undefined) continue
        if (second && !memory.again.has(webhook.id)) continue
        await mutate(webhook, request, { name, memory, place: `round_${second ? 1 : 0}_index_${index}` }, deps)
      }
      memory.output = request.object === undefined ? undefined : structuredClone(request.object)
    },
  }
}

function askAgain(memory: Memory): void {
  for (const id of memory.asked) memory.again.add(id)
  memory.asked.clear()
}

async function mutate(
  webhook: Webhook,
  request: AdmissionRequest,
  { name, memory, place }: { name: ResourceName; memory: Memory; place: string },
  deps: WebhookDeps,
): Promise<void> {
  let changed = false
  let problem: unknown
  try {
    const verdict = await ask(webhook, request, shown(request, name, deps), true, deps)
    changed = applyVerdict(verdict, webhook, request, { name, place }, deps)
  } catch (error) {
    problem = error ?? new Error('unknown')
  }
  request.annotate(`${MUTATION}${place}`, encodeJson({ configuration: webhook.configuration, webhook: webhook.name, mutated: changed }))
  if (changed) {
    askAgain(memory)
    request.reinvocation ??= { wanted: false, second: false }
    request.reinvocation.wanted = true
  }
  if (webhook.reinvocable) memory.asked.add(webhook.id)
  if (problem === undefined) return
  const end = endOf(problem, webhook, request, deps)
  if (problem instanceof WebhookFailure && webhook.ignoresFailures) request.annotate(`${FAILED_OPEN}${place}`, webhook.name)
  if (end !== undefined) throw end
}

/** Changes the request's object as the patch says; whether it now means something else. */
function applyVerdict(
  { patch, patchType }: Verdict,
  webhook: Webhook,
  request: AdmissionRequest,
  { name, place }: { name: ResourceName; place: string },
  { objects }: WebhookDeps,
): boolean {
  if (patch === undefined) return false
  const operations = operationsOf(patch, webhook.name)
  if (operations.length === 0) return false
  const { object } = request
  if (object === undefined) {
    throw internalError(
      `admission webhook ${quote(webhook.name)} attempted to modify the object, which is not supported for this operation`,
    )
  }
  if (patchType !== 'JSONPatch') throw new WebhookFailure(webhook.name, `unsupported patch type ${quote(patchType)}`)
  const own: ResourceName = { resource: resourceOf(request), kind: request.kind }
  const schema = objects.schema(name.kind)
  if (schema === undefined) throw internalError(`no kind ${quote(name.kind.kind)} is registered`)
  const before = objects.convert(object, own, name)
  const after = patched(
    parseJson(encodeObject(before, schema)).value,
    operations,
    (document) => decodeBody(encodeObject(document), JSON_TYPE, { schema, gvk: name.kind, strict: 'Ignore' }).object,
  )
  const changed = !semanticEqual(before, after)
  const sorted = operations.map((operation) => Object.fromEntries(Object.entries(operation).sort(([a], [b]) => (a < b ? -1 : 1))))
  const told = { configuration: webhook.configuration, webhook: webhook.name, patch: sorted, patchType }
  request.annotate(`${PATCH}${place}`, encodeJson(told), 'Request')
  objects.setDefaults(name.kind, after)
  replaceContents(object, objects.convert(after, name, own))
  return changed
}

function patched(before: KubeObject, operations: readonly JsonObject[], decode: (document: KubeObject) => KubeObject): KubeObject {
  try {
    return decode(afterOperations(before, operations) as KubeObject) // whatever it is, decoding tells
  } catch (error) {
    throw internalError(error instanceof Error ? error.message.replace(NOT_HANDLED, '') : String(error))
  }
}

function operationsOf(patch: Buffer, webhook: string): JsonObject[] {
  const undecodable = (why: string) => new WebhookFailure(webhook, `received undecodable patch in webhook response: ${why}`)
  let value: unknown
  try {
    value = parseJson(patch).value
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof StatusError) throw undecodable(error.message)
    throw error
  }
  if (value === null) return []
  if (!Array.isArray(value) || !value.every(isObject))
    throw undecodable(`json: cannot unmarshal ${jsonType(value)} into Go value of type jsonpatch.Patch`)
  return value
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}
