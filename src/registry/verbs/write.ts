/**
 * What creating and updating have in common: metadata, admission, validation, managed fields, the store.
 *
 * The order of the steps is upstream's and can be seen by plugins, webhooks and in managedFields: managed fields are recorded before
 * admission, system fields after it, validation after that, and validating admission last.
 *
 * @see apiserver/pkg/registry/generic/registry/store.go, apiserver/pkg/registry/rest/{create,update}.go
 * @module
 */
import { applySchemaDefaults } from '../../api/defaults.ts'
import { encodeObject } from '../../api/encode.ts'
import { type FieldError, invalidValue } from '../../api/field.ts'
import { keepTimesWhenUnchanged } from '../../api/managedfields/keep-times.ts'
import { trackUpdate } from '../../api/managedfields/track-update.ts'
import { validateKubeFinalizers, validateObjectMeta, validateObjectMetaUpdate } from '../../api/metadata.ts'
import { pathSegmentErrors } from '../../api/names.ts'
import { type KubeObject, metaOf } from '../../api/object.ts'
import { alreadyExists, conflict, failure, invalid, modified, notFound, resourceDetails } from '../../api/status.ts'
import type { ObjectMeta, OwnerReference } from '../../api/types/meta/v1.ts'
import type { CachedObject } from '../../cache/cache.ts'
import { rfc3339 } from '../../clock.ts'
import { TooLargeError } from '../../storage/store.ts'
import { decodeAt, type Endpoint, objectKey } from '../endpoint.ts'
import type { UpdateStrategy } from '../resource.ts'
import { admissionRequest, type ObjectResult, type VerbContext, writeOf } from './context.ts'
import { deepEqual } from './deep-equal.ts'
import type { WriteOptions } from './options.ts'
import { managerName, matchNamespace } from './options.ts'

const GENERATED_NAME_BASE = 58
const GENERATED_SUFFIX = 5
const GENERATE_ATTEMPTS = 8

/** Schema defaults, then the kind's own. */
export function applyDefaults(endpoint: Endpoint, object: KubeObject): void {
  applySchemaDefaults(endpoint.schema, object)
  endpoint.definition.strategy.defaults?.(object)
}

/** POST, once the body is decoded and defaulted. */
export async function createObject(
  context: VerbContext,
  endpoint: Endpoint,
  object: KubeObject,
  options: WriteOptions,
): Promise<ObjectResult> {
  const meta = metaOf(object)
  delete meta.uid
  delete meta.creationTimestamp
  delete meta.deletionTimestamp
  delete meta.deletionGracePeriodSeconds
  delete meta.selfLink
  matchNamespace(object, endpoint.definition.namespaced ? context.namespace : '')
  dropDuplicateOwners(meta, context, false)
  track(context, endpoint, undefined, object, options, undefined)
  const admission = admissionRequest(context, endpoint, 'CREATE', {
    name: meta.name ?? '',
    object,
    oldObject: undefined,
    options: options.object,
    dryRun: options.dryRun,
  })
  await context.verbs.admission.admit(admission)
  dropDuplicateOwners(metaOf(object), context, true)
  return insert(context, endpoint, object, options, async () => {
    admission.name = metaOf(object).name ?? ''
    await context.verbs.admission.validate(admission)
  })
}

