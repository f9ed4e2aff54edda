/**
 * `PodSecurity`: labels of a namespace say which Pod Security Standard its pods must keep, are warned of, and are audited for.
 *
 * @see pod-security-admission/admission/admission.go, plugin/pkg/admission/security/podsecurity/admission.go
 * @module
 */
import { setImmediate } from 'node:timers/promises'
import { aggregateErrors } from '../api/aggregate.ts'
import { type FieldError, fieldErrorText, invalidValue } from '../api/field.ts'
import { groupResourceName, type KubeObject } from '../api/object.ts'
import { forbidden, invalid } from '../api/status.ts'
import type { Container, Pod, PodSpec } from '../api/types/core/v1.ts'
import type { ObjectMeta } from '../api/types/meta/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { type Level, type LevelVersion, levelVersionText, podViolations, type Violation } from './podsecurity-checks.ts'

const PREFIX = 'pod-security.kubernetes.io/'
const LATEST = Number.POSITIVE_INFINITY
const LEVELS: readonly Level[] = ['privileged', 'baseline', 'restricted']

export interface PodSecurityPolicy {
  enforce: LevelVersion
  audit: LevelVersion
  warn: LevelVersion
}

/** `PodSecurityConfiguration` of `--admission-control-config-file`. */
export interface PodSecurityConfiguration {
  defaults: PodSecurityPolicy
  exemptions: { usernames: readonly string[]; runtimeClasses: readonly string[]; namespaces: readonly string[] }
}

const PRIVILEGED: LevelVersion = { level: 'privileged', minor: LATEST }

export const DEFAULT_POD_SECURITY: PodSecurityConfiguration = {
  defaults: { enforce: PRIVILEGED, audit: PRIVILEGED, warn: PRIVILEGED },
  exemptions: { usernames: [], runtimeClasses: [], namespaces: [] },
}

/** Subresources of pods that bring no containers. */
const IGNORED_SUBRESOURCES = new Set(['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status'])

/** Where workloads keep the pod they make. */
const TEMPLATES: Readonly<Record<string, (object: KubeObject) => { metadata?: ObjectMeta; spec?: PodSpec } | undefined>> = {
  replicationcontrollers: (object) => object['spec']?.template,
  podtemplates: (object) => object['template'],
  'replicasets.apps': (object) => object['spec']?.template,
  'deployments.apps': (object) => object['spec']?.template,
  'statefulsets.apps': (object) => object['spec']?.template,
  'daemonsets.apps': (object) => object['spec']?.template,
  'jobs.batch': (object) => object['spec']?.template,
  'cronjobs.batch': (object) => object['spec']?.jobTemplate?.spec?.template,
}

