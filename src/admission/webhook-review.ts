/**
 * The question put to a webhook, and what counts as an answer.
 *
 * @see apiserver/pkg/admission/plugin/webhook/{request/admissionreview.go,errors/statuserror.go}
 * @module
 */
import { encodeJson, encodeObject } from '../api/encode.ts'
import { JsonSyntaxError, parseJson } from '../api/json.ts'
import type { GroupVersionKind, KubeObject } from '../api/object.ts'
import { quote, type Status, type StatusCause, type StatusDetails, StatusError } from '../api/status.ts'
import type { AdmissionRequest } from './admission.ts'
import { resourceOf } from './webhook-matching.ts'
import type { ObjectInterfaces, ResourceName } from './webhook-objects.ts'

const GROUP = 'admission.k8s.io'
const REVIEW = `${GROUP}/v1, Kind=AdmissionReview`
const NO_EXPLANATION = 'without explanation'

/** A request under one of its names: the objects as JSON, made once for all who are shown them. */
export interface Shown {
  name: ResourceName
  /** `null` where there is none. */
  object: string
  oldObject: string
}

export function show(request: AdmissionRequest, name: ResourceName, objects: ObjectInterfaces): Shown {
  const own: ResourceName = { resource: resourceOf(request), kind: request.kind }
  const json = (object: KubeObject | undefined) =>
    object === undefined ? 'null' : encodeObject(objects.convert(object, own, name), objects.schema(name.kind)).toString()
  return { name, object: json(request.object), oldObject: json(request.oldObject) }
}

/** The body of one call. */
export function reviewBody(uid: string, version: 'v1' | 'v1beta1', request: AdmissionRequest, { name, object, oldObject }: Shown): string {
  const { user } = request
  const { subresource } = request
  const head = encodeJson({
    uid,
    kind: gvk(name.kind),
    resource: name.resource,
    ...(subresource !== '' && { subResource: subresource }),
    requestKind: gvk(request.kind),
    requestResource: resourceOf(request),
    ...(subresource !== '' && { requestSubResource: subresource }),
    ...(request.name !== '' && { name: request.name }),
    ...(request.namespace !== '' && { namespace: request.namespace }),
    operation: request.operation,
    userInfo: {
      ...(user.username !== '' && { username: user.username }),
      ...(user.uid !== undefined && user.uid !== '' && { uid: user.uid }),
      ...(user.groups.length > 0 && { groups: user.groups }),
      ...(user.extra !== undefined && Object.keys(user.extra).length > 0 && { extra: user.extra }),
    },
  })
  const tail = `"object":${object},"oldObject":${oldObject},"dryRun":${request.dryRun},"options":${encodeJson(request.options)}`
  return `{"kind":"AdmissionReview","apiVersion":"${GROUP}/${version}","request":${head.slice(0, -1)},${tail}}}`
}

function gvk({ group, version, kind }: GroupVersionKind): GroupVersionKind {
  return { group, version, kind }
}

export interface Verdict {
  allowed: boolean
  /** Decoded; undefined when the webhook changes nothing. */
  patch: Buffer | undefined
  patchType: string
  result: Record<string, unknown> | undefined
  warnings: readonly string[]
  auditAnnotations: Readonly<Record<string, string>>
}

/** An answer that is none: it counts as a failure of the webhook. `unread`: not even a review. */
export class BadAnswer extends Error {
  readonly unread: boolean
  constructor(message: string, unread = false) {
    super(message)
    this.unread = unread
  }
}

/** Reads an answer as strictly as its version asks for. Throws a BadAnswer. */
export function readVerdict(body: Buffer, uid: string, version: 'v1' | 'v1beta1', mutating: boolean): Verdict {
  const review = parsed(body)
  checkKind(review)
  const response = review['response']
  if (response === undefined || response === null) throw new BadAnswer('webhook response was absent')
  const answer = record(response, 'response')
  const patch = patchOf(answer['patch'])
  const patchType = optionalText(answer['patchType'], 'response.patchType')
  if (version === 'v1') {
    const given = optionalText(answer['uid'], 'response.uid') ?? ''
    if (given !== uid) throw new BadAnswer(`expected response.uid=${quote(uid)}, got ${quote(given)}`)
    const said = kindText(review)
    if (said !== REVIEW) throw new BadAnswer(`expected webhook response of ${REVIEW}, got ${said}`)
    checkPatch(patch, patchType, mutating)
  }
  const allowed = answer['allowed'] ?? false
  if (typeof allowed !== 'boolean') throw mistyped('response.allowed', allowed, 'bool')
  return {
    allowed,
    patch: mutating ? patch : undefined,
    patchType: version === 'v1' ? (patchType ?? '') : 'JSONPatch',
    result: answer['status'] === undefined || answer['status'] === null ? undefined : record(answer['status'], 'response.status'),
    warnings: texts(answer['warnings'], 'response.warnings'),
    auditAnnotations: textMap(answer['auditAnnotations'], 'response.auditAnnotations'),
  }
}