/** From here on the object is new whether it came by POST, by PUT or by apply. */
async function insert(
  context: VerbContext,
  endpoint: Endpoint,
  object: KubeObject,
  options: WriteOptions,
  validateAdmission: () => Promise<void>,
): Promise<ObjectResult> {
  const { definition, gvk, gr } = endpoint
  const strategy = definition.strategy
  const meta = metaOf(object)
  const { world } = context.verbs
  meta.uid = world.newUid()
  meta.creationTimestamp = rfc3339(context.nowMs)
  const generated = (meta.generateName ?? '') !== '' && (meta.name ?? '') === ''
  if (generated) meta.name = generateName(meta.generateName as string, world.randomSuffix)
  const write = writeOf(context, meta.name ?? '', 'create', options.dryRun)
  matchNamespace(object, definition.namespaced ? context.namespace : '')
  await strategy.authorizeWrite?.(object, undefined, write)
  if (strategy.specChanged !== undefined) meta.generation = 1
  strategy.prepareForCreate?.(object, write)
  const errors = [...metadataErrors(endpoint, meta), ...(strategy.validate?.(object, write) ?? [])]
  if (errors.length > 0) throw invalid(definition.storage?.as ?? gvk, meta.name ?? '', errors)
  for (const warning of strategy.warnings?.(object, undefined, write) ?? []) context.warn(warning)
  await validateAdmission()
  if ((meta.resourceVersion ?? '') !== '') throw failure(500, '', 'resourceVersion should not be set on objects to be created')
  const giveBack = await strategy.allocate?.(object, undefined, write)
  const { cache, store } = requireStorage(context, endpoint)
  try {
    for (let attempt = 1; ; attempt++) {
      const name = meta.name as string
      const key = objectKey(meta.namespace ?? '', name)
      const present = cache.get(key)
      if (options.dryRun && present === undefined) return { kind: 'object', code: 201, endpoint, object }
      if (present === undefined) {
        const ttlSeconds = strategy.ttlSeconds?.(object, world)
        const writing = ttlSeconds === undefined ? undefined : { ttlSeconds }
        const outcome = await writeFitting(context, meta, () =>
          store.create(endpoint.prefix + key, encodeStored(endpoint, object), writing),
        )
        if (outcome.ok) return { kind: 'object', code: 201, endpoint, ...stored(endpoint, key, outcome.revision, object) }
      }
      if (!generated) throw nameTaken(endpoint, name, present ?? cache.get(key))
      if (attempt === GENERATE_ATTEMPTS) {
        const text = `${alreadyExists(gr, name).message}, the server was not able to generate a unique name for the object`
        throw failure(409, 'AlreadyExists', text, { ...resourceDetails(gr, name), retryAfterSeconds: 1 })
      }
      meta.name = generateName(meta.generateName as string, world.randomSuffix)
    }
  } catch (error) {
    giveBack?.()
    throw error
  }
}

/**
 * Writes; without managedFields when the store finds the object too large with them. An apply is about them, and fails.
 *
 * @see apiserver/pkg/endpoints/handlers/{create,update,patch}.go, isTooLargeError
 */
export async function writeFitting<T>(context: VerbContext, meta: ObjectMeta, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error
    if (meta.managedFields === undefined || context.contentType.startsWith('application/apply-patch')) throw failure(500, '', error.message)
    delete meta.managedFields
    return writeFitting(context, meta, write)
  }
}

function nameTaken(endpoint: Endpoint, name: string, present: CachedObject | undefined): Error {
  const error = alreadyExists(endpoint.gr, name)
  if (present?.object.metadata?.deletionTimestamp === undefined) return error
  return failure(409, 'AlreadyExists', `object is being deleted: ${error.message}`, error.status.details)
}

function generateName(base: string, randomSuffix: (length: number) => string): string {
  return Buffer.from(base).subarray(0, GENERATED_NAME_BASE).toString() + randomSuffix(GENERATED_SUFFIX)
}

export interface Update {
  verb: 'update' | 'patch'
  options: WriteOptions
  strategy: UpdateStrategy
  /** An object that is not there is made (PUT of some kinds, every apply). */
  createWhenMissing: boolean
  /** `metadata.uid` of a body: a precondition against the object found. */
  expectedUid?: string | undefined
  /**
   * The wanted object from the present one (owned by the callee; undefined when there is none), managed fields recorded.
   * May run again when the object changed meanwhile.
   */
  change(current: KubeObject | undefined): KubeObject | Promise<KubeObject>
  /** Throws unless the caller may create: asked only when the object turns out to be missing. */
  authorizeCreate?(): Promise<void>
}

/** PUT and PATCH: read, change, check, write; again when somebody was faster. */
export function updateObject(context: VerbContext, endpoint: Endpoint, update: Update): Promise<ObjectResult> {
  const key = objectKey(context.namespace, context.name)
  return context.verbs.queue.run(endpoint.prefix + key, async () => {
    for (;;) {
      const result = await updateOnce(context, endpoint, update, key)
      if (result !== undefined) return result
      context.signal().throwIfAborted()
    }
  })
}

