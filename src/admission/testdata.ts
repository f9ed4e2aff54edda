/**
 * A store, its cache and requests, for tests of plugins.
 *
 * @module
 */
import { groupVersion, type KubeObject } from '../api/object.ts'
import { isStatusError, type Status } from '../api/status.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import type { Cache } from '../cache/cache.ts'
import { layoutCodec } from '../cache/layout.ts'
import { openCache } from '../cache/live-cache.ts'
import type { Clock } from '../clock.ts'
import { memoryStore } from '../storage/memory.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionChain } from './chain.ts'

export class SetClock implements Clock {
  ms = Date.parse('2026-01-02T03:04:05Z')
  nowMs(): number {
    return this.ms
  }
  after(): () => void {
    return () => {}
  }
}

export const KINDS: Readonly<Record<string, string>> = {
  'v1/namespaces': 'Namespace',
  'v1/pods': 'Pod',
  'v1/nodes': 'Node',
  'v1/limitranges': 'LimitRange',
  'v1/resourcequotas': 'ResourceQuota',
  'v1/persistentvolumes': 'PersistentVolume',
  'v1/persistentvolumeclaims': 'PersistentVolumeClaim',
  'scheduling.k8s.io/v1/priorityclasses': 'PriorityClass',
  'storage.k8s.io/v1/storageclasses': 'StorageClass',
  'storage.k8s.io/v1/csidrivers': 'CSIDriver',
  'networking.k8s.io/v1/ingressclasses': 'IngressClass',
  'node.k8s.io/v1/runtimeclasses': 'RuntimeClass',
}

/** What is stored, and ways to change it. */
export class TestWorld {
  readonly clock = new SetClock()
  readonly store = memoryStore({ clock: this.clock })
  cache!: Cache // set by `openWorld`, the only way to make one

  async put(id: string, object: KubeObject): Promise<void> {
    const { namespace = '', name = '' } = object.metadata ?? {}
    const key = namespace === '' ? name : `${namespace}/${name}`
    const value = Buffer.from(
      JSON.stringify({ kind: KINDS[id], apiVersion: id.slice(0, id.lastIndexOf('/')), metadata: object.metadata, ...object }),
    )
    const present = await this.store.get(`/${id}/${key}`)
    if (present === undefined) await this.store.create(`/${id}/${key}`, value)
    else await this.store.update(`/${id}/${key}`, value, present.revision)
  }

  async drop(id: string, key: string): Promise<void> {
    const present = await this.store.get(`/${id}/${key}`)
    if (present !== undefined) await this.store.delete(`/${id}/${key}`, present.revision)
  }
}

export async function openWorld(objects: readonly (readonly [id: string, object: KubeObject])[] = []): Promise<TestWorld> {
  const world = new TestWorld()
  world.cache = await openCache(world.store, world.clock)
  for (const id of Object.keys(KINDS)) await world.cache.register(id, `/${id}/`, layoutCodec())
  for (const [id, object] of objects) await world.put(id, object)
  return world
}

/** Allows what `may` says of verb and `resource/subresource`; nobody without. */
export function authorizerThat(may: (verb: string, resource: string, name: string, username: string) => boolean): Authorizer {
  return {
    name: 'test',
    authorize: ({ verb, resource, subresource, name, user }) => ({
      decision: may(verb, subresource === '' ? resource : `${resource}/${subresource}`, name, user.username) ? 'allow' : 'noOpinion',
      reason: '',
    }),
  }
}

/** A create of an object in group and version of `of`: `apps/v1/deployments`, `v1/pods/status`. */
export function requestFor(
  of: string,
  object: KubeObject | undefined,
  more: Partial<AdmissionRequest> = {},
): AdmissionRequest & { warnings: string[]; annotations: Record<string, string> } {
  const parts = of.split('/')
  const version = parts.findIndex((part) => /^v\d/.test(part))
  const [resource = '', subresource = ''] = parts.slice(version + 1)
  const group = parts.slice(0, version).join('/')
  const warnings: string[] = []
  const annotations: Record<string, string> = {}
  return {
    operation: 'CREATE',
    group,
    version: parts[version] ?? '',
    resource,
    subresource,
    kind: {
      group,
      version: parts[version] ?? '',
      kind: object?.kind ?? KINDS[`${groupVersion(group, parts[version] ?? '')}/${resource}`] ?? '',
    },
    namespace: object?.metadata?.namespace ?? '',
    name: object?.metadata?.name ?? '',
    object,
    oldObject: undefined,
    options: {},
    user: { username: 'jane', groups: ['system:authenticated'] },
    dryRun: false,
    warn: (text) => warnings.push(text),
    annotate: (key, value) => {
      annotations[key] = value
    },
    ...more,
    warnings,
    annotations,
  }
}

/** Both phases of the plugins; the refusal, or undefined. */
export async function refusalOf(
  plugin: AdmissionPlugin | readonly AdmissionPlugin[],
  request: AdmissionRequest,
): Promise<Status | undefined> {
  const chain = admissionChain([plugin].flat() as AdmissionPlugin[])
  try {
    await chain.admit(request)
    await chain.validate(request)
    return undefined
  } catch (error) {
    if (isStatusError(error)) return error.status
    throw error
  }
}
