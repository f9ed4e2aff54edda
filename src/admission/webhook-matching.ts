/**
 * Which requests a webhook or a policy is asked about: rules, selectors, and other names of the same objects.
 *
 * @see apiserver/pkg/admission/plugin/webhook/{generic/webhook.go,predicates}
 * @module
 */
import type { LabelSelector } from '../api/labels.ts'
import { metaOf } from '../api/object.ts'
import { internalError, notFound, type StatusError } from '../api/status.ts'
import type { RuleWithOperations } from '../api/types/admissionregistration/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionRequest } from './admission.ts'
import type { GroupVersionResource, ObjectInterfaces, ResourceName } from './webhook-objects.ts'

export interface Matching<Rule extends RuleWithOperations = RuleWithOperations> {
  rules: readonly Rule[]
  namespaceSelector: LabelSelector
  objectSelector: LabelSelector
  matchesEquivalent: boolean
}

const CONFIGURATION_KINDS: ReadonlySet<string> = new Set([
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
])

/** Nothing may stand in the way of repairing what stands in the way. */
export function isAdmissionConfiguration({ kind }: AdmissionRequest): boolean {
  return kind.group === 'admissionregistration.k8s.io' && CONFIGURATION_KINDS.has(kind.kind)
}

/** Under which name the request is to be shown; undefined when it is not selected. Throws a StatusError when that cannot be told. */
export function matchRequest(
  matching: Matching,
  request: AdmissionRequest,
  { cache, objects }: { cache: Cache; objects: ObjectInterfaces },
): ResourceName | undefined {
  const namespaces = matchNamespace(matching.namespaceSelector, request, cache)
  if (namespaces === false) return undefined
  if (!matchObject(matching.objectSelector, request)) return undefined
  const name = matchRules(matching, request, objects)
  // A namespace that is missing matters only to those who would have been asked.
  if (name !== undefined && namespaces !== true) throw namespaces
  return name
}

function matchRules(
  { rules, matchesEquivalent }: Matching,
  request: AdmissionRequest,
  objects: ObjectInterfaces,
): ResourceName | undefined {
  if (rules.some((rule) => ruleMatches(rule, request, request))) return { resource: resourceOf(request), kind: request.kind }
  if (!matchesEquivalent) return undefined
  const equivalents = objects.equivalents(request, request.subresource)
  for (const rule of rules) {
    for (const name of equivalents) {
      if (!ruleMatches(rule, request, name.resource)) continue
      if (name.kind.kind === '') throw internalError(`unable to convert to ${goResource(name.resource)}: unknown kind`)
      return name
    }
  }
  return undefined
}

export function resourceOf({ group, version, resource }: AdmissionRequest): GroupVersionResource {
  return { group, version, resource }
}

function goResource({ group, version, resource }: GroupVersionResource): string {
  return `${group}/${version}, Resource=${resource}`
}

/** One rule against a request that goes by the name of `as`. */
export function ruleMatches(rule: RuleWithOperations, request: AdmissionRequest, as: GroupVersionResource): boolean {
  return (
    scopeMatches(rule.scope, request, as) &&
    has(rule.operations, request.operation) &&
    has(rule.apiGroups, as.group) &&
    has(rule.apiVersions, as.version) &&
    (rule.resources ?? []).some((wanted) => resourceMatches(wanted, as.resource, request.subresource))
  )
}

function has(wanted: readonly string[] | undefined, value: string): boolean {
  return wanted !== undefined && (wanted.includes('*') || wanted.includes(value))
}

/** Admission sees a namespace as being within itself; for a rule's scope it belongs to the cluster. */
function scopeMatches(scope: string | undefined, request: AdmissionRequest, as: GroupVersionResource): boolean {
  if (scope === undefined || scope === '*') return true
  const ofCluster = request.namespace === '' || (as.group === '' && as.version === 'v1' && as.resource === 'namespaces')
  if (scope === 'Cluster') return ofCluster
  return scope === 'Namespaced' && !ofCluster
}

function resourceMatches(wanted: string, resource: string, subresource: string): boolean {
  const slash = wanted.indexOf('/')
  const parent = slash === -1 ? wanted : wanted.slice(0, slash)
  const child = slash === -1 ? '' : wanted.slice(slash + 1)
  return (parent === '*' || parent === resource) && (child === '*' || child === subresource)
}

/** Labels of the namespace that the request is for; a 404 when there is none. */
function matchNamespace(selector: LabelSelector, request: AdmissionRequest, cache: Cache): boolean | StatusError {
  if (selector.requirements.length === 0) return true
  if (request.namespace === '' && request.resource !== 'namespaces') return true
  const { operation, resource, subresource, object } = request
  if (resource === 'namespaces' && subresource === '' && object !== undefined && (operation === 'CREATE' || operation === 'UPDATE')) {
    return selector.matches(metaOf(object).labels)
  }
  const namespace = cache.resource('v1/namespaces')?.get(request.namespace)
  if (namespace === undefined) return notFound({ group: '', resource: 'namespaces' }, request.namespace)
  return selector.matches(namespace.object.metadata?.labels)
}

function matchObject(selector: LabelSelector, { object, oldObject }: AdmissionRequest): boolean {
  if (selector.requirements.length === 0) return true
  return (
    (object !== undefined && selector.matches(object.metadata?.labels)) ||
    (oldObject !== undefined && selector.matches(oldObject.metadata?.labels))
  )
}
