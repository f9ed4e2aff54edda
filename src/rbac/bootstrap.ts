/**
 * The roles and bindings that a cluster starts with, and how existing ones are brought up to them.
 *
 * @see pkg/registry/rbac/rest/storage_rbac.go, component-helpers/auth/rbac/reconciliation
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import { semanticEqual } from '../api/semantic-equal.ts'
import type { LabelSelector } from '../api/types/meta/v1.ts'
import type { RoleRef, Subject } from '../api/types/rbac/v1.ts'
import policy from './bootstrap-policy.json' with { type: 'json' }
import { uncovered } from './evaluate.ts'

/** `"false"` on an object: reconciliation leaves it alone. */
export const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate'

/** Kubernetes' default policy in the order of creation. Shared: only to be read. */
export const bootstrapPolicy = policy as readonly KubeObject[]

/** The same; the caller owns the answer. */
export function bootstrapObjects(): KubeObject[] {
  return structuredClone(policy) as KubeObject[]
}

export type Reconciliation =
  | { operation: 'create' | 'update'; object: KubeObject }
  /** A binding to another role: delete the existing one (with its uid as precondition), then create. */
  | { operation: 'recreate'; object: KubeObject }

/** What makes `existing` grant at least what `wanted` does; undefined when nothing is to be done or the object opted out. */
export function reconcile(existing: KubeObject | undefined, wanted: KubeObject): Reconciliation | undefined {
  if (existing === undefined) return { operation: 'create', object: wanted }
  if (existing.metadata?.annotations?.[AUTO_UPDATE] === 'false') return undefined
  return wanted.kind?.endsWith('Binding') ? reconcileBinding(existing, wanted) : reconcileRole(existing, wanted)
}

/** Extra rules and selectors stay; an aggregation that nobody wants goes. */
function reconcileRole(existing: KubeObject, wanted: KubeObject): Reconciliation | undefined {
  const object = structuredClone(existing)
  let changed = mergeMetadata(object, wanted)
  const missingRules = uncovered(existing['rules'] ?? [], wanted['rules'] ?? [])
  if (missingRules.length > 0) {
    object['rules'] = [...(existing['rules'] ?? []), ...missingRules]
    changed = true
  }
  if (wanted['aggregationRule'] === undefined) {
    if (existing['aggregationRule'] !== undefined) {
      delete object['aggregationRule']
      changed = true
    }
  } else {
    const present: LabelSelector[] = existing['aggregationRule']?.clusterRoleSelectors ?? []
    const missing = (wanted['aggregationRule'].clusterRoleSelectors as LabelSelector[]).filter(
      (one) => !present.some((other) => semanticEqual(one, other)),
    )
    if (missing.length > 0) {
      object['aggregationRule'] = { clusterRoleSelectors: [...present, ...missing] }
      changed = true
    }
  }
  return changed ? { operation: 'update', object } : undefined
}

function reconcileBinding(existing: KubeObject, wanted: KubeObject): Reconciliation | undefined {
  if (!sameFields<RoleRef>(existing['roleRef'], wanted['roleRef'], ['apiGroup', 'kind', 'name']))
    return { operation: 'recreate', object: wanted }
  const object = structuredClone(existing)
  const changed = mergeMetadata(object, wanted)
  const present: Subject[] = existing['subjects'] ?? []
  const missing = ((wanted['subjects'] ?? []) as Subject[]).filter(
    (one) => !present.some((other) => sameFields(one, other, ['apiGroup', 'kind', 'name', 'namespace'])),
  )
  if (missing.length > 0) object['subjects'] = [...present, ...missing]
  return changed || missing.length > 0 ? { operation: 'update', object } : undefined
}

/** Adds labels and annotations that are not there; says whether any was added. */
function mergeMetadata(object: KubeObject, wanted: KubeObject): boolean {
  object.metadata ??= {}
  let changed = false
  for (const member of ['labels', 'annotations'] as const) {
    const present = object.metadata[member] ?? {}
    const missing = Object.entries(wanted.metadata?.[member] ?? {}).filter(([key]) => !Object.hasOwn(present, key))
    if (missing.length === 0) continue
    object.metadata[member] = { ...present, ...Object.fromEntries(missing) }
    changed = true
  }
  return changed
}

function sameFields<T extends object>(a: T | undefined, b: T | undefined, names: readonly (keyof T)[]): boolean {
  return names.every((name) => (a?.[name] ?? '') === (b?.[name] ?? ''))
}

/** ClusterRoles that turned into aggregated ones: the old one's rules live on under the new name. */
const AGGREGATED: Readonly<Record<string, string>> = {
  admin: 'system:aggregate-to-admin',
  edit: 'system:aggregate-to-edit',
  view: 'system:aggregate-to-view',
}

/**
 * Objects to create before anything else, where a store comes from an old release: rules and subjects that people changed move along.
 *
 * @param get finds a ClusterRole or ClusterRoleBinding by name.
 */
export function primedObjects(get: (kind: 'ClusterRole' | 'ClusterRoleBinding', name: string) => KubeObject | undefined): KubeObject[] {
  const primed: KubeObject[] = []
  for (const [oldName, newName] of Object.entries(AGGREGATED)) {
    const old = get('ClusterRole', oldName)
    if (old === undefined || old['aggregationRule'] !== undefined || get('ClusterRole', newName) !== undefined) continue
    const { labels, annotations } = old.metadata ?? {}
    primed.push({
      apiVersion: old.apiVersion,
      kind: old.kind,
      metadata: { name: newName, labels, annotations },
      rules: structuredClone(old['rules'] ?? []),
    })
  }
  const discovery = get('ClusterRoleBinding', 'system:discovery')
  if (discovery !== undefined && get('ClusterRoleBinding', 'system:public-info-viewer') === undefined) {
    const template = bootstrapObjects().find(
      ({ kind, metadata }) => kind === 'ClusterRoleBinding' && metadata?.name === 'system:public-info-viewer',
    )
    const { labels, annotations } = discovery.metadata ?? {}
    if (template !== undefined)
      primed.push({
        ...template,
        metadata: { name: 'system:public-info-viewer', labels, annotations },
        subjects: structuredClone(discovery['subjects'] ?? []),
      })
  }
  return primed
}
