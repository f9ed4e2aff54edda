/**
 * Which requests a policy or a binding is for.
 *
 * @see apiserver/pkg/admission/plugin/policy/matching/matching.go
 * @module
 */
import { type LabelSelector, selectorFromObject } from '../api/labels.ts'
import type { MatchResources, NamedRuleWithOperations } from '../api/types/admissionregistration/v1.ts'
import type { AdmissionRequest } from './admission.ts'
import type { ActivationDeps } from './policy-activation.ts'
import { isAdmissionConfiguration, matchRequest, resourceOf } from './webhook-matching.ts'
import type { GroupVersionResource, ResourceName } from './webhook-objects.ts'

export interface Criteria {
  rules: readonly NamedRuleWithOperations[]
  exclude: readonly NamedRuleWithOperations[]
  namespaceSelector: LabelSelector
  objectSelector: LabelSelector
  matchesEquivalent: boolean
}

const EVERYTHING: readonly NamedRuleWithOperations[] = [
  { apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*', '*/*'] },
]
const NO_SELECTOR = selectorFromObject({})

/** Questions and orders to the server itself: a policy on them could lock everybody out. @see pkg/kubeapiserver/admission/exclusion/resources.go */
const EXCLUDED: ReadonlySet<string> = new Set([
  'authentication.k8s.io/selfsubjectreviews',
  'authentication.k8s.io/tokenreviews',
  'authorization.k8s.io/localsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
  'authorization.k8s.io/subjectaccessreviews',
  'podpass.dev/accessexplanations',
  'podpass.dev/clockadvances',
  'podpass.dev/signingkeyrotations',
  'podpass.dev/tokenrevocations',
])

export function isExemptFromPolicies(request: AdmissionRequest): boolean {
  return isAdmissionConfiguration(request) || EXCLUDED.has(`${request.group}/${request.resource}`)
}

export function criteriaOf(resources: MatchResources = {}): Criteria {
  const { resourceRules = [], excludeResourceRules = [], namespaceSelector, objectSelector, matchPolicy } = resources
  return {
    rules: resourceRules,
    exclude: excludeResourceRules,
    namespaceSelector: selectorFromObject(namespaceSelector ?? {}),
    objectSelector: selectorFromObject(objectSelector ?? {}),
    matchesEquivalent: matchPolicy !== 'Exact',
  }
}

/** Under which name the request is to be shown; undefined when it is not selected. Throws a StatusError when that cannot be told. */
export function matchCriteria(criteria: Criteria, request: AdmissionRequest, deps: ActivationDeps): ResourceName | undefined {
  const named = (rules: readonly NamedRuleWithOperations[]) =>
    rules.filter(({ resourceNames = [] }) => resourceNames.length === 0 || resourceNames.includes(request.name))
  const { exclude, rules, matchesEquivalent } = criteria
  if (exclude.length > 0) {
    const excluded = { rules: named(exclude), namespaceSelector: NO_SELECTOR, objectSelector: NO_SELECTOR, matchesEquivalent }
    if (matchRequest(excluded, request, deps) !== undefined) return undefined
  }
  const found = matchRequest({ ...criteria, rules: rules.length === 0 ? EVERYTHING : named(rules) }, request, deps)
  if (found === undefined || rules.length > 0) return found
  const resource: GroupVersionResource = resourceOf(request)
  return { resource, kind: request.kind }
}