export function podSecurity({
  cache,
  podSecurity: config = DEFAULT_POD_SECURITY,
}: {
  cache: Cache
  podSecurity?: PodSecurityConfiguration
}): AdmissionPlugin {
  const isExempt = (request: AdmissionRequest): boolean => {
    const { usernames, namespaces } = config.exemptions
    const reason = namespaces.includes(request.namespace) ? 'namespace' : usernames.includes(request.user.username) ? 'user' : undefined
    if (reason !== undefined) request.annotate(`${PREFIX}exempt`, reason)
    return reason !== undefined
  }

  const policyOf = (namespace: string) =>
    policyToEvaluate(cache.resource('v1/namespaces')?.get(namespace)?.object.metadata?.labels ?? {}, config.defaults)

  const validatePod = (request: AdmissionRequest): void => {
    if (IGNORED_SUBRESOURCES.has(request.subresource) || isExempt(request)) return
    const { policy, errors } = policyOf(request.namespace)
    if (errors.length === 0 && [policy.enforce, policy.audit, policy.warn].every(({ level }) => level === 'privileged')) {
      request.annotate(`${PREFIX}enforce-policy`, levelVersionText(PRIVILEGED))
      return
    }
    const pod = request.object as Pod
    if (request.operation === 'UPDATE' && !changesImages(pod, request.oldObject as Pod)) return
    evaluate(request, { policy, errors }, pod.metadata ?? {}, pod.spec ?? {}, true)
  }

  const validateTemplate = (request: AdmissionRequest): void => {
    if (request.subresource !== '' || isExempt(request)) return
    const { policy, errors } = policyOf(request.namespace)
    if (errors.length === 0 && policy.warn.level === 'privileged' && policy.audit.level === 'privileged') return
    const template = TEMPLATES[groupResourceName(request)]?.(request.object ?? {})
    if (template !== undefined) evaluate(request, { policy, errors }, template.metadata ?? {}, template.spec ?? {}, false)
  }

  const evaluate = (
    request: AdmissionRequest,
    { policy, errors }: ParsedPolicy,
    metadata: ObjectMeta,
    spec: PodSpec,
    enforce: boolean,
  ): void => {
    if (spec.runtimeClassName !== undefined && config.exemptions.runtimeClasses.includes(spec.runtimeClassName)) {
      request.annotate(`${PREFIX}exempt`, 'runtimeClass')
      return
    }
    if (errors.length > 0) request.annotate(`${PREFIX}error`, `Failed to parse policy: ${aggregateErrors(errors.map(fieldErrorText))}`)
    const audited = podViolations(policy.audit, spec, metadata)
    if (enforce) request.annotate(`${PREFIX}enforce-policy`, levelVersionText(policy.enforce))
    if (audited.length > 0) request.annotate(`${PREFIX}audit-violations`, wouldViolate(policy.audit, audited))
    const enforced = enforce ? podViolations(policy.enforce, spec, metadata) : []
    if (enforced.length > 0)
      throw forbidden(request, request.name, `violates PodSecurity "${levelVersionText(policy.enforce)}": ${details(enforced)}`)
    const warned = podViolations(policy.warn, spec, metadata)
    if (warned.length > 0) request.warn(wouldViolate(policy.warn, warned))
  }

  const validateNamespace = (request: AdmissionRequest): void | Promise<void> => {
    if (request.subresource !== '') return
    const labels = request.object?.metadata?.labels ?? {}
    const { policy, errors } = policyToEvaluate(labels, config.defaults)
    const name = request.object?.metadata?.name ?? ''
    const isExemptNamespace = config.exemptions.namespaces.includes(name)
    if (request.operation === 'CREATE') {
      if (errors.length > 0) throw invalid(request.kind, request.name, errors)
      if (isExemptNamespace) warnOfExemption(request, name, policy, labels)
      return
    }
    const old = policyToEvaluate(request.oldObject?.metadata?.labels ?? {}, config.defaults)
    if (errors.length > 0 && JSON.stringify(errors) !== JSON.stringify(old.errors)) throw invalid(request.kind, request.name, errors)
    const { enforce } = policy
    const before = old.policy.enforce
    if (enforce.level === 'privileged') return
    if (enforce.minor === before.minor && LEVELS.indexOf(enforce.level) <= LEVELS.indexOf(before.level)) return
    if (isExemptNamespace) return warnOfExemption(request, name, policy, labels)
    return warnOfPods(request, name, enforce)
  }

  const warnOfExemption = (
    request: AdmissionRequest,
    name: string,
    policy: PodSecurityPolicy,
    labels: Readonly<Record<string, string>>,
  ): void => {
    const modes = (['enforce', 'audit', 'warn'] as const).filter(
      (mode) =>
        policy[mode].level !== 'privileged' &&
        (labels[`${PREFIX}${mode}`] !== undefined || labels[`${PREFIX}${mode}-version`] !== undefined),
    )
    if (modes.length === 0) return
    const text = modes.map((mode) => `${mode}=${levelVersionText(policy[mode])}`).join(', ')
    request.warn(`namespace "${name}" is exempt from Pod Security, and the policy (${text}) will be ignored`)
  }

  /** What is there already stays, and its violations are told. */
  const warnOfPods = async (request: AdmissionRequest, namespace: string, enforce: LevelVersion): Promise<void> => {
    const scanned = cache.resource('v1/pods')?.snapshot().scan(`${namespace}/`) ?? []
    const pods = prioritized([...scanned].map(({ object }) => object as Pod)).filter(
      ({ spec }) => !config.exemptions.runtimeClasses.includes(spec?.runtimeClassName ?? ''),
    )
    const found = new Map<string, string[]>()
    for (const [i, { metadata = {}, spec = {} }] of pods.slice(0, MAX_PODS).entries()) {
      if (i % PODS_IN_ONE_GO === PODS_IN_ONE_GO - 1) await setImmediate()
      const violations = podViolations(enforce, spec, metadata)
      if (violations.length === 0) continue
      const reasons = violations.map(({ reason }) => reason).join(', ')
      found.set(reasons, [...(found.get(reasons) ?? []), metadata.name ?? ''])
    }
    if (pods.length > MAX_PODS)
      request.warn(`new PodSecurity enforce level only checked against the first ${MAX_PODS} of ${pods.length} existing pods`)
    if (found.size === 0) return
    request.warn(`existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${levelVersionText(enforce)}"`)
    for (const text of [...found].map(([reasons, names]) => `${podNames(names)}: ${reasons}`).sort()) request.warn(text)
  }

  return {
    name: 'PodSecurity',
    handles: (request) => (request.operation === 'CREATE' || request.operation === 'UPDATE') && isJudged(request),
    validate(request) {
      if (request.group === '' && request.resource === 'namespaces') return validateNamespace(request)
      if (request.group === '' && request.resource === 'pods') validatePod(request)
      else validateTemplate(request)
      return undefined
    },
  }
}

