/**
 * `clusterrole-aggregation-controller`: aggregated ClusterRoles have the rules of those that their selectors find.
 *
 * @see pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go
 * @module
 */
import type { ClusterRole } from '../api/types/rbac/v1.ts'
import { aggregatedRules, sameRules } from '../rbac/aggregation.ts'
import { type Controller, clientOf, closeWith, concurrencyOf, required } from './controller.ts'
import { WorkQueue } from './work-queue.ts'

const NAME = 'clusterrole-aggregation-controller'

export const clusterRoleAggregation: Controller = {
  name: NAME,
  async start(context, signal) {
    const client = clientOf(context, NAME)
    const roles = required(context, 'rbac.authorization.k8s.io/v1/clusterroles')
    /** Aggregated roles, by name: few, and any change of any role may be theirs. */
    const aggregated = new Set<string>()
    const queue = new WorkQueue({
      clock: context.clock,
      concurrency: concurrencyOf(context, NAME, 5),
      async reconcile(name) {
        const present = roles.get(name)?.object as ClusterRole | undefined
        if (present === undefined) return
        const rules = aggregatedRules(present, allRoles())
        if (rules === undefined || sameRules(rules, present.rules)) return
        await client.call({
          method: 'PATCH',
          path: `/apis/rbac.authorization.k8s.io/v1/clusterroles/${encodeURIComponent(name)}?fieldManager=${NAME}&force=true`,
          contentType: 'application/apply-patch+yaml',
          body: {
            kind: 'ClusterRole',
            apiVersion: 'rbac.authorization.k8s.io/v1',
            metadata: { name },
            // An empty list is not applied: then nobody owns the field.
            ...(rules.length > 0 && { rules }),
          },
        })
      },
      onError: (role, err, failures) => context.log.warn({ role, err, failures }, 'cluster role not aggregated'),
    })
    function* allRoles(): Iterable<ClusterRole> {
      for (const { object } of roles.snapshot().scan('')) yield object as ClusterRole
    }
    const following = roles.follow(({ type, object }) => {
      if (type !== 'DELETED' && (object.object as ClusterRole).aggregationRule !== undefined) aggregated.add(object.key)
      else aggregated.delete(object.key)
      for (const name of aggregated) queue.add(name)
    })
    closeWith(signal, following, queue)
  },
}
