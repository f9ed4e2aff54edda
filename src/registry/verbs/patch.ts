/**
 * PATCH: JSON patch, merge patch, strategic merge patch and server-side apply.
 *
 * @see apiserver/pkg/endpoints/handlers/patch.go
 * @module
 */
import { decodeText, parseJson, plainValue } from '../../api/json.ts'
import { normalize } from '../../api/normalize.ts'
import { type ParsedYaml, parseYaml } from '../../api/yaml.ts'
import { invalidValue } from '../../api/field.ts'
import { applyConfiguration } from '../../api/managedfields/apply.ts'
import { type KubeObject, metaOf } from '../../api/object.ts'
import { applyJsonPatch, decodeJsonPatch } from '../../api/patch/json-patch.ts'
import { applyMergePatch } from '../../api/patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../../api/patch/strategic-merge-patch.ts'
import type { StructType } from '../../api/schema.ts'
import { badRequest, conflict, failure, invalid, notFound } from '../../api/status.ts'
import { type Endpoint, subresourceOf } from '../endpoint.ts'
import type { ObjectSubresource, ViewSubresource } from '../resource.ts'
import { authorizeCreate } from './authorize-create.ts'
import type { Result, VerbContext } from './context.ts'
import { type FieldValidation, matchNamespace, type WriteOptions, writeOptions } from './options.ts'
import { checkName, writeView } from './update.ts'
import { applyDefaults, track, updateObject } from './write.ts'

