/**
 * What a server creates by itself before it says it is ready.
 *
 * @see pkg/controlplane/instance.go, pkg/registry/rbac/rest/storage_rbac.go
 * @module
 */

import type { KubeObject } from '../api/object.ts'
import { isStatusError } from '../api/status.ts'
import { bootstrapObjects, primedObjects, reconcile } from '../rbac/bootstrap.ts'
import type { RegistryAccess } from '../registry/resource.ts'

export const SYSTEM_NAMESPACES = ['kube-system', 'kube-public', 'kube-node-lease', 'default'] as const

const RBAC_RESOURCES: Readonly<Record<string, string>> = {
  ClusterRole: 'rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: 'rbac.authorization.k8s.io/v1/clusterrolebindings',
  Role: 'rbac.authorization.k8s.io/v1/roles',
  RoleBinding: 'rbac.authorization.k8s.io/v1/rolebindings',
}

export async function bootstrapNamespaces(registry: RegistryAccess): Promise<void> {
  await Promise.all(SYSTEM_NAMESPACES.map((name) => ensure(registry, 'v1/namespaces', { metadata: { name } })))
}

/** Brings the default policy up to date; what an administrator added stays. */
export async function bootstrapRbac(registry: RegistryAccess): Promise<void> {
  const named = (kind: string, name: string) => registry.get(RBAC_RESOURCES[kind] ?? '', { namespace: '', name })
  for (const object of primedObjects(named)) await ensure(registry, RBAC_RESOURCES[object.kind ?? ''] ?? '', object)
  await Promise.all(
    bootstrapObjects().map(async (wanted) => {
      const resource = RBAC_RESOURCES[wanted.kind ?? '']
      if (resource === undefined) throw new TypeError(`no RBAC kind ${wanted.kind}`)
      const key = { namespace: wanted.metadata?.namespace ?? '', name: wanted.metadata?.name ?? '' }
      const existing = registry.get(resource, key)
      const step = reconcile(existing, wanted)
      switch (step?.operation) {
        case 'create':
          return ensure(registry, resource, step.object)
        case 'update':
          await registry.update(resource, key, (object) => {
            // What reconciliation takes away (an aggregation that nobody wants) goes as well.
            for (const member of Object.keys(object)) if (!Object.hasOwn(step.object, member)) delete object[member]
            Object.assign(object, step.object)
          })
          return undefined
        case 'recreate':
          await registry.delete(resource, key, { preconditions: { uid: existing?.metadata?.uid ?? '' } })
          return ensure(registry, resource, step.object)
        case undefined:
          return undefined
      }
    }),
  )
}

/** Another replica may have been faster. */
export async function ensure(registry: RegistryAccess, resource: string, object: KubeObject): Promise<void> {
  const key = { namespace: object.metadata?.namespace ?? '', name: object.metadata?.name ?? '' }
  if (registry.get(resource, key) !== undefined) return
  try {
    await registry.create(resource, object)
  } catch (error) {
    if (!isStatusError(error, 'AlreadyExists')) throw error
  }
}
