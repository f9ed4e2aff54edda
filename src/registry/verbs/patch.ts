/**
 * PATCH: JSON patch, merge patch, strategic merge patch and server-side apply.
 *
 * @see apiserver/pkg/endpoints/handlers/patch.go
 * @module
 */

import { readBody } from '../../api/body-work.ts'
import { invalidValue } from '../../api/field.ts'
import { apply as applyConfiguration, unconvertible } from '../../api/managedfields/apply.ts'
import { trackUpdate } from '../../api/managedfields/track-update.ts'
import { normalize } from '../../api/normalize.ts'
import { type GroupVersionKind, groupVersion, type KubeObject, metaOf } from '../../api/object.ts'
import { goValue } from '../../api/patch/go-format.ts'
import { applyJsonPatch } from '../../api/patch/json-patch.ts'
import { applyMergePatch } from '../../api/patch/merge-patch.ts'
import type { AppliedConfiguration } from '../../api/patch/read-patch.ts'
import { shownDocument } from '../../api/patch/shown-document.ts'
import { applyStrategicMergePatch } from '../../api/patch/strategic-merge-patch.ts'
import { typeMismatch } from '../../api/patch/type-mismatch.ts'
import type { StructType } from '../../api/schema.ts'
import { badRequest, conflict, failure, invalid, notFound } from '../../api/status.ts'
import { type Endpoint, subresourceOf } from '../endpoint.ts'
import type { ObjectSubresource, ViewSubresource } from '../resource.ts'
import { authorizeCreate } from './authorize-create.ts'
import type { Result, VerbContext } from './context.ts'
import { type FieldValidation, matchNamespace, type WriteOptions, writeOptions } from './options.ts'
import { checkName } from './update.ts'
import { viewSchema, writeView } from './view.ts'
import { applyDefaults, fieldManager, track, updateObject } from './write.ts'

const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const
type PatchType = (typeof PATCH_TYPES)[number]

