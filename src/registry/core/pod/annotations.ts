/**
 * Annotations of pods and templates that mean something to the server.
 *
 * @see pkg/apis/core/validation/validation.go, ValidatePodSpecificAnnotations and ValidatePodSpecificAnnotationUpdates
 * @module
 */
import { type FieldError, forbiddenField, invalidValue } from '../../../api/field.ts'
import { quote } from '../../../api/status.ts'
import type { Pod, PodSpec, SeccompProfile, Toleration } from '../../../api/types/core/v1.ts'
import { APPARMOR_ANNOTATION_PREFIX } from './apparmor.ts'
import { allContainers } from './disabledfields.ts'
import { descendingPathErrors } from './paths.ts'
import { tolerationErrors } from './tolerations.ts'
import { eachContainer } from './visit.ts'

export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror'
export const SECCOMP_POD_ANNOTATION = 'seccomp.security.alpha.kubernetes.io/pod'
export const SECCOMP_CONTAINER_PREFIX = 'container.seccomp.security.alpha.kubernetes.io/'
const TOLERATIONS_ANNOTATION = 'scheduler.alpha.kubernetes.io/tolerations'
export const DELETION_COST_ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost'

type Annotations = Readonly<Record<string, string>> | undefined

export interface AnnotationOptions {
  allowInvalidPodDeletionCost: boolean
  allowTolerationComparison: boolean
}

export function podAnnotationErrors(annotations: Annotations, spec: PodSpec, field: string, options: AnnotationOptions): FieldError[] {
  if (annotations === undefined) return []
  const errors: FieldError[] = []
  const mirror = annotations[MIRROR_ANNOTATION]
  if (mirror !== undefined && !spec.nodeName) {
    errors.push(invalidValue(`${field}[${MIRROR_ANNOTATION}]`, mirror, 'must set spec.nodeName if mirror pod annotation is set'))
  }
  const tolerations = annotations[TOLERATIONS_ANNOTATION]
  if (tolerations) errors.push(...annotatedTolerationErrors(tolerations, field, options))
  if (!options.allowInvalidPodDeletionCost && !deletionCostIsValid(annotations)) {
    errors.push(invalidValue(`${field}[${DELETION_COST_ANNOTATION}]`, annotations[DELETION_COST_ANNOTATION], 'must be a 32bit integer'))
  }
  const seccomp = annotations[SECCOMP_POD_ANNOTATION]
  if (seccomp !== undefined) errors.push(...seccompErrors(seccomp, `${field}.${SECCOMP_POD_ANNOTATION}`))
  for (const key in annotations)
    if (key.startsWith(SECCOMP_CONTAINER_PREFIX)) errors.push(...seccompErrors(annotations[key]!, `${field}.${key}`))
  for (const key in annotations) {
    if (key.startsWith(APPARMOR_ANNOTATION_PREFIX))
      errors.push(...appArmorErrors(annotations[key]!, spec, `${field}[${key}]`, key.slice(APPARMOR_ANNOTATION_PREFIX.length)))
  }
  return errors
}

/** Mirror pods are read-only copies, and AppArmor once was decided at creation. */
export function podAnnotationUpdateErrors(pod: Pod, old: Pod, field: string, options: AnnotationOptions): FieldError[] {
  const annotations = pod.metadata?.annotations ?? {}
  const before = old.metadata?.annotations ?? {}
  const errors: FieldError[] = []
  for (const key in before) {
    if (annotations[key] === before[key]) continue
    if (key.startsWith(APPARMOR_ANNOTATION_PREFIX))
      errors.push(forbiddenField(`${field}[${key}]`, 'may not remove or update AppArmor annotations'))
    if (key === MIRROR_ANNOTATION) errors.push(forbiddenField(`${field}[${key}]`, 'may not remove or update mirror pod annotation'))
  }
  for (const key in annotations) {
    if (before[key] !== undefined) continue
    if (key.startsWith(APPARMOR_ANNOTATION_PREFIX)) errors.push(forbiddenField(`${field}[${key}]`, 'may not add AppArmor annotations'))
    if (key === MIRROR_ANNOTATION) errors.push(forbiddenField(`${field}[${key}]`, 'may not add mirror pod annotation'))
  }
  errors.push(...podAnnotationErrors(annotations, pod.spec ?? {}, field, options))
  return errors
}