/** Nothing but reviews can be read; one that says nothing of itself is taken for one. */
function checkKind(review: Record<string, unknown>): void {
  const kind = optionalText(review['kind'], 'kind') ?? ''
  const apiVersion = optionalText(review['apiVersion'], 'apiVersion') ?? ''
  const known = apiVersion === '' || apiVersion === `${GROUP}/v1` || apiVersion === `${GROUP}/v1beta1`
  if (known && (kind === '' || kind === 'AdmissionReview')) return
  throw new BadAnswer(
    `no kind ${quote(kind)} is registered for version ${quote(apiVersion)} in scheme "k8s.io/apiserver/pkg/util/webhook/client.go:71"`,
    true,
  )
}

function checkPatch(patch: Buffer | undefined, patchType: string | undefined, mutating: boolean): void {
  if (!mutating) {
    if (patch !== undefined) throw new BadAnswer('validating webhook may not return response.patch')
    if (patchType !== undefined) throw new BadAnswer('validating webhook may not return response.patchType')
    return
  }
  if (patch !== undefined && patchType === undefined) throw new BadAnswer('webhook returned response.patch but not response.patchType')
  if (patch === undefined && patchType !== undefined) throw new BadAnswer('webhook returned response.patchType but not response.patch')
  if (patchType === '') throw new BadAnswer('webhook returned invalid response.patchType of ""')
}

function parsed(body: Buffer): Record<string, unknown> {
  let value: unknown
  try {
    value = parseJson(body).value
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw new BadAnswer(`couldn't get version/kind; json parse error: ${error.message}`, true)
  }
  return record(value, 'AdmissionReview')
}

function kindText(review: Record<string, unknown>): string {
  const apiVersion = optionalText(review['apiVersion'], 'apiVersion') ?? ''
  const slash = apiVersion.indexOf('/')
  const [group, version] = slash === -1 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)]
  return `${group}/${version}, Kind=${optionalText(review['kind'], 'kind') ?? ''}`
}

/** As Go's encoding/json says it of a member of AdmissionReview. */
function mistyped(path: string, value: unknown, wanted: string): BadAnswer {
  const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
  const owner = path.startsWith('response.') ? 'AdmissionResponse' : 'AdmissionReview'
  return new BadAnswer(`json: cannot unmarshal ${found} into Go struct field ${owner}.${path} of type ${wanted}`, true)
}

function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw mistyped(path, value, 'map[string]interface {}')
  return value as Record<string, unknown> // an object, as was just seen
}

function optionalText(value: unknown, path: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw mistyped(path, value, 'string')
  return value
}

function texts(value: unknown, path: string): string[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || value.some((one) => typeof one !== 'string')) throw mistyped(path, value, '[]string')
  return value
}

function textMap(value: unknown, path: string): Record<string, string> {
  if (value === undefined || value === null) return {}
  const map = record(value, path)
  if (Object.values(map).some((one) => typeof one !== 'string')) throw mistyped(path, map, 'map[string]string')
  return map as Record<string, string> // all members are texts, as was just seen
}

function patchOf(value: unknown): Buffer | undefined {
  const text = optionalText(value, 'response.patch')
  if (text === undefined || text === '') return undefined
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new BadAnswer('illegal base64 data in response.patch', true)
  return Buffer.from(text, 'base64')
}

/** What the caller is told when a webhook says no. Whatever its status says, this is a refusal. */
export function deniedBy(webhook: string, result: Record<string, unknown> = {}): StatusError {
  const by = `admission webhook ${quote(webhook)} denied the request`
  const { code, message, reason, status, details } = result
  const said: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: isText(message) ? `${by}: ${message}` : isText(reason) ? `${by}: ${reason}` : `${by} ${NO_EXPLANATION}`,
  }
  if (isText(status) && status !== 'Success') said.status = status as Status['status'] // passed on as it was said
  if (isText(reason)) said.reason = reason
  if (typeof details === 'object' && details !== null) said.details = detailsOf(details as Record<string, unknown>)
  said.code = typeof code === 'number' && Number.isInteger(code) && code >= 400 ? (code > 599 ? 500 : code) : 400
  return new StatusError(said)
}

function detailsOf(details: Record<string, unknown>): StatusDetails {
  const out: StatusDetails = {}
  for (const member of ['name', 'group', 'kind', 'uid'] as const) {
    const value = details[member]
    if (isText(value)) out[member] = value
  }
  const { causes, retryAfterSeconds } = details
  if (Array.isArray(causes)) {
    out.causes = causes.map((cause: unknown) => {
      const found: StatusCause = {}
      if (typeof cause !== 'object' || cause === null) return found
      for (const member of ['reason', 'message', 'field'] as const) {
        const value = (cause as Record<string, unknown>)[member]
        if (isText(value)) found[member] = value
      }
      return found
    })
  }
  if (typeof retryAfterSeconds === 'number' && Number.isInteger(retryAfterSeconds) && retryAfterSeconds > 0)
    out.retryAfterSeconds = retryAfterSeconds
  return out
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