/** Undefined when another writer came first. */
async function updateOnce(context: VerbContext, endpoint: Endpoint, update: Update, key: string): Promise<ObjectResult | undefined> {
  const { gr, gvk, definition } = endpoint
  const { options, strategy } = update
  const { cache, store } = requireStorage(context, endpoint)
  const fresh = context.verbs.world.cache.fresh()
  if (fresh !== undefined) await fresh
  const cached = cache.get(key)
  if (cached === undefined && !update.createWhenMissing) throw notFound(gr, context.name)
  const old = cached === undefined ? undefined : decodeAt(endpoint, cached)
  if (update.expectedUid !== undefined && old?.metadata?.uid !== update.expectedUid) {
    throw conflict(
      gr,
      context.name,
      `StorageError: invalid object, Code: 4, Key: ${endpoint.prefix}${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${update.expectedUid}, UID in object meta: ${old?.metadata?.uid ?? ''}`,
    )
  }
  const object = await update.change(cached === undefined ? undefined : decodeAt(endpoint, cached))
  const meta = metaOf(object)
  const operation = old === undefined ? 'CREATE' : 'UPDATE'
  const admission = admissionRequest(context, endpoint, operation, {
    name: context.name,
    object,
    oldObject: old,
    options: options.object,
    dryRun: options.dryRun,
  })
  await context.verbs.admission.admit(admission)
  dropDuplicateOwners(meta, context, true)
  if (old === undefined || cached === undefined) {
    return insert(context, endpoint, object, options, async () => {
      await update.authorizeCreate?.()
      await context.verbs.admission.validate(admission)
    })
  }

  const oldMeta = metaOf(old)
  const given = meta.resourceVersion ?? ''
  if (given === '' || given === '0') {
    if (strategy.allowUnconditionalUpdate === false) {
      throw invalid({ group: gr.group, kind: gr.resource }, context.name, [
        invalidValue('metadata.resourceVersion', 0, 'must be specified for an update'),
      ])
    }
  } else if (given !== oldMeta.resourceVersion) throw modified(gr, context.name)
  meta.resourceVersion = oldMeta.resourceVersion

  const write = writeOf(context, context.name, update.verb, options.dryRun)
  matchNamespace(object, definition.namespaced ? context.namespace : '')
  await strategy.authorizeWrite?.(object, old, write)
  keep(meta, oldMeta, 'generation')
  strategy.prepareForUpdate?.(object, old, write)
  if (strategy.specChanged?.(object, old) === true) meta.generation = (oldMeta.generation ?? 0) + 1
  meta.uid ??= oldMeta.uid
  keep(meta, oldMeta, 'creationTimestamp')
  if (oldMeta.deletionTimestamp !== undefined) {
    meta.deletionTimestamp = oldMeta.deletionTimestamp
    meta.deletionGracePeriodSeconds ??= oldMeta.deletionGracePeriodSeconds
  } else {
    delete meta.deletionTimestamp
    delete meta.deletionGracePeriodSeconds
  }
  delete meta.selfLink
  // The rules for all kinds are asked twice upstream, by the generic store and by the kind: a client sees each cause twice.
  const changed = validateObjectMetaUpdate(meta, oldMeta)
  const errors = [
    ...validateObjectMeta(meta, { namespaced: definition.namespaced, validateName: pathSegmentErrors }),
    ...changed,
    ...changed,
    ...metadataErrors(endpoint, meta),
    ...((await strategy.authorizeUpdate?.(object, old, write)) ?? []),
    ...(strategy.validateUpdate?.(object, old, write) ?? []),
  ]
  if (errors.length > 0) throw invalid(definition.storage?.as ?? gvk, meta.name ?? '', errors)
  for (const warning of strategy.warnings?.(object, old, write) ?? []) context.warn(warning)
  keepTimesWhenUnchanged(old, object)
  await context.verbs.admission.validate(admission)

  if (deletesNow(endpoint, object, oldMeta)) {
    if (!options.dryRun) {
      const outcome = await store.delete(endpoint.prefix + key, cached.revision)
      if (!outcome.ok) return undefined
      definition.strategy.released?.(old, context.verbs.world)
    }
    return { kind: 'object', code: 200, endpoint, object }
  }
  if (deepEqual(object, old)) return { kind: 'object', code: 200, endpoint, cached }
  if (options.dryRun) return { kind: 'object', code: 200, endpoint, object }
  const giveBack = await strategy.allocate?.(object, old, write)
  try {
    const ttlSeconds = definition.strategy.ttlSeconds?.(object, context.verbs.world)
    const writing = ttlSeconds === undefined ? undefined : { ttlSeconds }
    const outcome = await writeFitting(context, meta, () =>
      store.update(endpoint.prefix + key, encodeStored(endpoint, object), cached.revision, writing),
    )
    if (outcome.ok) return { kind: 'object', code: 200, endpoint, ...stored(endpoint, key, outcome.revision, object) }
  } catch (error) {
    giveBack?.()
    throw error
  }
  giveBack?.()
  return undefined
}