export function deletionCostIsValid(annotations: Annotations): boolean {
  const cost = annotations?.[DELETION_COST_ANNOTATION]
  if (cost === undefined) return true
  return /^(0|-?[0-9]+)$/.test(cost) && !/^0./.test(cost) && BigInt(cost) >= -2147483648n && BigInt(cost) <= 2147483647n
}

/** Where a seccomp or AppArmor profile is given both as annotation and as field, they agree. */
export function profileAgreementErrors(annotations: Annotations, spec: PodSpec, path: string): FieldError[] {
  if (annotations === undefined) return []
  const errors: FieldError[] = []
  const podAnnotation = annotations[SECCOMP_POD_ANNOTATION]
  const podProfile = spec.securityContext?.seccompProfile
  if (podAnnotation !== undefined && podProfile !== undefined)
    errors.push(...seccompAgreementErrors(podAnnotation, podProfile, `${path}.securityContext.seccompProfile`))
  eachContainer(spec, path, (container, field) => {
    const annotation = annotations[`${SECCOMP_CONTAINER_PREFIX}${container.name ?? ''}`]
    const profile = container.securityContext?.seccompProfile
    if (annotation !== undefined && profile !== undefined)
      errors.push(...seccompAgreementErrors(annotation, profile, `${field()}.securityContext.seccompProfile`))
  })
  if (spec.os?.name === 'windows') return errors
  eachContainer(spec, path, (container, field) => {
    const annotation = annotations[`${APPARMOR_ANNOTATION_PREFIX}${container.name ?? ''}`]
    const profile = container.securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile
    if (annotation === undefined || profile === undefined) return
    const agreement = { annotation, profile, word: 'apparmor', runtimeDefault: ['runtime/default'] }
    errors.push(...agreementErrors(agreement, `${field()}.securityContext.appArmorProfile`))
  })
  return errors
}

function seccompAgreementErrors(annotation: string, profile: SeccompProfile, field: string): FieldError[] {
  return agreementErrors({ annotation, profile, word: 'seccomp', runtimeDefault: ['runtime/default', 'docker/default'] }, field)
}

interface Agreement {
  annotation: string
  profile: { type?: string | undefined; localhostProfile?: string | undefined }
  word: string
  /** What the annotation may say for RuntimeDefault. */
  runtimeDefault: readonly string[]
}

function agreementErrors({ annotation, profile, word, runtimeDefault }: Agreement, field: string): FieldError[] {
  const otherType = [forbiddenField(`${field}.type`, `${word} type in annotation and field must match`)]
  switch (profile.type) {
    case 'Unconfined':
      return annotation === 'unconfined' ? [] : otherType
    case 'RuntimeDefault':
      return runtimeDefault.includes(annotation) ? [] : otherType
    case 'Localhost':
      if (!annotation.startsWith('localhost/')) return otherType
      if (annotation.slice('localhost/'.length) === profile.localhostProfile) return []
      return [forbiddenField(`${field}.localhostProfile`, `${word} profile in annotation and field must match`)]
    default:
      return []
  }
}

function annotatedTolerationErrors(text: string, field: string, options: AnnotationOptions): FieldError[] {
  let tolerations: unknown
  try {
    tolerations = JSON.parse(text)
  } catch (error) {
    return [invalidValue(field, TOLERATIONS_ANNOTATION, (error as Error).message)]
  }
  if (!Array.isArray(tolerations))
    return [invalidValue(field, TOLERATIONS_ANNOTATION, 'json: cannot unmarshal into Go value of type []core.Toleration')]
  return tolerationErrors(tolerations as Toleration[], `${field}.${TOLERATIONS_ANNOTATION}`, options)
}

function seccompErrors(profile: string, field: string): FieldError[] {
  if (profile === 'runtime/default' || profile === 'docker/default' || profile === 'unconfined') return []
  if (profile.startsWith('localhost/')) return descendingPathErrors(profile.slice('localhost/'.length), field)
  return [invalidValue(field, profile, 'must be a valid seccomp profile')]
}

function appArmorErrors(profile: string, spec: PodSpec, field: string, container: string): FieldError[] {
  const errors: FieldError[] = []
  if (!allContainers(spec).some((one) => one.name === container)) errors.push(invalidValue(field, container, 'container not found'))
  const valid = profile === '' || profile === 'runtime/default' || profile === 'unconfined' || profile.startsWith('localhost/')
  if (!valid) errors.push(invalidValue(field, profile, `invalid AppArmor profile name: ${quote(profile)}`))
  return errors
}
