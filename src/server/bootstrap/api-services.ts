/**
 * The local APIServices: one for each group and version that this server answers itself.
 *
 * As upstream marks them (`onstart`), they are brought up to date when a server starts; one that is deleted comes back with the next start.
 *
 * @see kube-aggregator/pkg/controllers/autoregister/autoregister_controller.go
 * @see pkg/controlplane/apiserver/aggregator.go
 * @module
 */

import { semanticEqual } from '../../api/semantic-equal.ts'
import type { APIService, APIServiceSpec } from '../../api/types/apiregistration/v1.ts'
import { cached, create, remove, type System } from './system.ts'

const RESOURCE = 'apiregistration.k8s.io/v1/apiservices'
const MANAGED = 'kube-aggregator.kubernetes.io/automanaged'
const OWN_GROUP = 'apiregistration.k8s.io'

/** Group priority, and the version priorities that are not the usual 15. */
const PRIORITIES: Readonly<Record<string, { group: number; versions?: Readonly<Record<string, number>> }>> = {
  '': { group: 18_000, versions: { v1: 1 } },
  'events.k8s.io': { group: 17_750 },
  apps: { group: 17_800 },
  'authentication.k8s.io': { group: 17_700 },
  'authorization.k8s.io': { group: 17_600 },
  autoscaling: { group: 17_500, versions: { v2: 30 } },
  batch: { group: 17_400 },
  'certificates.k8s.io': { group: 17_300 },
  'networking.k8s.io': { group: 17_200 },
  policy: { group: 17_100 },
  'rbac.authorization.k8s.io': { group: 17_000 },
  'storage.k8s.io': { group: 16_800 },
  'apiextensions.k8s.io': { group: 16_700 },
  'admissionregistration.k8s.io': { group: 16_700 },
  'scheduling.k8s.io': { group: 16_600 },
  'coordination.k8s.io': { group: 16_500 },
  'node.k8s.io': { group: 16_300 },
  'discovery.k8s.io': { group: 16_200 },
  'resource.k8s.io': { group: 16_200, versions: { v1: 21 } },
  'flowcontrol.apiserver.k8s.io': { group: 16_100, versions: { v1: 21 } },
}

export interface GroupVersion {
  group: string
  version: string
}

export async function ensureApiServices({ registry, cache }: System, served: Iterable<GroupVersion>): Promise<void> {
  const wanted = new Map<string, APIServiceSpec>()
  for (const { group, version } of served) if (group !== OWN_GROUP) wanted.set(`${version}.${group}`, specOf(group, version))
  const writes: Promise<unknown>[] = []
  for (const { object } of cached(cache, RESOURCE).snapshot().scan('')) {
    const { metadata, spec } = object as APIService
    const name = metadata?.name ?? ''
    const want = wanted.get(name)
    wanted.delete(name)
    if (metadata?.labels?.[MANAGED] !== 'onstart') continue
    if (want === undefined) writes.push(remove(registry, RESOURCE, { namespace: '', name }))
    else if (!semanticEqual(spec, want)) {
      writes.push(
        registry.update(RESOURCE, { namespace: '', name }, (service) => {
          service['spec'] = want
        }),
      )
    }
  }
  for (const [name, spec] of wanted) writes.push(create(registry, RESOURCE, { metadata: { name, labels: { [MANAGED]: 'onstart' } }, spec }))
  await Promise.all(writes)
}

function specOf(group: string, version: string): APIServiceSpec {
  const priority = PRIORITIES[group]
  return {
    ...(group === '' ? {} : { group }),
    version,
    groupPriorityMinimum: priority?.group ?? 1000,
    versionPriority: priority === undefined ? 100 : (priority.versions?.[version] ?? 15),
  }
}
