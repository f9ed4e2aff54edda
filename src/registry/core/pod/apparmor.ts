/**
 * AppArmor profiles once given as annotations of the pod, carried over to the containers' own fields.
 *
 * @see pkg/registry/core/pod/strategy.go, applyAppArmorVersionSkew; pkg/api/pod/util.go, ApparmorFieldForAnnotation
 * @module
 */
import type { AppArmorProfile, Pod } from '../../../api/types/core/v1.ts'
import { allContainers } from './disabledfields.ts'
import { appArmorProfileErrors } from './securitycontext.ts'
import { semanticEqual } from './semanticequal.ts'

export const APPARMOR_ANNOTATION_PREFIX = 'container.apparmor.security.beta.kubernetes.io/'
const LOCALHOST_PREFIX = 'localhost/'

/** Sets `securityContext.appArmorProfile` of containers that only have the annotation; warns where that one decides or means nothing. */
export function applyAppArmorAnnotations(pod: Pod, warn: (text: string) => void): void {
  const annotations = pod.metadata?.annotations
  if (annotations === undefined || pod.spec === undefined || pod.spec.os?.name === 'windows') return
  for (const container of allContainers(pod.spec)) {
    const key = `${APPARMOR_ANNOTATION_PREFIX}${container.name ?? ''}`
    const annotation = annotations[key]
    if (annotation === undefined || container.securityContext?.appArmorProfile !== undefined) continue
    const profile = appArmorProfileOfAnnotation(annotation)
    if (profile !== undefined && semanticEqual(profile, pod.spec.securityContext?.appArmorProfile)) continue
    if (profile !== undefined) {
      container.securityContext ??= {}
      container.securityContext.appArmorProfile = profile
    }
    warn(`metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`)
  }
}

/** The field that says what the annotation said; undefined when it said nothing valid. */
export function appArmorProfileOfAnnotation(annotation: string): AppArmorProfile | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' }
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' }
  if (!annotation.startsWith(LOCALHOST_PREFIX)) return undefined
  const profile = { type: 'Localhost', localhostProfile: annotation.slice(LOCALHOST_PREFIX.length) }
  return appArmorProfileErrors(profile, '').length === 0 ? profile : undefined
}
