/**
 * WATCH: what there is, then what happens to it, under the request's selectors.
 *
 * @see apiserver/pkg/storage/cacher/cacher.go
 * @module
 */

import { expired } from '../../api/status.ts'
import type { CachedObject, CacheEvent, Subscription } from '../../cache/cache.ts'
import type { Endpoint } from '../endpoint.ts'
import type { VerbContext } from './context.ts'
import { type ListOptions, listOptions } from './list.ts'
import { awaitRevision, parseRevision } from './revision.ts'
import { type Selection, selection } from './selection.ts'
import { requireStorage } from './write.ts'

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  cached: CachedObject
  /** The state left a selector: `cached` is the old object and this is the revision at which it left. */
  leftAt?: number
  /** The cache's event, whose encodings are shared by all watchers; absent for the initial state. */
  event?: CacheEvent
}

export interface Watch {
  options: ListOptions
  /** The state at the beginning, where asked for. */
  initial: Iterable<CachedObject> | undefined
  /** Revision of that state: where the live events begin. */
  revision: number
  /** Calls `listener` for every event after `revision`. Undefined: that is too long ago. */
  follow(listener: (event: WatchEvent) => void): Subscription | undefined
}

/** `pathName` is the name in a legacy `/watch/` path. Throws a 410 when the wanted revision is gone. */
export async function watchObjects(context: VerbContext, endpoint: Endpoint, pathName: string): Promise<Watch> {
  const options = listOptions(context.query, true)
  const wanted = selection(endpoint, {
    namespace: context.namespace,
    pathName,
    labelSelector: context.query.get('labelSelector') ?? '',
    fieldSelector: context.query.get('fieldSelector') ?? '',
  })
  const { cache } = requireStorage(context, endpoint)
  const { resourceVersion } = options
  const revision = resourceVersion === '' ? 0 : parseRevision(resourceVersion)
  if (options.sendInitialEvents === true) {
    if (resourceVersion === '') await context.verbs.world.cache.fresh()
    else await awaitRevision(context, revision)
    const snapshot = cache.snapshot()
    return {
      options,
      initial: matching(snapshot.scan(wanted.prefix), wanted),
      revision: snapshot.revision,
      follow: (listener) => follow(context, endpoint, snapshot.revision, wanted, listener),
    }
  }
  if (revision === 0) {
    await context.verbs.world.cache.fresh()
    const now = cache.snapshot().revision
    return { options, initial: undefined, revision: now, follow: (listener) => follow(context, endpoint, now, wanted, listener) }
  }
  if (revision < context.verbs.world.cache.compactedRevision) throw tooOld(revision, context.verbs.world.cache.compactedRevision)
  return { options, initial: undefined, revision, follow: (listener) => follow(context, endpoint, revision, wanted, listener) }
}

export function tooOld(revision: number, oldest: number) {
  return expired(`too old resource version: ${revision} (${oldest})`)
}

function* matching(objects: Iterable<CachedObject>, { matches, onlyKey }: Selection): Iterable<CachedObject> {
  for (const cached of objects) {
    if (onlyKey !== undefined && cached.key !== onlyKey) continue
    if (matches === undefined || matches(cached)) yield cached
  }
}

function follow(
  context: VerbContext,
  endpoint: Endpoint,
  afterRevision: number,
  wanted: Selection,
  listener: (event: WatchEvent) => void,
): Subscription | undefined {
  const { cache } = requireStorage(context, endpoint)
  const { prefix, matches, onlyKey } = wanted
  return cache.subscribe(afterRevision, (event) => {
    if (prefix !== '' && !event.object.key.startsWith(prefix)) return
    if (onlyKey !== undefined && event.object.key !== onlyKey) return
    if (matches === undefined) {
      listener({ type: event.type, cached: event.object, event })
      return
    }
    const before = event.previous !== undefined && matches(event.previous)
    const after = event.type !== 'DELETED' && matches(event.object)
    if (after) listener({ type: before ? 'MODIFIED' : 'ADDED', cached: event.object, event })
    else if (before) {
      if (event.type === 'DELETED') listener({ type: 'DELETED', cached: event.object, event })
      else listener({ type: 'DELETED', cached: event.previous as CachedObject, leftAt: event.revision, event })
    }
  })
}
