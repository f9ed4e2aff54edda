/**
 * DELETE of an object and of a collection: preconditions, finalizers, propagation, grace.
 *
 * @see apiserver/pkg/registry/generic/registry/store.go, apiserver/pkg/registry/rest/delete.go
 * @module
 */
import { decodeBody, JSON_TYPE } from '../../api/decode.ts'
import { parseJson } from '../../api/json.ts'
import { type KubeObject, metaOf } from '../../api/object.ts'
import { quote } from '../../api/quote.ts'
import { badRequest, conflict, isStatusError, notFound, type Status, success } from '../../api/status.ts'
import type { CachedObject } from '../../cache/cache.ts'
import { rfc3339 } from '../../clock.ts'
import { decodeAt, type Endpoint, objectKey } from '../endpoint.ts'
import type { Write } from '../resource.ts'
import { bodyType } from './body.ts'
import { admissionRequest, type ListResult, type Result, type VerbContext, writeOf } from './context.ts'
import { listObjects } from './list.ts'
import { type DeleteOptions, deleteOptions } from './options.ts'
import { encodeStored, requireStorage } from './write.ts'

const ORPHAN = 'orphan'
const FOREGROUND = 'foregroundDeletion'
const COLLECTION_PAGE = 10_000
const DELETE_OPTIONS_SCHEMA = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'

export async function deleteOne(context: VerbContext, endpoint: Endpoint): Promise<Result> {
  const options = await deletionOptions(context)
  const outcome = await deleteObject(context, endpoint, options)
  const code = !outcome.gone && options.orphanDependents === false ? 202 : 200
  return deletionResult(endpoint, outcome, code)
}

function deletionResult(endpoint: Endpoint, { gone, object }: Deletion, code: number): Result {
  if (!gone || endpoint.definition.strategy.returnsDeletedObject === true) return { kind: 'object', code, endpoint, object }
  const { name = '', uid = '' } = metaOf(object)
  const details: Status['details'] = { name }
  if (endpoint.gr.group !== '') details.group = endpoint.gr.group
  details.kind = endpoint.gr.resource
  details.uid = uid
  return { kind: 'status', code, status: success(details) }
}

interface Deletion {
  /** Removed from the store, not only marked. */
  gone: boolean
  /** Its last state. */
  object: KubeObject
}

/** One object by the context's namespace and name. */
export function deleteObject(context: VerbContext, endpoint: Endpoint, options: DeleteOptions): Promise<Deletion> {
  const key = objectKey(context.namespace, context.name)
  return context.verbs.queue.run(endpoint.prefix + key, async () => {
    const fresh = context.verbs.world.cache.fresh()
    if (fresh !== undefined) await fresh
    for (;;) {
      const deletion = await deleteOnce(context, endpoint, options, key)
      if (deletion !== undefined) return deletion
      context.signal().throwIfAborted()
    }
  })
}

async function deleteOnce(context: VerbContext, endpoint: Endpoint, options: DeleteOptions, key: string): Promise<Deletion | undefined> {
  const { cache, store } = requireStorage(context, endpoint)
  const cached = cache.get(key)
  if (cached === undefined) throw notFound(endpoint.gr, context.name)
  const object = decodeAt(endpoint, cached)
  const strategy = endpoint.definition.strategy
  if (strategy.defaultPropagationWarning !== undefined && namesNoPropagation(options)) context.warn(strategy.defaultPropagationWarning)
  checkPreconditions(endpoint, context.name, object, options)
  const write = writeOf(context, context.name, 'delete', options.dryRun)
  strategy.checkDelete?.(object, write)
  await admitDeletion(context, endpoint, context.name, object, options)

  const plan = deletionPlan(endpoint, object, options, write)
  if (plan === 'unchanged') return { gone: false, object }
  if (plan === 'remove') {
    if (options.dryRun) return { gone: true, object }
    return (await remove(context, endpoint, key, cached, object)) ? { gone: true, object } : undefined
  }
  if (options.dryRun) return { gone: false, object }
  const outcome = await store.update(endpoint.prefix + key, encodeStored(endpoint, object), cached.revision)
  if (!outcome.ok) return undefined
  metaOf(object).resourceVersion = String(outcome.revision)
  if (plan === 'markThenRemove') {
    const marked = cache.get(key)
    if (marked === undefined || (await remove(context, endpoint, key, marked, object))) return { gone: true, object }
    return undefined
  }
  return { gone: false, object }
}

