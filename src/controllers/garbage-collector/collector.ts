/**
 * `garbage-collector-controller`: objects go when all their owners are gone, and owners wait for those who hold them.
 *
 * @see pkg/controller/garbagecollector/garbagecollector.go
 * @module
 */
import { isStatusError } from '../../api/status.ts'
import type { ObjectMeta } from '../../api/types/meta/v1.ts'
import type { CachedObject } from '../../cache/cache.ts'
import type { Client } from '../../client/client.ts'
import { type Controller, type ControllerContext, clientOf, closeWith, concurrencyOf } from '../controller.ts'
import { type EventRecorder, eventRecorder } from '../events.ts'
import { pathOf, type ServedResource } from '../served-resources.ts'
import { WorkQueue } from '../work-queue.ts'
import { AbsentOwners } from './absent-owners.ts'
import { FOREGROUND, type Item, isBeingDeleted, isDeletingDependents, ORPHAN, type Owner, OwnerGraph, ownersIn } from './graph.ts'
import { type OwnerChange, patchOwners, releaseFrom, removeFinalizer, unblock } from './patches.ts'

const NAME = 'garbage-collector-controller'
const WORKERS = 20

export const garbageCollector: Controller = {
  name: NAME,
  async start(context, signal) {
    const collector = new GarbageCollector(context)
    closeWith(signal, collector)
    collector.start()
  },
}

/** The kind of an owner is not served (yet). */
class UnknownKindError extends Error {
  override readonly name = 'UnknownKindError'
}

class GarbageCollector {
  readonly #context: ControllerContext
  readonly #client: Client
  readonly #events: EventRecorder
  readonly #graph: OwnerGraph
  readonly #absent = new AbsentOwners()
  readonly #toDelete: WorkQueue
  readonly #toOrphan: WorkQueue
  readonly #following: { close(): void }[] = []

  constructor(context: ControllerContext) {
    this.#context = context
    this.#client = clientOf(context, 'generic-garbage-collector')
    this.#events = eventRecorder(NAME, this.#client, context.clock, (err) => context.log.debug({ err }, 'event not written'))
    const queue = (text: string, reconcile: (item: Item) => Promise<void>) =>
      new WorkQueue({
        clock: context.clock,
        concurrency: concurrencyOf(context, NAME, WORKERS),
        reconcile: (key) => reconcile(itemOf(key)),
        onError: (key, err, failures) =>
          context.log[err instanceof UnknownKindError ? 'debug' : 'warn']({ ...itemOf(key), err, failures }, text),
      })
    this.#toDelete = queue('object not collected', (item) => this.#attemptToDelete(item))
    this.#toOrphan = queue('dependents not orphaned', (item) => this.#attemptToOrphan(item))
    this.#graph = new OwnerGraph(
      {
        attemptToDelete: (item) => this.#toDelete.add(keyOf(item)),
        attemptToOrphan: (item) => this.#toOrphan.add(keyOf(item)),
        ownerNotFound: (item, reference) => this.#reportWrongNamespace(item, reference),
      },
      { find: (reference, namespace) => this.#find(reference, namespace) },
    )
  }

  start(): void {
    const caches = new Set<string>()
    for (const resource of this.#context.resources.preferred()) {
      const { cache, verbs, group } = resource
      // Events own nothing and are owned by nobody.
      const isEvent = resource.resource === 'events' && (group === '' || group === 'events.k8s.io')
      if (isEvent || caches.has(cache.id) || !(['delete', 'list', 'watch'] as const).every((verb) => verbs.includes(verb))) continue
      caches.add(cache.id)
      this.#following.push(cache.follow((event) => this.#graph.observe(resource, event)))
    }
  }

