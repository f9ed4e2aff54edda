/**
 * The default RBAC policy in the store.
 *
 * @see pkg/registry/rbac/rest/storage_rbac.go
 * @module
 */
import type { KubeObject } from '../../api/object.ts'
import { semanticEqual } from '../../api/semantic-equal.ts'
import { bootstrapPolicy, primedObjects, reconcile } from '../../rbac/bootstrap.ts'
import { objectKey } from '../../registry/endpoint.ts'
import { cached, create, ensure, type System } from './system.ts'

const RESOURCES: Readonly<Record<string, string>> = {
  ClusterRole: 'rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: 'rbac.authorization.k8s.io/v1/clusterrolebindings',
  Role: 'rbac.authorization.k8s.io/v1/roles',
  RoleBinding: 'rbac.authorization.k8s.io/v1/rolebindings',
}

/** Brings the default policy up to date; what an administrator added stays. */
export async function ensureRbacPolicy({ registry, cache }: System): Promise<void> {
  const named = (kind: string, name: string) => registry.get(RESOURCES[kind] ?? '', { namespace: '', name })
  for (const object of primedObjects(named)) await ensure(registry, RESOURCES[object.kind ?? ''] ?? '', object)
  await Promise.all(
    bootstrapPolicy.map(async (wanted) => {
      const resource = RESOURCES[wanted.kind ?? '']
      if (resource === undefined) throw new TypeError(`no RBAC kind ${wanted.kind}`)
      const key = { namespace: wanted.metadata?.namespace ?? '', name: wanted.metadata?.name ?? '' }
      const existing = cached(cache, resource).get(objectKey(key.namespace, key.name))?.object
      if (existing !== undefined && isAsWanted(existing, wanted)) return undefined
      const step = reconcile(existing, wanted)
      switch (step?.operation) {
        case 'create':
          return create(registry, resource, step.object)
        case 'update':
          await registry.update(resource, key, (object) => {
            // What reconciliation takes away (an aggregation that nobody wants) goes as well.
            for (const member of Object.keys(object)) if (!Object.hasOwn(step.object, member)) delete object[member]
            Object.assign(object, step.object)
          })
          return undefined
        case 'recreate':
          await registry.delete(resource, key, { preconditions: { uid: existing?.metadata?.uid ?? '' } })
          return create(registry, resource, step.object)
        case undefined:
          return undefined
      }
    }),
  )
}

/** What nobody has touched since it was made needs no closer look. */
function isAsWanted(existing: KubeObject, wanted: KubeObject): boolean {
  return (
    semanticEqual(existing.metadata?.labels, wanted.metadata?.labels) &&
    semanticEqual(existing.metadata?.annotations, wanted.metadata?.annotations) &&
    semanticEqual(existing['roleRef'], wanted['roleRef']) &&
    semanticEqual(existing['subjects'], wanted['subjects']) &&
    semanticEqual(existing['aggregationRule'], wanted['aggregationRule']) &&
    // A controller fills the rules of an aggregated role.
    (wanted['aggregationRule'] !== undefined || semanticEqual(existing['rules'], wanted['rules']))
  )
}
