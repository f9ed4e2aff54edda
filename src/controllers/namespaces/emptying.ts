/**
 * Deletes what is in a namespace: pods first, as the rest may be what they use, then everything at once.
 *
 * @see pkg/controller/namespace/deletion/namespaced_resources_deleter.go
 * @module
 */
import type { KubeObject } from '../../api/object.ts'
import { isStatusError } from '../../api/status.ts'
import type { Pod } from '../../api/types/core/v1.ts'
import type { Client } from '../../client/client.ts'
import { pathOf, type ServedResource } from '../served-resources.ts'
import type { Emptying } from './conditions.ts'

/** How long finalizers are thought to take. */
const FINALIZER_SECONDS = 15
const OPTIONS = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' }

export interface EmptyingOutcome extends Emptying {
  /** When to look again; 0 when nothing is left that will go by itself. */
  estimateSeconds: number
}

export interface EmptyingDeps {
  client: Client
  resources: readonly ServedResource[]
  nowMs: number
}

export async function emptyNamespace(deps: EmptyingDeps, namespace: string, deletedAtMs: number): Promise<EmptyingOutcome> {
  const outcome = {
    remaining: new Map<string, number>(),
    finalizers: new Map<string, number>(),
    errors: [] as string[],
    estimateSeconds: 0,
  }
  const resources = filledResources(deps.resources, namespace)
  const isPods = ({ group, resource }: ServedResource) => group === '' && resource === 'pods'
  const empty = (resource: ServedResource) => emptyResource(deps, resource, namespace, isPods(resource) ? deletedAtMs : undefined, outcome)
  await Promise.all(resources.filter(isPods).map(empty))
  if (outcome.remaining.size > 0) {
    // While pods are left nothing else is counted, nor said.
    return { ...outcome, remaining: new Map(), finalizers: new Map() }
  }
  await Promise.all(resources.filter((resource) => !isPods(resource)).map(empty))
  return outcome
}

/** Those that have objects in the namespace. */
export function filledResources(resources: readonly ServedResource[], namespace: string): ServedResource[] {
  return resources.filter(
    ({ namespaced, verbs, cache }) => namespaced && verbs.includes('delete') && cache.snapshot().count(`${namespace}/`) > 0,
  )
}

interface Counts {
  remaining: Map<string, number>
  finalizers: Map<string, number>
  errors: string[]
  estimateSeconds: number
}

async function emptyResource(
  { client, nowMs }: EmptyingDeps,
  resource: ServedResource,
  namespace: string,
  podsDeletedAtMs: number | undefined,
  counts: Counts,
): Promise<void> {
  const { cache, group, version, resource: plural } = resource
  const graceSeconds = podsDeletedAtMs === undefined ? 0 : podGraceSeconds(objectsIn(resource, namespace), nowMs - podsDeletedAtMs)
  counts.estimateSeconds = Math.max(counts.estimateSeconds, graceSeconds)
  try {
    await deleteAll(client, resource, namespace)
  } catch (error) {
    counts.errors.push((error as Error).message)
    return
  }
  const count = cache.snapshot().count(`${namespace}/`)
  if (count === 0) return
  counts.remaining.set(`${plural}.${group}`, count)
  let held = false
  for (const { metadata } of objectsIn(resource, namespace))
    for (const finalizer of metadata?.finalizers ?? []) {
      held = true
      counts.finalizers.set(finalizer, (counts.finalizers.get(finalizer) ?? 0) + 1)
    }
  if (graceSeconds > 0) return
  if (held) counts.estimateSeconds = Math.max(counts.estimateSeconds, FINALIZER_SECONDS)
  else counts.errors.push(`unexpected items still remain in namespace: ${namespace} for gvr: ${group}/${version}, Resource=${plural}`)
}

async function deleteAll(client: Client, resource: ServedResource, namespace: string): Promise<void> {
  if (resource.verbs.includes('deletecollection')) {
    await client.call({ method: 'DELETE', path: pathOf(resource, namespace), body: OPTIONS })
    return
  }
  for (const { metadata } of objectsIn(resource, namespace)) {
    try {
      await client.call({ method: 'DELETE', path: pathOf(resource, namespace, metadata?.name), body: OPTIONS })
    } catch (error) {
      if (!isStatusError(error, 'NotFound')) throw error
    }
  }
}

function* objectsIn({ cache }: ServedResource, namespace: string): Iterable<KubeObject> {
  for (const { object } of cache.snapshot().scan(`${namespace}/`)) yield object
}

/** The longest grace that a running pod has left, had it begun with the namespace's deletion. */
function podGraceSeconds(pods: Iterable<Pod>, elapsedMs: number): number {
  let longest = 0
  for (const { status, spec } of pods)
    if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
      longest = Math.max(longest, Number(spec?.terminationGracePeriodSeconds ?? 0))
  return elapsedMs >= longest * 1000 ? 0 : longest
}
