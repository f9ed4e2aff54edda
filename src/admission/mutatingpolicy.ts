/**
 * `MutatingAdmissionPolicy`: changes that the API itself holds, written in CEL, in force where a binding says so.
 *
 * Which policies concern a request is decided on the object as it came; each then sees what those before it made of it. When one of them was
 * applied, all plugins run a second time, and policies that asked for it are applied again; a third time there is not.
 *
 * @see apiserver/pkg/admission/plugin/policy/mutating/{dispatcher.go,reinvocationcontext.go}; KEP-3962
 * @module
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { KubeObject } from '../api/object.ts'
import { semanticEqual } from '../api/semantic-equal.ts'
import { StatusError } from '../api/status.ts'
import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from '../api/types/admissionregistration/v1.ts'
import { Budget, MATCH_CONDITIONS_BUDGET } from '../cel/budget.ts'
import type { Variables } from '../cel/scope.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'
import { type CompiledMutations, compileMutations, mutated } from './mutatingpolicy-compiled.ts'
import { type ActivationDeps, activation } from './policy-activation.ts'
import { errorTypeOf } from './policy-checks.ts'
import { decided } from './policy-decisions.ts'
import { conditionsHold } from './policy-expressions.ts'
import { type FollowedPolicy, followPolicies } from './policy-following.ts'
import { isExemptFromPolicies, matchCriteria } from './policy-matching.ts'
import { checkNamespace, checkParamKind, paramsOf } from './policy-params.ts'
import { replaceContents } from './replace-contents.ts'
import { resourceOf } from './webhook-matching.ts'
import type { ResourceName } from './webhook-objects.ts'

type Followed = FollowedPolicy<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, CompiledMutations>

/** A policy, applied by a binding with one parameter. */
interface Invocation {
  followed: Followed
  binding: string
  param: KubeObject | null
  /** Under which name the policy sees the object. */
  name: ResourceName
}

/** What went wrong, where failures count. */
interface Failure {
  policy: string
  binding: string | undefined
  message: string
  /** Of the answer; that of a refusal for a mistake in the configuration. */
  reason: 'Invalid' | undefined
}

/** What one request remembers of its first round. */
interface Memory {
  /** The object as this plugin left it. */
  output: KubeObject | undefined
  /** Applied, and willing to be applied again. */
  applied: Set<string>
  /** To be applied in the second round. */
  again: Set<string>
}

export function mutatingAdmissionPolicy(deps: ActivationDeps): AdmissionPlugin {
  const policies = followPolicies<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, CompiledMutations>(
    deps.cache,
    { policies: 'mutatingadmissionpolicies', bindings: 'mutatingadmissionpolicybindings' },
    compileMutations,
  )
  const memories = new WeakMap<AdmissionRequest, Memory>()
  return {
    name: 'MutatingAdmissionPolicy',
    handles: (request) => request.operation !== 'DELETE' && policies().length > 0 && !isExemptFromPolicies(request),
    async admit(request) {
      const failures: Failure[] = []
      const invocations = policies().flatMap((followed) => invocationsOf(followed, request, deps, failures))
      if (invocations.length > 0) {
        checkNamespace(request, deps)
        let memory = memories.get(request)
        if (memory === undefined) {
          memory = { output: undefined, applied: new Set(), again: new Set() }
          memories.set(request, memory)
        }
        await applyAll(invocations, request, memory, deps, failures)
      }
      const refused = refusal(failures, request)
      if (refused !== undefined) throw refused
    },
  }
}

function fails({ policy }: Followed): boolean {
  return policy.spec?.failurePolicy !== 'Ignore'
}

function invocationsOf(followed: Followed, request: AdmissionRequest, deps: ActivationDeps, failures: Failure[]): Invocation[] {
  const { policy, name: policyName } = followed
  const misconfigured = (error: unknown, binding?: string) => {
    if (!(error instanceof Error)) throw error
    const message = `failed to configure ${binding === undefined ? 'policy' : 'binding'}: ${error.message}`
    if (fails(followed)) failures.push({ policy: policyName, binding, message, reason: undefined })
  }
  let name: ResourceName | undefined
  try {
    name = matchCriteria(followed.criteria, request, deps)
    if (name !== undefined) checkParamKind(policy.spec?.paramKind, deps)
  } catch (error) {
    misconfigured(error)
    return []
  }
  if (name === undefined) return []
  const shownAs = name
  return followed.bindings.flatMap(({ binding, name: bindingName, criteria }) => {
    try {
      if (matchCriteria(criteria, request, deps) === undefined) return []
      const params = paramsOf(policy.spec?.paramKind, binding.spec?.paramRef, request, deps)
      return params.map((param) => ({ followed, binding: bindingName, param, name: shownAs }))
    } catch (error) {
      misconfigured(error, bindingName)
      return []
    }
  })
}

