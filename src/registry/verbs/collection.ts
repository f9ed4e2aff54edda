/**
 * The verbs on objects that are kept elsewhere than in the store: get, list in pages, delete of one and of many.
 *
 * @module
 */
import type { KubeObject } from '../../api/object.ts'
import { badRequest, conflict, expired, notFound, type Status, success } from '../../api/status.ts'
import type { CachedObject } from '../../cache/cache.ts'
import { type Endpoint, objectKey } from '../endpoint.ts'
import type { Collection } from '../resource.ts'
import type { ListResult, Result, StatusResult, VerbContext } from './context.ts'
import { admitDeletion, deletionOptions } from './delete.ts'
import { listOptions } from './list.ts'
import type { DeleteOptions } from './options.ts'
import { selection } from './selection.ts'

/** Objects looked at or encoded before others may go on. */
const AT_ONCE = 200
const PLACE_FORGOTTEN = 'The object that the continue token stands for is gone. Begin a new list without the token.'

export async function getOfCollection(context: VerbContext, endpoint: Endpoint, collection: Collection): Promise<Result> {
  return { kind: 'object', code: 200, endpoint, object: await found(context, endpoint, collection) }
}

export async function listOfCollection(context: VerbContext, endpoint: Endpoint, collection: Collection): Promise<ListResult> {
  const options = listOptions(context.query, false)
  const items: CachedObject[] = []
  const result: ListResult = { kind: 'list', code: 200, endpoint, items, revision: context.verbs.world.cache.revision }
  const after = options.continueToken === '' ? undefined : decodeContinue(options.continueToken)
  const rest = after === undefined ? undefined : following(collection, after, context)
  let passed = after === undefined || rest !== undefined
  for await (const { cached, matches } of selected(context, endpoint, rest ?? (await all(context, collection)))) {
    if (!passed) {
      passed = cached.key === after
      continue
    }
    if (!matches) continue
    if (options.limit > 0 && items.length === options.limit) {
      result.continueToken = encodeContinue(items.at(-1)!.key)
      return result
    }
    items.push(cached)
  }
  if (!passed) throw expired(PLACE_FORGOTTEN)
  return result
}

export async function deleteOfCollection(context: VerbContext, endpoint: Endpoint, collection: Collection): Promise<Result> {
  const options = await deletionOptions(context)
  const object = await found(context, endpoint, collection)
  await remove(context, endpoint, collection, object, options)
  return removed(endpoint, object)
}

export async function deleteAllOfCollection(context: VerbContext, endpoint: Endpoint, collection: Collection): Promise<ListResult> {
  const options = await deletionOptions(context)
  const list = await listOfCollection(context, endpoint, collection)
  for (const { object } of list.items) await remove(context, endpoint, collection, object, options)
  return list
}

async function found({ namespace, name }: VerbContext, endpoint: Endpoint, collection: Collection): Promise<KubeObject> {
  const object = await collection.get({ namespace, name })
  if (object === undefined) throw notFound(endpoint.gr, name)
  return object
}

async function remove(
  context: VerbContext,
  endpoint: Endpoint,
  collection: Collection,
  object: KubeObject,
  options: DeleteOptions,
): Promise<void> {
  const { name = '', uid } = object.metadata ?? {}
  const wanted = options.preconditions.uid
  if (wanted !== undefined && wanted !== uid)
    throw conflict(endpoint.gr, name, `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${uid ?? ''}`)
  await admitDeletion(context, endpoint, name, object, options)
  if (!options.dryRun) await collection.remove?.(object)
}

function removed(endpoint: Endpoint, object: KubeObject): StatusResult {
  const { name = '', uid = '' } = object.metadata ?? {}
  const details: NonNullable<Status['details']> = { name, group: endpoint.gr.group, kind: endpoint.gr.resource, uid }
  return { kind: 'status', code: 200, status: success(details) }
}

function all(context: VerbContext, collection: Collection): Iterable<KubeObject> | Promise<Iterable<KubeObject>> {
  return collection.list(context.namespace, fieldSelectorOf(context))
}

/** What comes after the object of that key, where the collection finds its place by itself. */
function following(collection: Collection, key: string, context: VerbContext): Iterable<KubeObject> | undefined {
  if (collection.listAfter === undefined) return undefined
  const slash = key.lastIndexOf('/')
  const after = { namespace: key.slice(0, Math.max(0, slash)), name: key.slice(slash + 1) }
  const rest = collection.listAfter(after, context.namespace, fieldSelectorOf(context))
  if (rest === undefined) throw expired(PLACE_FORGOTTEN)
  return rest
}

function fieldSelectorOf({ query }: VerbContext): string {
  return query.get('fieldSelector') ?? ''
}

/** The objects, and whether the request's selectors mean them. Others get their turn in between. */
async function* selected(
  context: VerbContext,
  endpoint: Endpoint,
  objects: Iterable<KubeObject>,
): AsyncIterable<{ cached: CachedObject; matches: boolean }> {
  const wanted = selection(endpoint, {
    namespace: context.namespace,
    pathName: '',
    labelSelector: context.query.get('labelSelector') ?? '',
    fieldSelector: fieldSelectorOf(context),
  })
  let seen = 0
  for (const object of objects) {
    if (++seen % AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve))
    const cached = new StandIn(endpoint, object, context.verbs.world.cache.revision)
    yield { cached, matches: (wanted.onlyKey ?? cached.key) === cached.key && wanted.matches?.(cached) !== false }
  }
}

/** As the cache would hold it. */
class StandIn implements CachedObject {
  readonly key: string
  readonly revision: number
  readonly object: KubeObject

  constructor(endpoint: Endpoint, object: KubeObject, revision: number) {
    const { namespace = '', name = '' } = object.metadata ?? {}
    this.key = objectKey(namespace, name)
    this.revision = revision
    this.object = { ...object, kind: endpoint.gvk.kind, apiVersion: endpoint.apiVersion }
  }
  decode(): KubeObject {
    return structuredClone(this.object)
  }
  get bytes(): Buffer {
    const { kind, apiVersion, ...rest } = this.object
    return Buffer.from(JSON.stringify({ kind, apiVersion, ...rest }))
  }
}

function encodeContinue(after: string): string {
  return Buffer.from(JSON.stringify({ after })).toString('base64url')
}

function decodeContinue(token: string): string {
  try {
    const { after } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { after?: unknown }
    if (typeof after === 'string') return after
  } catch {
    // Refused below, like any other.
  }
  throw badRequest('invalid continue token: continue key is not valid')
}
