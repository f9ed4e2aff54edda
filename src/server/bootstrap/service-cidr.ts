/**
 * The ServiceCIDR `kubernetes`: the configured range of cluster IPs as an object.
 *
 * @see pkg/controlplane/controller/defaultservicecidr/default_servicecidr_controller.go, KEP-1880
 * @module
 */

import { semanticEqual } from '../../api/semantic-equal.ts'
import type { ServiceCIDR } from '../../api/types/networking/v1.ts'
import { rfc3339 } from '../../clock.ts'
import { about, repeat } from './loop.ts'
import { cached, create, type System } from './system.ts'

const RESOURCE = 'networking.k8s.io/v1/servicecidrs'
const NAME = 'kubernetes'
const MANAGER = 'kubernetes-service-cidr-controller'

export async function ensureServiceCidr({ registry, client, clock, log }: System, ranges: readonly string[]): Promise<void> {
  const key = { namespace: '', name: NAME }
  const find = () => registry.get(RESOURCE, key) as ServiceCIDR | undefined
  if (find() === undefined) await create(registry, RESOURCE, { metadata: { name: NAME }, spec: { cidrs: [...ranges] } })
  const present = find()
  if (present === undefined || present.metadata?.deletionTimestamp !== undefined) return
  const cidrs = present.spec?.cidrs ?? []
  if (ranges.length === 2 && cidrs.length === 1 && cidrs[0] === ranges[0]) {
    await registry.update(RESOURCE, key, (object) => {
      object['spec'] = { cidrs: [...ranges] }
    })
    return
  }
  if (!semanticEqual(cidrs, ranges)) {
    log.warn({ cidrs, ranges }, 'the default ServiceCIDR is not what --service-cluster-ip-range says')
    return
  }
  const status = present.status?.conditions?.find(({ type }) => type === 'Ready')?.status
  // A condition that somebody else made False is theirs to lift.
  if (status === 'True' || status === 'False') return
  await client.call({
    method: 'PATCH',
    path: `/apis/networking.k8s.io/v1/servicecidrs/${NAME}/status?fieldManager=${MANAGER}&force=true`,
    contentType: 'application/apply-patch+yaml',
    body: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name: NAME },
      status: {
        conditions: [
          {
            type: 'Ready',
            status: 'True',
            lastTransitionTime: rfc3339(clock.nowMs()),
            message: 'Kubernetes default Service CIDR is ready',
          },
        ],
      },
    },
  })
}

export function keepServiceCidr(system: System, ranges: readonly string[]): void {
  const { cache, clock, log, signal } = system
  repeat({
    name: MANAGER,
    clock,
    log,
    signal,
    work: () => ensureServiceCidr(system, ranges),
    settleMs: 10_000,
    watch: [{ resource: cached(cache, RESOURCE), concerns: about(NAME) }],
  })
}
