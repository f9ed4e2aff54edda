/**
 * Keeps the flow schemas and priority levels that a cluster starts with: mandatory ones are always put right, suggested ones as long as
 * nobody has made them their own, and what an older server left behind goes.
 *
 * @see pkg/registry/flowcontrol/rest/storage_flowcontrol.go, pkg/registry/flowcontrol/ensurer/strategy.go
 * @module
 */

import type { KubeObject } from '../../api/object.ts'
import { semanticEqual } from '../../api/semantic-equal.ts'
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS, SUGGESTED_LEVELS, SUGGESTED_SCHEMAS } from './flowcontrol-objects.ts'
import { repeat } from './loop.ts'
import { cached, create, remove, type System } from './system.ts'

export const SCHEMAS = 'flowcontrol.apiserver.k8s.io/v1/flowschemas'
export const LEVELS = 'flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations'
/** `"true"`: the server keeps the spec; `"false"`: an administrator does. */
const AUTO_UPDATE = 'apf.kubernetes.io/autoupdate-spec'
const MANAGER = 'api-priority-and-fairness-config-producer-v1'
const SETTLE_MS = 60_000

const WANTED = [
  [LEVELS, SUGGESTED_LEVELS, MANDATORY_LEVELS],
  [SCHEMAS, SUGGESTED_SCHEMAS, MANDATORY_SCHEMAS],
] as const

export async function ensureFlowControl({ registry, cache }: System): Promise<void> {
  const writes: Promise<unknown>[] = []
  for (const [resource, suggested, mandatory] of WANTED) {
    const names = new Set<string>()
    const keep = (name: string, spec: object, always: boolean) => {
      names.add(name)
      const present = cached(cache, resource).get(name)?.object
      if (present === undefined) {
        writes.push(create(registry, resource, { metadata: { name, annotations: { [AUTO_UPDATE]: 'true' } }, spec }, MANAGER))
        return
      }
      if (revised(present, spec, always) === undefined) return
      writes.push(
        registry.update(
          resource,
          { namespace: '', name },
          (object) => {
            Object.assign(object, revised(object, spec, always))
          },
          { fieldManager: MANAGER },
        ),
      )
    }
    for (const [name, spec] of suggested) keep(name, spec, false)
    for (const [name, spec] of mandatory) keep(name, spec, true)
    for (const { key, object } of cached(cache, resource).snapshot().scan('')) {
      if (!names.has(key) && parseBool(object.metadata?.annotations?.[AUTO_UPDATE]) === true)
        writes.push(remove(registry, resource, { namespace: '', name: key }))
    }
  }
  await Promise.all(writes)
}

export function keepFlowControl(system: System): void {
  const { cache, clock, log, signal } = system
  const concerns = () => true
  repeat({
    name: 'priority-and-fairness-config-producer',
    clock,
    log,
    signal,
    work: () => ensureFlowControl(system),
    settleMs: SETTLE_MS,
    watch: [LEVELS, SCHEMAS].map((id) => ({ resource: cached(cache, id), concerns })),
  })
}

/** What has to change of a present object; undefined when nothing has. */
export function revised(present: KubeObject, spec: object, always: boolean): { metadata: object; spec: object } | undefined {
  const marked = parseBool(present.metadata?.annotations?.[AUTO_UPDATE])
  const ours = always || (marked ?? present.metadata?.generation === 1)
  const differs = ours && !sameSpec(spec, present['spec'], always)
  if (marked === ours && !differs) return undefined
  return {
    metadata: { ...present.metadata, annotations: { ...present.metadata?.annotations, [AUTO_UPDATE]: String(ours) } },
    spec: differs ? structuredClone(spec) : present['spec'],
  }
}

/** Of the level `exempt` only the type is fixed: its shares are the administrator's. */
function sameSpec(wanted: object, present: KubeObject['spec'], always: boolean): boolean {
  if (always && present?.type === 'Exempt' && (wanted as { type?: string }).type === 'Exempt') return true
  return semanticEqual(wanted, present)
}

/** Go's strconv.ParseBool; undefined for anything else. */
function parseBool(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined
}
