/**
 * `ValidatingAdmissionPolicy`: rules that the API itself holds, written in CEL, in force where a binding says so.
 *
 * @see apiserver/pkg/admission/plugin/policy/validating/dispatcher.go; KEP-3488
 * @module
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { byteOrder } from '../api/byte-order.ts'
import { encodeJson } from '../api/encode.ts'
import { selectorFromObject } from '../api/labels.ts'
import type { KubeObject } from '../api/object.ts'
import { notFound, StatusError } from '../api/status.ts'
import type { ParamRef, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../api/types/admissionregistration/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'
import { type ActivationDeps, activation } from './policy-activation.ts'
import { type Criteria, criteriaOf, isExemptFromPolicies, matchCriteria } from './policy-matching.ts'
import { askPolicy, type CompiledPolicy, compilePolicy, type Findings } from './validatingpolicy-compiled.ts'

const FAILURE_ANNOTATION = 'validation.policy.admission.k8s.io/validation_failure'
const MAX_ANNOTATION_BYTES = 10 * 1024
const CODES: Readonly<Record<string, number>> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413 }

interface Bound {
  binding: ValidatingAdmissionPolicyBinding
  name: string
  criteria: Criteria
}

interface Followed {
  name: string
  policy: ValidatingAdmissionPolicy
  criteria: Criteria
  bindings: readonly Bound[]
  /** Compiled when it first concerns a request. */
  compiled(): Promise<CompiledPolicy>
}

interface Denied {
  policy: string
  binding: string | undefined
  message: string
  reason: string
}

export function validatingAdmissionPolicy(deps: ActivationDeps): AdmissionPlugin {
  const policies = followPolicies(deps.cache)
  return {
    name: 'ValidatingAdmissionPolicy',
    handles: (request) => policies().length > 0 && !isExemptFromPolicies(request),
    async validate(request) {
      const denied: Denied[] = []
      for (const policy of policies()) await askOne(policy, request, deps, denied)
      const [first] = denied
      if (first !== undefined) throw refusal(first, request)
    },
  }
}

/** Policies that have bindings, by name. */
function followPolicies(cache: Cache): () => readonly Followed[] {
  const policies = new Map<string, ValidatingAdmissionPolicy>()
  const bindings = new Map<string, Bound>()
  let all: readonly Followed[] | undefined = []
  cache.resource('admissionregistration.k8s.io/v1/validatingadmissionpolicies')?.follow(({ type, object }) => {
    if (type === 'DELETED') policies.delete(object.key)
    else policies.set(object.key, object.object as ValidatingAdmissionPolicy)
    all = undefined
  })
  cache.resource('admissionregistration.k8s.io/v1/validatingadmissionpolicybindings')?.follow(({ type, object }) => {
    const binding = object.object as ValidatingAdmissionPolicyBinding
    if (type === 'DELETED') bindings.delete(object.key)
    else bindings.set(object.key, { binding, name: object.key, criteria: criteriaOf(binding.spec?.matchResources) })
    all = undefined
  })
  const compiled = new WeakMap<ValidatingAdmissionPolicy, Promise<CompiledPolicy>>()
  const compiledOnce = (policy: ValidatingAdmissionPolicy): Promise<CompiledPolicy> => {
    const known = compiled.get(policy) ?? compilePolicy(policy)
    compiled.set(policy, known)
    return known
  }
  return () => {
    all ??= [...policies.keys()].sort(byteOrder).flatMap((name): Followed[] => {
      const policy = policies.get(name) as ValidatingAdmissionPolicy // one of its keys
      const bound = [...bindings.values()].filter(({ binding }) => binding.spec?.policyName === name)
      if (bound.length === 0) return []
      bound.sort((a, b) => byteOrder(a.name, b.name))
      return [{ name, policy, criteria: criteriaOf(policy.spec?.matchConstraints), bindings: bound, compiled: () => compiledOnce(policy) }]
    })
    return all
  }
}

