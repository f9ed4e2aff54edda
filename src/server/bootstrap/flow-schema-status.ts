/**
 * Says on each flow schema whether its priority level exists.
 *
 * @see apiserver/pkg/util/flowcontrol/apf_controller.go, presyncFlowSchemaStatus
 * @module
 */
import { isStatusError } from '../../api/status.ts'
import type { FlowSchema, FlowSchemaCondition } from '../../api/types/flowcontrol/v1.ts'
import { rfc3339 } from '../../clock.ts'
import { LEVELS, SCHEMAS } from './flowcontrol.ts'
import { repeat } from './loop.ts'
import { cached, type System } from './system.ts'

const MANAGER = 'api-priority-and-fairness-config-consumer-v1'
const SETTLE_MS = 20

export async function updateFlowSchemaStatus({ cache, client, clock }: System): Promise<void> {
  const levels = cached(cache, LEVELS)
  const writes: Promise<unknown>[] = []
  for (const { key, object } of cached(cache, SCHEMAS).snapshot().scan('')) {
    const schema = object as FlowSchema
    const wanted = danglingCondition(schema, (name) => levels.get(name) !== undefined)
    const present = schema.status?.conditions?.find(({ type }) => type === 'Dangling')
    if (present?.status === wanted.status && present?.reason === wanted.reason && present?.message === wanted.message) continue
    const body = {
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'FlowSchema',
      metadata: { name: key, uid: schema.metadata?.uid },
      status: { conditions: [{ ...wanted, lastTransitionTime: rfc3339(clock.nowMs()) }] },
    }
    const path = `/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/${key}/status?fieldManager=${MANAGER}&force=true`
    writes.push(client.call({ method: 'PATCH', path, contentType: 'application/apply-patch+yaml', body }).catch(unlessGone))
  }
  await Promise.all(writes)
}

export function keepFlowSchemaStatus(system: System): void {
  const { cache, clock, log, signal } = system
  const concerns = () => true
  repeat({
    name: 'priority-and-fairness-config-consumer',
    clock,
    log,
    signal,
    work: () => updateFlowSchemaStatus(system),
    settleMs: SETTLE_MS,
    watch: [LEVELS, SCHEMAS].map((id) => ({ resource: cached(cache, id), concerns })),
  })
}

export function danglingCondition(schema: FlowSchema, exists: (level: string) => boolean): FlowSchemaCondition {
  const level = schema.spec?.priorityLevelConfiguration?.name ?? ''
  const reference = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`
  return exists(level)
    ? { type: 'Dangling', status: 'False', reason: 'Found', message: `${reference} and it exists` }
    : { type: 'Dangling', status: 'True', reason: 'NotFound', message: `${reference} but there is no such object` }
}

/** Deleted, or deleted and made anew, meanwhile. */
function unlessGone(error: unknown): void {
  if (!isStatusError(error, 'NotFound') && !isStatusError(error, 'Conflict')) throw error
}