/** Throws when some plugin keeps the object. */
export async function admitDeletion(
  context: VerbContext,
  endpoint: Endpoint,
  name: string,
  oldObject: KubeObject,
  { object: options, dryRun }: DeleteOptions,
): Promise<void> {
  const admission = admissionRequest(context, endpoint, 'DELETE', { name, object: undefined, oldObject, options, dryRun })
  await context.verbs.admission.admit(admission)
  await context.verbs.admission.validate(admission)
}

/** Neither in the old way nor in the new. */
function namesNoPropagation({ propagationPolicy, orphanDependents }: DeleteOptions): boolean {
  return propagationPolicy === undefined && orphanDependents === undefined
}

async function remove(context: VerbContext, endpoint: Endpoint, key: string, cached: CachedObject, object: KubeObject): Promise<boolean> {
  const outcome = await context.verbs.store.delete(endpoint.prefix + key, cached.revision)
  if (!outcome.ok) return outcome.current === undefined
  metaOf(object).resourceVersion = String(outcome.revision)
  endpoint.definition.strategy.released?.(object, context.verbs.world)
  return true
}

/** Changes `object` to the state a deletion leaves it in, and says what to do with it. */
function deletionPlan(
  endpoint: Endpoint,
  object: KubeObject,
  options: DeleteOptions,
  write: Write,
): 'remove' | 'mark' | 'markThenRemove' | 'unchanged' {
  const { strategy } = endpoint.definition
  const meta = metaOf(object)
  const already = meta.deletionTimestamp !== undefined
  const finalizersChanged = setCollectorFinalizers(endpoint, object, options)
  const held = (meta.finalizers?.length ?? 0) > 0 || strategy.holdsDeletion?.(object) === true
  const present = meta.deletionGracePeriodSeconds ?? 0

  if (strategy.gracePeriodSeconds !== undefined) {
    if (already && present > 0) {
      const requested = options.gracePeriodSeconds
      if (requested === undefined || requested >= present) return 'unchanged'
      shortenGrace(object, requested, write.nowMs)
      return held || requested > 0 ? 'mark' : 'markThenRemove'
    }
    if (!already) {
      const grace = strategy.gracePeriodSeconds(object, options.gracePeriodSeconds)
      bumpGeneration(object)
      meta.deletionTimestamp = rfc3339(write.nowMs + grace * 1000)
      meta.deletionGracePeriodSeconds = grace
      return held || grace > 0 ? 'mark' : 'markThenRemove'
    }
  }
  if (!held) return 'remove'
  if (already && !finalizersChanged && present === 0) return 'unchanged'
  if (!already) {
    bumpGeneration(object)
    meta.deletionTimestamp = rfc3339(write.nowMs)
    strategy.markDeleting?.(object)
  }
  if (strategy.holdsDeletion === undefined) meta.deletionGracePeriodSeconds = 0
  return 'mark'
}

function bumpGeneration(object: KubeObject): void {
  const meta = metaOf(object)
  if ((meta.generation ?? 0) > 0) meta.generation = (meta.generation as number) + 1
}

function shortenGrace(object: KubeObject, requestedSeconds: number, nowMs: number): void {
  const meta = metaOf(object)
  const before = Date.parse(meta.deletionTimestamp as string) - (meta.deletionGracePeriodSeconds as number) * 1000
  const at = before + requestedSeconds * 1000
  meta.deletionTimestamp = rfc3339(Math.max(at, nowMs))
  meta.deletionGracePeriodSeconds = at < nowMs && requestedSeconds !== 0 ? 1 : requestedSeconds
}