  close(): void {
    for (const one of this.#following) one.close()
    this.#toDelete.close()
    this.#toOrphan.close()
  }

  async #attemptToDelete(item: Item): Promise<void> {
    const resource = this.#resourceOf(item)
    const cached = this.#cached(item)
    if (cached === undefined) return
    const metadata = cached.object.metadata ?? {}
    if (isDeletingDependents(metadata)) return this.#waitForDependents(item, resource)
    const owners = ownersIn(metadata)
    if (isBeingDeleted(metadata) || owners.length === 0) return
    const classes = await this.#classify(item, resource, owners)
    if (classes === undefined) return
    const { solid, dangling, waiting } = classes
    if (solid > 0) {
      // The dead leave the list, and those that wait, or they would wait for ever.
      const gone = [...dangling, ...waiting].map(({ uid }) => uid)
      if (gone.length > 0) await this.#patchOwners(item, resource, releaseFrom(gone))
      return
    }
    if (waiting.length > 0 && this.#graph.hasDependents(item.uid)) {
      const isCycle = this.#graph.dependentsOf(item.uid).some((dependent) => {
        const present = this.#cached(dependent)?.object.metadata
        return present !== undefined && isDeletingDependents(present)
      })
      if (isCycle) await this.#patchOwners(item, resource, unblock)
      await this.#delete(item, resource, isCycle ? undefined : metadata.resourceVersion, owners, 'Foreground')
      return
    }
    const finalizers = metadata.finalizers ?? []
    const policy = finalizers.includes(ORPHAN) ? 'Orphan' : finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background'
    await this.#delete(item, resource, metadata.resourceVersion, owners, policy)
  }

  /** Dependents that hold it go first; without any its finalizer does. */
  async #waitForDependents(item: Item, resource: ServedResource): Promise<void> {
    const blocking = this.#graph.blockingDependentsOf(item.uid)
    if (blocking.length === 0) return removeFinalizer(this.#client, this.#pathOf(item, resource), item.uid, FOREGROUND)
    let others = false
    for (const dependent of blocking) {
      const present = this.#cached(dependent)?.object.metadata
      if (present === undefined || isDeletingDependents(present)) continue
      others = true
      this.#toDelete.add(keyOf(dependent))
    }
    // Upstream waits for ever where all of a ring were deleted in the foreground.
    if (!others && this.#waitsForItself(item)) await this.#patchOwners(item, resource, unblock)
  }

  /** Whether an owner that this object holds up is, by way of its own owners, held up for the same object. */
  #waitsForItself(item: Item): boolean {
    const seen = new Set<string>()
    const next: Item[] = [item]
    for (let at = next.pop(); at !== undefined; at = next.pop()) {
      for (const reference of this.#graph.ownersOf(at.uid)) {
        const owner = reference.blockOwnerDeletion === true ? this.#find(reference, namespaceOf(at.key)) : undefined
        if (owner === undefined || !isDeletingDependents(owner.metadata)) continue
        if (reference.uid === item.uid) return true
        if (!seen.has(reference.uid)) next.push(owner.item)
        seen.add(reference.uid)
      }
    }
    return false
  }

  async #attemptToOrphan(item: Item): Promise<void> {
    const resource = this.#resourceOf(item)
    if (this.#cached(item) === undefined) return
    await eachOf(this.#graph.dependentsOf(item.uid), WORKERS, (dependent) =>
      this.#patchOwners(dependent, this.#resourceOf(dependent), releaseFrom([item.uid])),
    )
    await removeFinalizer(this.#client, this.#pathOf(item, resource), item.uid, ORPHAN)
  }

  /** Undefined when nobody can say which owner is meant: such an object is left alone. */
  async #classify(
    { key }: Item,
    resource: ServedResource,
    owners: readonly Owner[],
  ): Promise<{ solid: number; dangling: Owner[]; waiting: Owner[] } | undefined> {
    const namespace = namespaceOf(key)
    const dangling: Owner[] = []
    const waiting: Owner[] = []
    let solid = 0
    for (const reference of owners) {
      const owner = await this.#owner(reference, namespace, resource)
      if (owner === 'unknowable') return undefined
      if (owner === 'absent') dangling.push(reference)
      else if (isDeletingDependents(owner)) waiting.push(reference)
      else solid++
    }
    return { solid, dangling, waiting }
  }

  /** Asks the server before an owner counts as absent. */
  async #owner(reference: Owner, namespace: string, dependent: ServedResource): Promise<ObjectMeta | 'absent' | 'unknowable'> {
    const { apiVersion, kind, name, uid } = reference
    const resource = this.#context.resources.byKind(apiVersion, kind)
    if (resource === undefined) throw new UnknownKindError(`no kind ${kind} in ${apiVersion}`)
    // A namespaced owner of an object that is in no namespace.
    if (resource.namespaced && !dependent.namespaced) return 'unknowable'
    const home = resource.namespaced ? namespace : ''
    const cached = resource.cache.get(home === '' ? name : `${home}/${name}`)?.object.metadata
    if (cached?.uid === uid) return cached
    const place = `${apiVersion} ${kind} ${home}/${name} ${uid}`
    if (this.#absent.has(place)) return 'absent'
    try {
      const { metadata } = await this.#client.call({ method: 'GET', path: pathOf(resource, home, name) })
      if (metadata?.uid === uid) return metadata
    } catch (error) {
      if (!isStatusError(error, 'NotFound')) throw error
    }
    this.#absent.add(place)
    return 'absent'
  }

  #find(reference: Owner, namespace: string): { item: Item; metadata: ObjectMeta } | undefined {
    const resource = this.#context.resources.byKind(reference.apiVersion, reference.kind)
    if (resource === undefined || (resource.namespaced && namespace === '')) return undefined
    const cached = resource.cache.get(resource.namespaced ? `${namespace}/${reference.name}` : reference.name)
    const metadata = cached?.object.metadata
    if (cached === undefined || metadata?.uid !== reference.uid) return undefined
    return { item: { resource: resource.cache.id, key: cached.key, uid: reference.uid }, metadata }
  }

  #reportWrongNamespace(item: Item, { apiVersion, kind, name, uid }: Owner): void {
    const owners = this.#context.resources.byKind(apiVersion, kind)
    const namespace = namespaceOf(item.key)
    if (owners === undefined || !owners.namespaced) return
    const namespaces = this.#context.cache.resource('v1/namespaces')?.snapshot().scan('') ?? []
    for (const { key: other } of namespaces) {
      if (other === namespace || owners.cache.get(`${other}/${name}`)?.object.metadata?.uid !== uid) continue
      const resource = this.#resourceOf(item)
      const about = { apiVersion: resource.apiVersion, kind: resource.kind, namespace, name: nameOf(item.key), uid: item.uid }
      const owner = `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`
      this.#events.warning(about, 'OwnerRefInvalidNamespace', `ownerRef ${owner} does not exist in namespace ${JSON.stringify(namespace)}`)
      return
    }
  }

  /** Deletes what it looked at, or a later state with the same owners. */
  async #delete(
    item: Item,
    resource: ServedResource,
    resourceVersion: string | undefined,
    owners: readonly Owner[],
    propagationPolicy: 'Background' | 'Foreground' | 'Orphan',
  ): Promise<void> {
    const preconditions = { uid: item.uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) }
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions, propagationPolicy }
    try {
      await this.#client.call({ method: 'DELETE', path: this.#pathOf(item, resource), body })
    } catch (error) {
      if (isStatusError(error, 'NotFound')) return
      if (!isStatusError(error, 'Conflict')) throw error
      const present = this.#cached(item)?.object.metadata
      // Another one of that name, or it went.
      if (present === undefined) return
      if (resourceVersion === undefined || JSON.stringify(ownersIn(present)) !== JSON.stringify(owners)) throw error
      await this.#delete(item, resource, undefined, owners, propagationPolicy)
    }
  }

  async #patchOwners(item: Item, resource: ServedResource, change: OwnerChange): Promise<void> {
    const present = this.#cached(item)?.object.metadata
    if (present === undefined) return
    try {
      await patchOwners(this.#client, this.#pathOf(item, resource), present, change)
    } catch (error) {
      // It is gone, or somebody else bears its name: nothing is left to be done.
      if (isStatusError(error, 'NotFound') || (isStatusError(error, 'Conflict') && this.#cached(item) === undefined)) return
      throw error
    }
  }

  #pathOf({ key }: Item, resource: ServedResource): string {
    return pathOf(resource, namespaceOf(key), nameOf(key))
  }

  #cached({ resource, key, uid }: Item): CachedObject | undefined {
    const cached = this.#context.cache.resource(resource)?.get(key)
    return cached?.object.metadata?.uid === uid ? cached : undefined
  }

  #resourceOf({ resource }: Item): ServedResource {
    const served = this.#context.resources.byCache(resource)
    if (served === undefined) throw new UnknownKindError(`${resource} is not served any more`)
    return served
  }
}

function namespaceOf(key: string): string {
  const slash = key.indexOf('/')
  return slash < 0 ? '' : key.slice(0, slash)
}

function nameOf(key: string): string {
  return key.slice(key.indexOf('/') + 1)
}

/** No part has a blank in it. */
function keyOf({ resource, key, uid }: Item): string {
  return `${resource} ${key} ${uid}`
}

function itemOf(text: string): Item {
  const [resource = '', key = '', uid = ''] = text.split(' ')
  return { resource, key, uid }
}

/** Runs all, at most `concurrency` at once, and throws the first failure when all have ended. */
async function eachOf<T>(items: readonly T[], concurrency: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values()
  const failures: unknown[] = []
  const worker = async () => {
    for (const item of rest) await work(item).catch((error) => failures.push(error))
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker))
  if (failures.length > 0) throw failures[0]
}
