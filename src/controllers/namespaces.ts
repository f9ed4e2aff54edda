/**
 * Namespaces that are being deleted are emptied, and let go when nothing is left.
 *
 * @see pkg/controller/namespace/deletion/namespaced_resources_deleter.go
 * @module
 */

import type { KubeObject } from '../api/object.ts'
import { isStatusError } from '../api/status.ts'
import { rfc3339 } from '../clock.ts'
import { type Controller, clientOf, required } from './controller.ts'
import { WorkQueue } from './work-queue.ts'

const FINALIZER = 'kubernetes'
/** Objects with finalizers are looked at again after this long. */
const REMAINING_RETRY_MS = 1000

interface ListedResource {
  /** `/apis/apps/v1` */
  base: string
  group: string
  resource: string
}

export const namespaceController: Controller = {
  name: 'namespace-controller',
  async start(context, signal) {
    const client = clientOf(context, 'namespace-controller')
    const namespaces = required(context, 'v1/namespaces')

    const emptying = async (
      namespace: string,
    ): Promise<{ remaining: Map<string, number>; finalizers: Map<string, number>; errors: string[] }> => {
      const resources = await namespacedResources((path) => client.call<KubeObject>({ method: 'GET', path }))
      const remaining = new Map<string, number>()
      const finalizers = new Map<string, number>()
      const errors: string[] = []
      // Pods first: what they use goes after them.
      resources.sort((a, b) => Number(b.group === '' && b.resource === 'pods') - Number(a.group === '' && a.resource === 'pods'))
      for (const { base, group, resource } of resources) {
        const path = `${base}/namespaces/${namespace}/${resource}`
        try {
          await client.call({ method: 'DELETE', path, body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' } })
          const list = await client.call<KubeObject>({ method: 'GET', path })
          const items = list['items'] as KubeObject[]
          if (items.length > 0) remaining.set(`${resource}.${group}`, items.length)
          for (const { metadata } of items)
            for (const finalizer of metadata?.finalizers ?? []) finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1)
        } catch (error) {
          if (!isStatusError(error, 'NotFound') && !isStatusError(error, 'MethodNotAllowed')) errors.push((error as Error).message)
        }
      }
      return { remaining, finalizers, errors }
    }

    const queue = new WorkQueue({
      clock: context.clock,
      concurrency: 10,
      async reconcile(name) {
        const namespace = namespaces.get(name)?.decode()
        if (namespace?.metadata?.deletionTimestamp === undefined) return
        const finalizers: string[] = namespace['spec']?.finalizers ?? []
        if (!finalizers.includes(FINALIZER)) return
        const { remaining, finalizers: left, errors } = await emptying(name)
        const conditions = deletionConditions(remaining, left, errors, rfc3339(context.clock.nowMs()))
        if (remaining.size > 0 || errors.length > 0) {
          await writeConditions(name, namespace, conditions)
          queue.addAfter(name, REMAINING_RETRY_MS)
          return
        }
        const { metadata } = (await writeConditions(name, namespace, conditions)) ?? namespace
        await client
          .call({
            method: 'PUT',
            path: `/api/v1/namespaces/${name}/finalize`,
            body: { ...namespace, metadata, spec: { finalizers: finalizers.filter((one) => one !== FINALIZER) } },
          })
          .catch((error) => {
            if (!isStatusError(error, 'NotFound')) throw error
          })
      },
      onError: (namespace, err, failures) => context.log.warn({ namespace, err, failures }, 'namespace not emptied'),
    })

    const writeConditions = async (name: string, namespace: KubeObject, conditions: Condition[]): Promise<KubeObject | undefined> => {
      const before = (namespace['status']?.conditions ?? []) as Condition[]
      if (
        conditions.every((one) =>
          before.some(
            ({ type, status, reason, message }) =>
              type === one.type && status === one.status && reason === one.reason && message === one.message,
          ),
        )
      )
        return undefined
      const merged = conditions.map((one) => {
        const known = before.find(({ type }) => type === one.type)
        return known?.status === one.status ? { ...one, lastTransitionTime: known.lastTransitionTime } : one
      })
      return client.call({
        method: 'PUT',
        path: `/api/v1/namespaces/${name}/status`,
        body: { ...namespace, status: { ...namespace['status'], conditions: merged } },
      })
    }

    const following = namespaces.follow(({ type, object }) => {
      if (type !== 'DELETED' && object.object.metadata?.deletionTimestamp !== undefined) queue.add(object.key)
    })
    signal.addEventListener('abort', () => {
      following.close()
      queue.close()
    })
  },
}

/** What can be listed and deleted in a namespace, from discovery. */
async function namespacedResources(get: (path: string) => Promise<KubeObject>): Promise<ListedResource[]> {
  const groups = await get('/apis')
  const versions = [
    'v1',
    ...(groups['groups'] as { preferredVersion: { groupVersion: string } }[]).map((group) => group.preferredVersion.groupVersion),
  ]
  const lists = await Promise.all(
    versions.map(async (version) => ({ version, list: await get(version === 'v1' ? '/api/v1' : `/apis/${version}`) })),
  )
  return lists.flatMap(({ version, list }) => {
    const base = version === 'v1' ? '/api/v1' : `/apis/${version}`
    const group = version === 'v1' ? '' : (version.split('/')[0] as string)
    return (list['resources'] as { name: string; namespaced: boolean; verbs: string[] }[]).flatMap(({ name, namespaced, verbs }) =>
      namespaced && !name.includes('/') && verbs.includes('delete') && verbs.includes('list') ? [{ base, group, resource: name }] : [],
    )
  })
}

interface Condition {
  type: string
  status: string
  lastTransitionTime: string
  reason: string
  message: string
}

function deletionConditions(remaining: Map<string, number>, finalizers: Map<string, number>, errors: string[], now: string): Condition[] {
  const list = (entries: Map<string, number>, text: (name: string, count: number) => string) =>
    [...entries]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => text(name, count))
      .join(', ')
  const condition = (type: string, failing: boolean, fine: [string, string], bad: [string, string]): Condition => {
    const [reason, message] = failing ? bad : fine
    return { type, status: failing ? 'True' : 'False', lastTransitionTime: now, reason, message }
  }
  return [
    condition(
      'NamespaceDeletionDiscoveryFailure',
      false,
      ['ResourcesDiscovered', 'All resources successfully discovered'],
      ['DiscoveryFailed', ''],
    ),
    condition(
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      ['ParsedGroupVersions', 'All legacy kube types successfully parsed'],
      ['GroupVersionParsingFailed', ''],
    ),
    condition(
      'NamespaceDeletionContentFailure',
      errors.length > 0,
      ['ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
      ['ContentDeletionFailed', `Failed to delete all resource types, ${errors.length} remaining: ${errors.join(', ')}`],
    ),
    condition(
      'NamespaceContentRemaining',
      remaining.size > 0,
      ['ContentRemoved', 'All content successfully removed'],
      [
        'SomeResourcesRemain',
        `Some resources are remaining: ${list(remaining, (name, count) => `${name} has ${count} resource instances`)}`,
      ],
    ),
    condition(
      'NamespaceFinalizersRemaining',
      finalizers.size > 0,
      ['ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
      [
        'SomeFinalizersRemain',
        `Some content in the namespace has finalizers remaining: ${list(finalizers, (name, count) => `${name} in ${count} resource instances`)}`,
      ],
    ),
  ]
}