/** Adds and removes the garbage collector's own finalizers. True when that changed them. */
function setCollectorFinalizers(endpoint: Endpoint, object: KubeObject, options: DeleteOptions): boolean {
  const propagation = endpoint.definition.strategy.defaultPropagation ?? 'Background'
  if (propagation === 'none') return false
  const meta = metaOf(object)
  const before = meta.finalizers ?? []
  const orphan = wants(options, before, ORPHAN, propagation === 'Orphan')
  const foreground = options.orphanDependents === undefined && wants(options, before, FOREGROUND, false)
  const after = before.filter((one) => one !== ORPHAN && one !== FOREGROUND)
  if (orphan) after.push(ORPHAN)
  if (foreground) after.push(FOREGROUND)
  if (after.length === before.length && after.every((one) => before.includes(one))) return false
  if (after.length === 0) delete meta.finalizers
  else meta.finalizers = after
  return true
}

function wants(
  options: DeleteOptions,
  present: readonly string[],
  finalizer: typeof ORPHAN | typeof FOREGROUND,
  otherwise: boolean,
): boolean {
  if (finalizer === ORPHAN && options.orphanDependents !== undefined) return options.orphanDependents
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === (finalizer === ORPHAN ? 'Orphan' : 'Foreground')
  for (const one of present) if (one === ORPHAN || one === FOREGROUND) return one === finalizer
  return otherwise
}

function checkPreconditions(endpoint: Endpoint, name: string, object: KubeObject, { preconditions }: DeleteOptions): void {
  const meta = metaOf(object)
  const of = { group: endpoint.gr.group, resource: endpoint.gvk.kind }
  const { uid, resourceVersion } = preconditions
  if (uid !== undefined && uid !== meta.uid) {
    if (endpoint.definition.strategy.holdsDeletion !== undefined) {
      throw conflict(endpoint.gr, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${meta.uid}`)
    }
    throw conflict(
      of,
      name,
      `the UID in the precondition (${uid}) does not match the UID in record (${meta.uid}). The object might have been deleted and then recreated`,
    )
  }
  if (resourceVersion !== undefined && resourceVersion !== meta.resourceVersion) {
    if (endpoint.definition.strategy.holdsDeletion !== undefined) {
      throw conflict(
        endpoint.gr,
        name,
        `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${meta.resourceVersion}`,
      )
    }
    throw conflict(
      of,
      name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${meta.resourceVersion}). The object might have been modified`,
    )
  }
}

export async function deleteCollection(context: VerbContext, endpoint: Endpoint): Promise<Result> {
  const options = deleteOptions(await optionsBody(context), context.query)
  const list: ListResult = await listObjects(context, endpoint, { pageSize: COLLECTION_PAGE })
  for (const item of list.items) {
    const { namespace = '', name = '' } = item.object.metadata ?? {}
    try {
      await deleteObject({ ...context, namespace, name }, endpoint, options)
    } catch (error) {
      if (!isStatusError(error, 'NotFound')) throw error
    }
  }
  return list
}

/** From the body, or from the query when there is none. */
export async function deletionOptions(context: VerbContext): Promise<DeleteOptions> {
  return deleteOptions(await optionsBody(context), context.query)
}

async function optionsBody(context: VerbContext): Promise<KubeObject | undefined> {
  const bytes = await context.body()
  if (bytes.length === 0) return undefined
  const schema = context.verbs.registry.schemas.struct(DELETE_OPTIONS_SCHEMA)
  if (schema === undefined) throw new TypeError(`no schema ${DELETE_OPTIONS_SCHEMA}`)
  const mediaType = bodyType(context.contentType)
  if (mediaType === JSON_TYPE) checkOptionsKind(bytes)
  try {
    // DeleteOptions is registered in every group version, so any apiVersion will do.
    return decodeBody(bytes, mediaType, { schema, gvk: { group: '', version: 'v1', kind: 'DeleteOptions' }, strict: 'Ignore' }).object
  } catch (error) {
    throw badRequest((error as Error).message, { cause: error })
  }
}

/** What upstream's decoder of options says before it looks at members. */
function checkOptionsKind(bytes: Buffer): void {
  let value: KubeObject | null
  try {
    value = parseJson(bytes).value
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message}`, { cause: error })
  }
  const { kind = 'DeleteOptions', apiVersion = 'v1' } = value ?? {}
  if (kind !== 'DeleteOptions')
    throw badRequest(
      `no kind ${quote(String(kind))} is registered for version ${quote(String(apiVersion))} in scheme "k8s.io/apiserver/pkg/apis/meta/internalversion/scheme/register.go:33"`,
    )
}