const PATCH_TYPES = ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml'] as const
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
  const change = apply ? applier(context, endpoint, bytes, options, sub) : patcher(context, endpoint, type, bytes, options, sub)
  return updateObject(context, endpoint, {
    options,
    strategy,
    createWhenMissing: apply || endpoint.definition.strategy.allowCreateOnUpdate === true,
    authorizeCreate: () => authorizeCreate(context, endpoint),
    change(current) {
      if (current === undefined && !apply) throw notFound(endpoint.gr, context.name)
      const object = change(current)
      const uid = object.metadata?.uid ?? ''
      if (uid !== '' && current === undefined) {
        throw conflict(endpoint.gr, context.name, `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`)
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

function patcher(context: VerbContext, endpoint: Endpoint, type: PatchType, bytes: Buffer, options: WriteOptions, sub: ObjectSubresource | undefined) {
  const patchOf = preparedPatch(type, bytes, options.fieldValidation, endpoint.schema, context)
  return (current: KubeObject | undefined): KubeObject => {
    const before = current as KubeObject
    const { document, strictErrors, show } = patchOf(before)
    const object = checked(document, endpoint.schema, strictErrors, show, options.fieldValidation, context)
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
}

/** Decodes the patch once; the answer applies it to any state of the object. */
function preparedPatch(type: PatchType, bytes: Buffer, validation: FieldValidation, schema: StructType, context: VerbContext): (before: KubeObject) => Patched {
  const strict = validation !== 'Ignore'
  switch (type) {
    case 'application/json-patch+json': {
      const { operations, strictErrors } = decodeJsonPatch(bytes, strict)
      return (before) => {
        const document = applyJsonPatch(before, operations)
        return { document, strictErrors, show: () => JSON.stringify(document) }
      }
    }
    case 'application/merge-patch+json': {
      const { value, duplicates } = parsePatch(bytes, (why) => `error decoding patch: ${why}`)
      return (before) => {
        const document = applyMergePatch(before, value)
        return { document, strictErrors: strict ? duplicates : [], show: () => JSON.stringify(document) }
      }
    }
    default: {
      const { value, duplicates } = parsePatch(bytes, (why) => why)
      return (before) => ({
        document: applyStrategicMergePatch(before, value as KubeObject, schema, context.verbs.registry.schemas),
        strictErrors: strict ? duplicates : [],
        show: () => goMap(value),
      })
    }
  }
}

function parsePatch(bytes: Buffer, text: (why: string) => string): { value: unknown; duplicates: string[] } {
  let parsed: ReturnType<typeof parseJson>
  try {
    parsed = parseJson(bytes)
  } catch (error) {
    throw badRequest(text((error as Error).message), { cause: error })
  }
  const { value } = parsed
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest(text(`json: cannot unmarshal ${jsonKind(value)} into Go value of type map[string]interface {}`))
  }
  return { value, duplicates: parsed.duplicates.map((path: string) => `duplicate field ${JSON.stringify(path)}`) }
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}

/** A patched document is decoded like a body; what is wrong with it is wrong with the patch. */
function checked(document: unknown, schema: StructType, patchErrors: readonly string[], show: () => string, validation: FieldValidation, context: VerbContext): KubeObject {
  let normalized: ReturnType<typeof normalize>
  try {
    normalized = normalize(schema, document)
  } catch (error) {
    throw invalid({ group: '', kind: '' }, '', [invalidValue('patch', show(), (error as Error).message)])
  }
  const errors = validation === 'Ignore' ? [] : [...patchErrors, ...normalized.strictErrors]
  if (errors.length > 0) {
    if (validation === 'Strict') throw invalid({ group: '', kind: '' }, '', [invalidValue('patch', show(), `strict decoding error: ${errors.join(', ')}`)])
    for (const error of errors) context.warn(error)
  }
  return normalized.object
}

function applier(context: VerbContext, endpoint: Endpoint, bytes: Buffer, options: WriteOptions & { force: boolean | undefined }, sub: ObjectSubresource | undefined) {
  const parsed = parseApplied(bytes)
  const config = plainValue(parsed.tree)
  const duplicates = parsed.duplicates.length === 0 ? undefined : `error converting YAML to JSON: yaml: unmarshal errors:\n${parsed.duplicates.map((line) => `  ${line}`).join('\n')}`
  return (current: KubeObject | undefined): KubeObject => {
    const object = applyConfiguration({
      live: current,
      config: structuredClone(config) as KubeObject,
      force: options.force === true,
      manager: options.fieldManager,
      subresource: context.subresource,
      apiVersion: endpoint.apiVersion,
      gvk: endpoint.gvk,
      schema: endpoint.schema,
      schemas: context.verbs.registry.schemas,
      nowMs: context.nowMs,
      resetFields: sub?.strategy.resetFields ?? endpoint.definition.strategy.resetFields ?? [],
      defaults: (made) => applyDefaults(endpoint, made),
    })
    if (duplicates !== undefined && options.fieldValidation !== 'Ignore') {
      if (options.fieldValidation === 'Strict') throw badRequest(`error strict decoding YAML: ${duplicates}`)
      context.warn(duplicates)
    }
    return object
  }
}

function parseApplied(bytes: Buffer): ParsedYaml {
  try {
    return parseYaml(decodeText(bytes))
  } catch (error) {
    throw badRequest(`error decoding YAML: ${(error as Error).message}`, { cause: error })
  }
}

function patchView(context: VerbContext, endpoint: Endpoint, view: ViewSubresource, type: PatchType, bytes: Buffer, options: WriteOptions & { force: boolean | undefined }): Promise<Result> {
  const schema = context.verbs.registry.schemas.struct(view.schema)
  if (schema === undefined) throw new TypeError(`no schema ${view.schema}`)
  const apiVersion = view.kind.group === '' ? view.kind.version : `${view.kind.group}/${view.kind.version}`
  return writeView(context, endpoint, view, options, (present) => {
    if (type === 'application/apply-patch+yaml') {
      const config = plainValue(parseApplied(bytes).tree) as KubeObject
      const object = checked(applyMergePatch(present, config), schema, [], () => JSON.stringify(config), options.fieldValidation, context)
      checkName(object, context.name)
      return object
    }
    const { document, strictErrors, show } = preparedPatch(type, bytes, options.fieldValidation, schema, context)(present)
    const object = checked(document, schema, strictErrors, show, options.fieldValidation, context)
    object.kind = view.kind.kind
    object.apiVersion = apiVersion
    metaOf(object)
    checkName(object, context.name)
    return object
  })
}

/** Go's `%v` of a map: `map[a:1 b:map[c:x]]`, keys sorted. */
function goMap(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goMap).join(' ')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${key}:${goMap(member)}`)
    return `map[${members.join(' ')}]`
  }
  return value === null || value === undefined ? '<nil>' : String(value)
}