export async function patch(context: VerbContext, endpoint: Endpoint): Promise<Result> {
  const type = patchType(context.contentType)
  const apply = type === 'application/apply-patch+yaml'
  const bytes = await context.body()
  const options = writeOptions(context.query, 'PatchOptions', apply)
  const subresource = context.subresource === '' ? undefined : subresourceOf(endpoint, context.subresource)
  if (subresource?.type === 'view') return patchView(context, endpoint, subresource, type, bytes, options)
  const sub = subresource as ObjectSubresource | undefined
  const strategy = sub?.strategy ?? endpoint.definition.strategy
  const change = apply
    ? applier(context, endpoint, await readBody(bytes, { kind: 'apply' }), options, sub)
    : patcher(context, endpoint, await preparedPatch(type, bytes, options.fieldValidation, endpoint.schema, context), options, sub)
  return updateObject(context, endpoint, {
    verb: 'patch',
    options,
    strategy,
    createWhenMissing: apply || endpoint.definition.strategy.allowCreateOnUpdate === true,
    authorizeCreate: () => authorizeCreate(context, endpoint),
    change(current) {
      if (current === undefined && !apply) throw notFound(endpoint.gr, context.name)
      const object = change(current)
      const uid = object.metadata?.uid ?? ''
      if (uid !== '' && current === undefined) {
        throw conflict(
          endpoint.gr,
          context.name,
          `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
        )
      }
      matchNamespace(object, endpoint.definition.namespaced ? context.namespace : '')
      checkName(object, context.name)
      return object
    },
  })
}

function patchType(contentType: string): PatchType {
  const type = (contentType.split(';', 1)[0] as string).trim()
  const known = PATCH_TYPES.find((one) => one === type)
  if (known === undefined) throw failure(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
  return known
}

function patcher(
  context: VerbContext,
  endpoint: Endpoint,
  patchOf: (before: KubeObject) => Patched,
  options: WriteOptions,
  sub: ObjectSubresource | undefined,
) {
  return (current: KubeObject | undefined): KubeObject => {
    const before = current as KubeObject
    const object = checked(patchOf(before), endpoint, options.fieldValidation, context)
    object.kind = endpoint.gvk.kind
    object.apiVersion = endpoint.apiVersion
    applyDefaults(endpoint, object)
    track(context, endpoint, before, object, options, sub?.strategy.resetFields)
    return object
  }
}

interface Patched {
  document: unknown
  strictErrors: readonly string[]
  /** The value that a refusal shows. */
  show: () => string
  /** What a refusal calls a value of another type, where that is not what a JSON decoder calls it. */
  mismatch?: () => string | undefined
}

/** Decodes the patch once; the answer applies it to any state of the object. One that cannot be read is refused when it is to be applied. */
async function preparedPatch(
  type: PatchType,
  bytes: Buffer,
  validation: FieldValidation,
  schema: StructType,
  context: VerbContext,
): Promise<(before: KubeObject) => Patched> {
  try {
    return await readPatch(type, bytes, validation, schema, context)
  } catch (error) {
    return () => {
      throw error
    }
  }
}

async function readPatch(
  type: PatchType,
  bytes: Buffer,
  validation: FieldValidation,
  schema: StructType,
  context: VerbContext,
): Promise<(before: KubeObject) => Patched> {
  const validated = validation !== 'Ignore'
  const { schemas } = context.verbs.registry
  switch (type) {
    case 'application/json-patch+json': {
      const { patch, strictErrors } = await readBody(bytes, { kind: 'json', validated })
      return (before) => {
        const document = applyJsonPatch(before, patch)
        return { document, strictErrors, show: () => shownDocument(document, before, schema, schemas) }
      }
    }
    case 'application/merge-patch+json': {
      const { patch, strictErrors } = await readBody(bytes, { kind: 'merge', validated })
      return (before) => {
        const document = applyMergePatch(before, patch)
        return { document, strictErrors, show: () => shownDocument(document, before, schema, schemas) }
      }
    }
    default: {
      const { patch, strictErrors } = await readBody(bytes, { kind: 'strategic' })
      return (before) => {
        const document = applyStrategicMergePatch(before, patch, schema, schemas)
        return { document, strictErrors, mismatch: () => typeMismatch(schema, document, schemas), show: () => goValue(patch) }
      }
    }
  }
}

/** A patched document is decoded like a body; what is wrong with it is wrong with the patch. */
function checked(
  patched: Patched,
  { gvk, schema }: { gvk: GroupVersionKind; schema: StructType },
  validation: FieldValidation,
  context: VerbContext,
): KubeObject {
  const { document, show } = patched
  let normalized: ReturnType<typeof normalize>
  try {
    checkKind(document as KubeObject, gvk)
    normalized = normalize(schema, document, context.verbs.registry.schemas)
  } catch (error) {
    throw invalid({ group: '', kind: '' }, '', [invalidValue('patch', show(), patched.mismatch?.() ?? (error as Error).message)])
  }
  const errors = validation === 'Ignore' ? [] : [...patched.strictErrors, ...normalized.strictErrors]
  if (errors.length > 0) {
    if (validation === 'Strict')
      throw invalid({ group: '', kind: '' }, '', [invalidValue('patch', show(), `strict decoding error: ${errors.join(', ')}`)])
    for (const error of errors) context.warn(error)
  }
  return normalized.object
}

/** A patch may not make another kind of it. */
function checkKind(document: KubeObject, gvk: GroupVersionKind): void {
  const { kind = gvk.kind, apiVersion = groupVersion(gvk.group, gvk.version) } = document
  if (kind !== gvk.kind)
    throw new TypeError(
      `converting (${apiVersion.split('/').at(-1)}.${kind}) to (${gvk.group === '' ? 'core' : gvk.group.split('.')[0]}.${gvk.kind}): unknown conversion`,
    )
}

function applier(
  context: VerbContext,
  endpoint: Endpoint,
  { config, duplicates }: AppliedConfiguration,
  options: WriteOptions & { force: boolean | undefined },
  sub: ObjectSubresource | undefined,
) {
  return (current: KubeObject | undefined): KubeObject => {
    const applied = { config: structuredClone(config) as KubeObject, gvk: endpoint.gvk }
    const merged = applyConfiguration({
      ...fieldManager(context, options),
      ...applied,
      live: current,
      force: options.force === true,
      apiVersion: endpoint.apiVersion,
      schema: endpoint.schema,
      resetPaths: sub?.strategy.resetFields ?? endpoint.definition.strategy.resetFields ?? [],
    })
    const object = decodedAs(endpoint.schema, merged, applied, context)
    applyDefaults(endpoint, object)
    if (duplicates.length > 0 && options.fieldValidation === 'Strict') {
      const lines = duplicates.map((line) => `  ${line}`).join('\n')
      throw badRequest(`error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n${lines}`)
    }
    if (options.fieldValidation === 'Warn') for (const duplicate of duplicates) context.warn(duplicate)
    return object
  }
}

/** What was merged, in the form of its schema; kind and apiVersion stay. */
function decodedAs(
  schema: StructType,
  merged: KubeObject,
  applied: { config: KubeObject; gvk: GroupVersionKind },
  context: VerbContext,
): KubeObject {
  try {
    return { kind: merged.kind, apiVersion: merged.apiVersion, ...normalize(schema, merged, context.verbs.registry.schemas).object }
  } catch (error) {
    throw unconvertible(applied, (error as Error).message)
  }
}

async function patchView(
  context: VerbContext,
  endpoint: Endpoint,
  view: ViewSubresource,
  type: PatchType,
  bytes: Buffer,
  options: WriteOptions & { force: boolean | undefined },
): Promise<Result> {
  const schema = viewSchema(context, view)
  const apiVersion = groupVersion(view.kind.group, view.kind.version)
  const manager = fieldManager(context, options)
  if (type === 'application/apply-patch+yaml') {
    const { config } = await readBody(bytes, { kind: 'apply' })
    return writeView(context, endpoint, view, 'patch', options, (present) => {
      const applied = { config: structuredClone(config) as KubeObject, gvk: view.kind }
      const request = { ...manager, ...applied, live: present, force: options.force === true, apiVersion, schema }
      return decodedAs(schema, applyConfiguration(request), applied, context)
    })
  }
  const patchOf = await preparedPatch(type, bytes, options.fieldValidation, schema, context)
  return writeView(context, endpoint, view, 'patch', options, (present) => {
    const object = checked(patchOf(present), { gvk: view.kind, schema }, options.fieldValidation, context)
    object.kind = view.kind.kind
    object.apiVersion = apiVersion
    metaOf(object)
    checkName(object, context.name)
    trackUpdate({ ...manager, before: present, after: object, schema, apiVersion })
    return object
  })
}