async function applyAll(
  invocations: readonly Invocation[],
  request: AdmissionRequest,
  memory: Memory,
  deps: ActivationDeps,
  failures: Failure[],
): Promise<void> {
  const second = request.reinvocation?.second === true
  if (second && !semanticEqual(memory.output, request.object)) applyAgain(memory)
  let applied = false
  for (const invocation of invocations) {
    if (await applyOne(invocation, second, request, memory, deps, failures)) applied = true
    // Others are served between two policies.
    await nextTurn()
  }
  // Whoever was applied before this sees the outcome as something new, even if it is its own.
  if (applied) {
    applyAgain(memory)
    request.reinvocation ??= { wanted: false, second: false }
    request.reinvocation.wanted = true
  }
  memory.output = request.object === undefined ? undefined : structuredClone(request.object)
}

function applyAgain(memory: Memory): void {
  for (const id of memory.applied) memory.again.add(id)
  memory.applied.clear()
}

/** Whether something was applied, though it may have changed nothing. */
async function applyOne(
  { followed, binding, param, name }: Invocation,
  second: boolean,
  request: AdmissionRequest,
  memory: Memory,
  deps: ActivationDeps,
  failures: Failure[],
): Promise<boolean> {
  const { policy, name: policyName } = followed
  const failed = (message: string) => {
    if (fails(followed)) failures.push({ policy: policyName, binding, message, reason: 'Invalid' })
  }
  const named = (): Variables => {
    const base = activation(request, name, deps)
    return (wanted) => (wanted === 'params' && policy.spec?.paramKind !== undefined ? param : base(wanted))
  }
  const conditions = policy.spec?.matchConditions ?? []
  const held = await decided(request, () => conditionsHold(conditions, named(), new Budget(MATCH_CONDITIONS_BUDGET)))
  if (held !== true) {
    if (held !== false) failed(held)
    return false
  }
  const id = JSON.stringify([policyName, binding, param?.metadata?.namespace, param?.metadata?.name])
  if (second && !memory.again.has(id)) return false
  const compiled = await followed.compiled()
  let applied = false
  let changed = false
  for (const mutation of compiled.mutations) {
    const { object } = request
    if (object === undefined) break
    const startedMs = performance.now()
    const count = (message?: string) => {
      const seconds = (performance.now() - startedMs) / 1000
      deps.checked?.('mutating', { policy: policyName, binding, errorType: errorTypeOf(message), seconds })
    }
    try {
      const own: ResourceName = { resource: resourceOf(request), kind: request.kind }
      const before = deps.objects.convert(object, own, name)
      const { variables } = compiled
      const after = await decided(request, () =>
        mutated(mutation, before, { variables, names: named(), kind: name.kind, objects: deps.objects }),
      )
      changed ||= !semanticEqual(before, after)
      replaceContents(object, deps.objects.convert(after, name, own))
      applied = true
      count()
    } catch (error) {
      count(error instanceof Error ? error.message : '')
      if (error instanceof StatusError || !(error instanceof Error)) throw error
      failed(error.message)
    }
  }
  if (changed) applyAgain(memory)
  if (policy.spec?.reinvocationPolicy === 'IfNeeded') memory.applied.add(id)
  return applied
}

/** The first failure is the message; all of them are causes. */
function refusal(failures: readonly Failure[], request: AdmissionRequest): StatusError | undefined {
  const [first] = failures
  if (first === undefined) return undefined
  const { status } = admissionForbidden(request, 'admission request denied by policy')
  const causes = failures.map((failure) => ({ message: textOf(failure) }))
  return new StatusError({
    ...status,
    message: textOf(first),
    ...(first.reason !== undefined && { reason: first.reason }),
    details: { ...status.details, causes: [...(status.details?.causes ?? []), ...causes] },
  })
}

function textOf({ policy, binding, message }: Failure): string {
  const by = binding === undefined ? `"${policy}"` : `'${policy}' with binding '${binding}'`
  return `policy ${by} denied request: ${message}`
}