async function askOne(followed: Followed, request: AdmissionRequest, deps: ActivationDeps, denied: Denied[]): Promise<void> {
  const { policy, name } = followed
  const ignoresFailures = policy.spec?.failurePolicy === 'Ignore'
  const misconfigured = (error: unknown, binding?: string) => {
    if (!(error instanceof Error)) throw error
    const what = binding === undefined ? 'policy' : 'binding'
    if (!ignoresFailures) denied.push({ policy: name, binding, message: `failed to configure ${what}: ${error.message}`, reason: '' })
  }
  let shownAs: ReturnType<typeof matchCriteria>
  try {
    shownAs = matchCriteria(followed.criteria, request, deps)
  } catch (error) {
    return misconfigured(error)
  }
  if (shownAs === undefined) return
  const annotations = new Map<string, Set<string>>()
  const variables = activation(request, shownAs, deps)
  for (const bound of followed.bindings) {
    let params: readonly unknown[]
    try {
      if (matchCriteria(bound.criteria, request, deps) === undefined) continue
      params = paramsOf(policy, bound.binding.spec?.paramRef, request, deps)
    } catch (error) {
      misconfigured(error, bound.name)
      continue
    }
    if (params.length > 0) checkNamespace(request, deps)
    for (const param of params) {
      const findings = await askPolicy(await followed.compiled(), variables, param)
      take(findings, followed, bound, request, { denied, annotations })
      // Others are served between two evaluations.
      await nextTurn()
    }
  }
  for (const [key, values] of annotations) request.annotate(`${name}/${key}`, [...values].join(', '))
}

function checkNamespace(request: AdmissionRequest, { cache }: ActivationDeps): void {
  if (request.namespace === '' || (request.kind.kind === 'Namespace' && request.kind.group === '')) return
  if (cache.resource('v1/namespaces')?.get(request.namespace) === undefined)
    throw notFound({ group: '', resource: 'namespaces' }, request.namespace)
}

function take(
  { denials, published, failedAnnotations }: Findings,
  { name }: Followed,
  { name: binding, binding: { spec } }: Bound,
  request: AdmissionRequest,
  { denied, annotations }: { denied: Denied[]; annotations: Map<string, Set<string>> },
): void {
  const actions = spec?.validationActions ?? []
  for (const { index, message, reason } of denials) {
    if (actions.includes('Deny')) denied.push({ policy: name, binding, message, reason })
    if (actions.includes('Audit')) {
      request.annotate(
        FAILURE_ANNOTATION,
        encodeJson([{ message, policy: name, binding, expressionIndex: index, validationActions: actions }]),
      )
    }
    if (actions.includes('Warn'))
      request.warn(`Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${binding}': ${message}`)
  }
  for (const { key, value } of published) {
    const values = annotations.get(key) ?? new Set()
    annotations.set(key, values.add(Buffer.from(value).subarray(0, MAX_ANNOTATION_BYTES).toString()))
  }
  for (const message of failedAnnotations) denied.push({ policy: name, binding, message, reason: '' })
}

/** What the binding lets the policy see as `params`: one null without parameters. Throws what is wrong with the configuration. */
function paramsOf(
  { spec }: ValidatingAdmissionPolicy,
  ref: ParamRef | undefined,
  request: AdmissionRequest,
  { objects }: ActivationDeps,
): readonly unknown[] {
  const kind = spec?.paramKind
  if (kind === undefined || ref === undefined) return [null]
  const source = objects.parameters(kind.apiVersion ?? '', kind.kind ?? '')
  if (source === undefined)
    throw new Error(`failed to find resource referenced by paramKind: '${kindText(kind.apiVersion ?? '', kind.kind ?? '')}'`)
  if (!source.namespaced && (ref.namespace ?? '') !== '')
    throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`')
  const namespace = source.namespaced ? ref.namespace || request.namespace : ''
  if (source.namespaced && namespace === '')
    throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources')
  const found: KubeObject[] = []
  if (ref.name !== undefined && ref.name !== '') {
    const one = source.get(namespace, ref.name)
    if (one !== undefined) found.push(one)
  } else if (ref.selector !== undefined) {
    const selector = selectorFromObject(ref.selector)
    for (const one of source.list(namespace)) if (selector.matches(one.metadata?.labels)) found.push(one)
  } else throw new Error('one of name or selector must be provided')
  if (found.length === 0 && ref.parameterNotFoundAction === 'Deny') {
    throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction')
  }
  return found
}

function kindText(apiVersion: string, kind: string): string {
  const slash = apiVersion.indexOf('/')
  return slash === -1 ? `/${apiVersion}, Kind=${kind}` : `${apiVersion}, Kind=${kind}`
}

function refusal({ policy, binding, message, reason }: Denied, request: AdmissionRequest): StatusError {
  const by = binding === undefined ? '' : ` with binding '${binding}'`
  const text = `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${message}`
  const { status } = admissionForbidden(request, text)
  const given = reason === '' ? 'Invalid' : reason
  return new StatusError({
    ...status,
    reason: given,
    code: CODES[given] ?? 422,
    details: { ...status.details, causes: [...(status.details?.causes ?? []), { message: text }] },
  })
}
