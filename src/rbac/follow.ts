/**
 * Roles and bindings as a cache tells of them.
 *
 * @module
 */
import type { ClusterRole, Role, RoleRef, Subject } from '../api/types/rbac/v1.ts'
import type { Cache, Subscription } from '../cache/cache.ts'

/** Cache ids of the four kinds of RBAC. */
export const RBAC_CACHES = ['clusterroles', 'roles', 'clusterrolebindings', 'rolebindings'].map(
  (resource) => `rbac.authorization.k8s.io/v1/${resource}`,
)

/** Told of each role and binding that is there, and of every change. The namespace is `''` for the cluster's, the object undefined once it is gone. */
export interface RbacFollower {
  role(namespace: string, name: string, role: Role | ClusterRole | undefined): void
  binding(namespace: string, name: string, binding: { roleRef: RoleRef; subjects: readonly Subject[] } | undefined): void
}

/** Until `close` of the answer. */
export function followRbac(cache: Pick<Cache, 'resource'>, follower: RbacFollower): Subscription {
  const subscriptions = RBAC_CACHES.map((id) => {
    const resource = cache.resource(id)
    if (resource === undefined) throw new TypeError(`the cache keeps no ${id}`)
    const isRole = id.endsWith('roles')
    return resource.follow(({ type, object: { object } }) => {
      const { name = '', namespace = '' } = object.metadata ?? {}
      if (isRole) follower.role(namespace, name, type === 'DELETED' ? undefined : object)
      else
        follower.binding(
          namespace,
          name,
          type === 'DELETED' ? undefined : { roleRef: object['roleRef'] ?? {}, subjects: object['subjects'] ?? [] },
        )
    })
  })
  return {
    close() {
      for (const subscription of subscriptions) subscription.close()
    },
  }
}