const MAX_PODS = 3000
const PODS_IN_ONE_GO = 100

function isJudged(request: AdmissionRequest): boolean {
  if (request.group === '' && (request.resource === 'pods' || request.resource === 'namespaces')) return true
  return TEMPLATES[groupResourceName(request)] !== undefined
}

/** One pod of each controller first: the others are like it. */
function prioritized(pods: readonly Pod[]): Pod[] {
  const seen = new Set<string>()
  const first: Pod[] = []
  const rest: Pod[] = []
  for (const pod of pods) {
    const controller = pod.metadata?.ownerReferences?.find((owner) => owner.controller === true)?.uid
    if (controller === undefined || !seen.has(controller)) first.push(pod)
    else rest.push(pod)
    if (controller !== undefined) seen.add(controller)
  }
  return [...first, ...rest]
}

function podNames(names: readonly string[]): string {
  const first = [...names].sort()[0] ?? ''
  if (names.length === 1) return first
  return names.length === 2 ? `${first} (and 1 other pod)` : `${first} (and ${names.length - 1} other pods)`
}

function details(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`)).join(', ')
}

function wouldViolate(policy: LevelVersion, violations: readonly Violation[]): string {
  return `would violate PodSecurity "${levelVersionText(policy)}": ${details(violations)}`
}

/** Only images can change in a way that matters, and ephemeral containers be added. */
function changesImages({ spec = {} }: Pod, { spec: old = {} }: Pod): boolean {
  const pairs: [readonly Container[], readonly Container[]][] = [
    [spec.containers ?? [], old.containers ?? []],
    [spec.initContainers ?? [], old.initContainers ?? []],
  ]
  if (pairs.some(([now, before]) => now.length !== before.length || now.some(({ image }, i) => image !== before[i]?.image))) return true
  return (spec.ephemeralContainers ?? []).some(({ name, image }) => {
    const before = (old.ephemeralContainers ?? []).find((one) => one.name === name)
    return before === undefined || before.image !== image
  })
}

interface ParsedPolicy {
  policy: PodSecurityPolicy
  errors: FieldError[]
}

/** Labels over defaults. What cannot be read is `restricted` where it is enforced, and nothing where it only informs. */
function policyToEvaluate(labels: Readonly<Record<string, string>>, defaults: PodSecurityPolicy): ParsedPolicy {
  const errors: FieldError[] = []
  const policy: PodSecurityPolicy = { enforce: { ...defaults.enforce }, audit: { ...defaults.audit }, warn: { ...defaults.warn } }
  for (const mode of ['enforce', 'audit', 'warn'] as const) {
    const level = labels[`${PREFIX}${mode}`]
    if (level !== undefined) {
      const known = LEVELS.find((one) => one === level)
      policy[mode].level = known ?? (mode === 'enforce' ? 'restricted' : 'privileged')
      if (known === undefined) errors.push(invalidValue(`metadata.labels[${PREFIX}${mode}]`, level, `must be one of ${LEVELS.join(', ')}`))
    }
    const version = labels[`${PREFIX}${mode}-version`]
    if (version !== undefined) {
      const minor = version === 'latest' ? LATEST : /^v1\.([0-9]|[1-9][0-9]*)$/.exec(version)?.[1]
      policy[mode].minor = minor === undefined ? LATEST : Number(minor)
      if (minor === undefined) errors.push(invalidValue(`metadata.labels[${PREFIX}${mode}-version]`, version, 'must be "latest" or "v1.x"'))
    }
  }
  // Whoever is held to more than is warned of is warned of the same.
  const enforced = LEVELS.some((level) => level === labels[`${PREFIX}enforce`])
  if (labels[`${PREFIX}warn`] === undefined && enforced && LEVELS.indexOf(policy.enforce.level) > LEVELS.indexOf(policy.warn.level)) {
    policy.warn.level = policy.enforce.level
    if (labels[`${PREFIX}warn-version`] === undefined) policy.warn.minor = policy.enforce.minor
  }
  return { policy, errors }
}
