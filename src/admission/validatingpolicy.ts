/**
 * `ValidatingAdmissionPolicy`: rules that the API itself holds, written in CEL, in force where a binding says so.
 *
 * @see apiserver/pkg/admission/plugin/policy/validating/dispatcher.go; KEP-3488
 * @module
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { encodeJson } from '../api/encode.ts'
import { StatusError } from '../api/status.ts'
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../api/types/admissionregistration/v1.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'
import { type ActivationDeps, activation } from './policy-activation.ts'
import { errorTypeOf, type PolicyCheck } from './policy-checks.ts'
import { decided } from './policy-decisions.ts'
import { type BoundPolicy, type FollowedPolicy, followPolicies } from './policy-following.ts'
import { isExemptFromPolicies, matchCriteria } from './policy-matching.ts'
import { checkNamespace, checkParamKind, paramsOf } from './policy-params.ts'
import { askPolicy, type CompiledPolicy, compilePolicy, type Findings } from './validatingpolicy-compiled.ts'

const FAILURE_ANNOTATION = 'validation.policy.admission.k8s.io/validation_failure'
const MAX_ANNOTATION_BYTES = 10 * 1024
const CODES: Readonly<Record<string, number>> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413 }

type Followed = FollowedPolicy<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, CompiledPolicy>
type Bound = BoundPolicy<ValidatingAdmissionPolicyBinding>

interface Denied {
  policy: string
  binding: string | undefined
  message: string
  reason: string
}

export function validatingAdmissionPolicy(deps: ActivationDeps): AdmissionPlugin {
  const policies = followPolicies<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, CompiledPolicy>(
    deps.cache,
    { policies: 'validatingadmissionpolicies', bindings: 'validatingadmissionpolicybindings' },
    compilePolicy,
  )
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
    if (shownAs !== undefined) checkParamKind(policy.spec?.paramKind, deps)
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
      params = paramsOf(policy.spec?.paramKind, bound.binding.spec?.paramRef, request, deps)
    } catch (error) {
      misconfigured(error, bound.name)
      continue
    }
    if (params.length > 0) checkNamespace(request, deps)
    for (const param of params) {
      const compiled = await followed.compiled()
      const findings = await decided(request, () => askPolicy(compiled, variables, param))
      take(findings, followed, bound, request, { denied, annotations, checked: deps.checked })
      // Others are served between two evaluations.
      await nextTurn()
    }
  }
  for (const [key, values] of annotations) request.annotate(`${name}/${key}`, [...values].join(', '))
}

function take(
  { denials, ignored, published, failedAnnotations }: Findings,
  { name }: Followed,
  { name: binding, binding: { spec } }: Bound,
  request: AdmissionRequest,
  { denied, annotations, checked }: { denied: Denied[]; annotations: Map<string, Set<string>>; checked: ActivationDeps['checked'] },
): void {
  const actions = spec?.validationActions ?? []
  const count = (action: NonNullable<PolicyCheck['action']>, message: string, seconds: number) =>
    checked?.('validating', { policy: name, binding, errorType: errorTypeOf(message), action, seconds })
  for (const { message, seconds } of ignored) count('allow', message, seconds)
  for (const { index, message, reason, seconds } of denials) {
    for (const action of actions) count(action.toLowerCase() as 'deny', message, seconds)
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
  for (const message of failedAnnotations) {
    denied.push({ policy: name, binding, message, reason: '' })
    count('deny', message, 0)
  }
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