/** Without finalizers, and marked: this update is the removal. */
function deletesNow(endpoint: Endpoint, object: KubeObject, oldMeta: ObjectMeta): boolean {
  const meta = metaOf(object)
  if ((meta.finalizers?.length ?? 0) > 0) return false
  if ((oldMeta.deletionGracePeriodSeconds ?? 0) > 0) return false
  if (meta.deletionTimestamp === undefined) return false
  return endpoint.definition.strategy.holdsDeletion?.(object) !== true
}

/** Records who changed what. `resetFields` are members that this endpoint never takes from a client. */
export function track(
  context: VerbContext,
  endpoint: Endpoint,
  before: KubeObject | undefined,
  after: KubeObject,
  options: WriteOptions,
  resetFields: readonly string[] | undefined,
): void {
  trackUpdate({
    ...fieldManager(context, options),
    before,
    after,
    schema: endpoint.schema,
    apiVersion: endpoint.apiVersion,
    resetPaths: resetFields ?? endpoint.definition.strategy.resetFields ?? [],
  })
}

/** In whose name a request writes. */
export function fieldManager(context: VerbContext, options: WriteOptions) {
  return {
    schemas: context.verbs.registry.schemas,
    manager: managerName(options.fieldManager, context.userAgent),
    subresource: context.subresource,
    nowMs: context.nowMs,
  }
}

/** The canonical value for the store: kind and apiVersion of the stored version, metadata next, no resourceVersion. */
export function encodeStored(endpoint: Endpoint, object: KubeObject): Uint8Array {
  const toStore = endpoint.definition.convert === undefined ? object : endpoint.definition.convert.toStored(object)
  const { kind: _kind, apiVersion: _apiVersion, metadata, ...rest } = toStore
  const { resourceVersion: _resourceVersion, ...meta } = metadata ?? {}
  return encodeObject(
    { kind: endpoint.stored.kind, apiVersion: endpoint.stored.apiVersion, metadata: meta, ...rest },
    endpoint.stored.schema,
  )
}

/** What was just written: the cached bytes when they are still of this revision, else the object with it. */
function stored(endpoint: Endpoint, key: string, revision: number, object: KubeObject): { cached: CachedObject } | { object: KubeObject } {
  const cached = endpoint.cache?.get(key)
  if (cached?.revision === revision) return { cached }
  metaOf(object).resourceVersion = String(revision)
  return { object }
}

export function requireStorage(context: VerbContext, endpoint: Endpoint) {
  if (endpoint.cache === undefined) throw new TypeError(`${endpoint.gr.resource} is not stored`)
  return { cache: endpoint.cache, store: context.verbs.store }
}

function keep<K extends 'generation' | 'creationTimestamp'>(meta: ObjectMeta, oldMeta: ObjectMeta, member: K): void {
  const value = oldMeta[member]
  if (value === undefined) delete meta[member]
  else meta[member] = value
}

/** As every kind's own validation begins. */
function metadataErrors({ definition }: Endpoint, meta: ObjectMeta): FieldError[] {
  return [
    ...validateObjectMeta(meta, { namespaced: definition.namespaced, validateName: definition.strategy.validateName }),
    ...validateKubeFinalizers(meta.finalizers),
  ]
}

function dropDuplicateOwners(meta: ObjectMeta, context: VerbContext, afterAdmission: boolean): void {
  const owners = meta.ownerReferences
  if (owners === undefined || owners.length < 2) return
  const kept: OwnerReference[] = []
  const duplicates: string[] = []
  for (const owner of owners) {
    if (kept.some((one) => deepEqual(one, owner))) duplicates.push(owner.uid ?? '')
    else kept.push(owner)
  }
  if (duplicates.length === 0) return
  meta.ownerReferences = kept
  const moment = afterAdmission ? ' after mutating admission happens' : ''
  context.warn(
    `.metadata.ownerReferences contains duplicate entries${moment}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${duplicates.join(', ')}`,
  )
}
