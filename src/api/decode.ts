/**
 * From a request body to an object: JSON, YAML or protobuf in, an object in the form of its schema out.
 *
 * @see apiserver/pkg/endpoints/handlers/{create,rest}.go, apimachinery/pkg/runtime/serializer/json/json.go
 * @module
 */
import { copyGivenEmpty } from './given-empty.ts'
import { byteOrder, decodeText, type JsonNode, JsonNumber, JsonObject, JsonSyntaxError, parsePlain, parseTree } from './json.ts'
import { DecodeError, normalizeQuickly, normalizeTree } from './normalize.ts'
import { type GroupVersionKind, groupVersion, type KubeObject } from './object.ts'
import { decodeProtobufObject, ProtobufError, unwrapUnknown } from './protobuf.ts'
import type { SchemaSource, StructType } from './schema.ts'
import { builtinSchemas } from './schemas.ts'
import { badRequest, quote, type StatusError } from './status.ts'
import { parseYaml, YamlError } from './yaml.ts'

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore'

export const JSON_TYPE = 'application/json'
export const YAML_TYPE = 'application/yaml'
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf'

export interface DecodeOptions {
  /** The schema of what the endpoint takes. */
  schema: StructType
  /** What the endpoint takes, and what a body without kind or apiVersion is. */
  gvk: GroupVersionKind
  strict: FieldValidation
  /** Where the structs of the schema are found; the built-in types by default. */
  source?: SchemaSource
}

export interface Decoded {
  /** In the form of its schema, with kind and apiVersion. */
  object: KubeObject
  /** The kind that the body named. */
  gvk: GroupVersionKind
  /** With `Warn`: one text per warning, `unknown field "spec.x"`. Otherwise empty. */
  strictErrors: string[]
}

/**
 * Decodes a body.
 *
 * @throws StatusError 400 when the body is not what the endpoint takes, or with `Strict` has unknown or duplicate members
 */
export function decodeBody(bytes: Buffer, mediaType: string, options: DecodeOptions): Decoded {
  if (mediaType === PROTOBUF_TYPE) return decodeProtobufBody(bytes, options)
  if (mediaType === YAML_TYPE) return decodeYamlBody(bytes, options)
  return decodeQuickly(bytes, options) ?? decodeTree(bytes, () => ({ tree: parseTree(decodeText(bytes)), duplicates: [] }), options)
}

/** Ordinary JSON of the expected kind. */
function decodeQuickly(bytes: Buffer, { schema, gvk, source = builtinSchemas }: DecodeOptions): Decoded | undefined {
  const plain = parsePlain(bytes)
  if (plain === undefined) return undefined
  const value = plain.value as KubeObject
  if (typeof value !== 'object' || value === null) return undefined
  const apiVersion = groupVersion(gvk.group, gvk.version)
  if (value.kind !== undefined && value.kind !== gvk.kind) return undefined
  if (value.apiVersion !== undefined && value.apiVersion !== apiVersion) return undefined
  const object = normalizeQuickly(schema, value, plain.members, source) as KubeObject | undefined
  return object === undefined ? undefined : { object: named(object, gvk.kind, apiVersion), gvk, strictErrors: [] }
}

function named(object: KubeObject, kind: string, apiVersion: string): KubeObject {
  if (object.kind === kind && object.apiVersion === apiVersion) return object
  const { kind: _, apiVersion: __, ...members } = object
  const renamed = { kind, apiVersion, ...members }
  copyGivenEmpty(object, renamed)
  return renamed
}

function decodeYamlBody(bytes: Buffer, options: DecodeOptions): Decoded {
  return decodeTree(
    bytes,
    () => {
      const { tree, duplicates } = parseYaml(decodeText(bytes))
      // On its way a YAML body is a Go map, so its members come in sorted order.
      return { tree: sortTree(tree), duplicates }
    },
    options,
  )
}

function sortTree(node: JsonNode): JsonNode {
  if (Array.isArray(node)) return node.map(sortTree)
  if (!(node instanceof JsonObject)) return node
  const sorted = new JsonObject()
  for (const [name, value] of node.members) sorted.members.push([name, sortTree(value)])
  sorted.members.sort(([a], [b]) => byteOrder(a, b))
  return sorted
}

function decodeTree(bytes: Buffer, parse: () => { tree: JsonNode; duplicates: string[] }, options: DecodeOptions): Decoded {
  const { schema, gvk: expected, source = builtinSchemas, strict } = options
  let tree: JsonNode
  let lines: string[]
  let found: GroupVersionKind
  try {
    ;({ tree, duplicates: lines } = parse())
    found = withDefaults(interpret(tree), expected)
  } catch (error) {
    if (error instanceof JsonSyntaxError)
      throw unrecognized(expected.kind, `couldn't get version/kind; json parse error: ${error.message}`, bytes)
    if (error instanceof YamlError) throw unrecognized(expected.kind, error.message, bytes)
    if (error instanceof DecodeError) throw unrecognized(expected.kind, error.message, bytes)
    throw error
  }
  const type = typeOf(found, expected, schema, source)
  let object: KubeObject | undefined
  let strictErrors: string[] = []
  if (type !== undefined) {
    try {
      const normalized = normalizeTree(type, tree, source)
      object = normalized.object as KubeObject
      strictErrors = normalized.strictErrors
    } catch (error) {
      if (error instanceof DecodeError || error instanceof JsonSyntaxError) throw notHandled(found, expected.kind, error.message)
      throw error
    }
  }
  refuseOther(found, expected)
  if (object === undefined) throw notHandled(found, expected.kind, notRegistered(found))
  if (strict === 'Strict' && lines.length + strictErrors.length > 0) {
    const all =
      lines.length > 0 ? [`yaml: unmarshal errors:\n${lines.map((line) => `  ${line}`).join('\n')}`, ...strictErrors] : strictErrors
    throw notHandled(found, expected.kind, `strict decoding error: ${all.join(', ')}`)
  }
  return {
    object: named(object, found.kind, groupVersion(found.group, found.version)),
    gvk: found,
    strictErrors: strict === 'Warn' ? [...lines, ...strictErrors] : [],
  }
}

/** The struct that a kind decodes into: the endpoint's own, or another registered one, which is then refused. */
function typeOf(found: GroupVersionKind, expected: GroupVersionKind, schema: StructType, source: SchemaSource): StructType | undefined {
  if (sameKind(found, expected)) return schema
  return source === builtinSchemas ? builtinSchemas.byKind(found.group, found.version, found.kind) : undefined
}

function sameKind(a: GroupVersionKind, b: GroupVersionKind): boolean {
  return a.group === b.group && a.version === b.version && a.kind === b.kind
}

/** Upstream's refusals of another kind than the endpoint's: not registered, not convertible, or of another version. */
function refuseOther(found: GroupVersionKind, expected: GroupVersionKind): void {
  if (sameKind(found, expected)) return
  // DeleteOptions and the like are registered with every group.
  if (expected.kind === 'DeleteOptions' && found.kind === expected.kind) return
  if (!builtinSchemas.registered(found.group, found.version, found.kind)) throw notHandled(found, expected.kind, notRegistered(found))
  if (found.kind !== expected.kind || internalPackage(found.group) !== internalPackage(expected.group)) {
    const from = `${found.version}.${found.kind}`
    const to = `${internalPackage(expected.group)}.${expected.kind}`
    throw notHandled(found, expected.kind, `converting (${from}) to (${to}): unknown conversion`)
  }
  const data = groupVersion(found.group, found.version)
  throw badRequest(
    `the API version in the data (${data}) does not match the expected API version (${groupVersion(expected.group, expected.version)})`,
  )
}

/** The Go package of a group's internal types. */
function internalPackage(group: string): string {
  if (group === '' || group === 'events.k8s.io') return 'core'
  return group.split('.')[0] as string
}

function notRegistered({ group, version, kind }: GroupVersionKind): string {
  return `no kind ${quote(kind)} is registered for version ${quote(groupVersion(group, version))} in scheme "pkg/api/legacyscheme/scheme.go:30"`
}

const META_STRUCT = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'

/** Kind and version of a document; here alone Go does not mind the case of the names. */
function interpret(tree: JsonNode): GroupVersionKind {
  const found = { apiVersion: '', kind: '' }
  let saved: string | undefined
  if (tree instanceof JsonObject) {
    for (const [name, value] of tree.members) {
      const folded = name.toLowerCase()
      const member = folded === 'kind' ? 'kind' : folded === 'apiversion' ? 'apiVersion' : undefined
      if (member === undefined || value === null) continue
      if (typeof value === 'string') found[member] = value
      else saved ??= `json: cannot unmarshal ${describe(value)} into Go struct field .${member} of type string`
    }
  } else if (tree !== null) saved = `json: cannot unmarshal ${describe(tree)} into Go value of type ${META_STRUCT}`
  if (saved !== undefined) throw new JsonSyntaxError(saved)
  return { ...parseGroupVersion(found.apiVersion), kind: found.kind }
}

function describe(node: JsonNode): string {
  if (typeof node === 'string') return 'string'
  if (typeof node === 'boolean') return 'bool'
  if (node instanceof JsonNumber) return 'number'
  return Array.isArray(node) ? 'array' : 'object'
}

/** `apps/v1` and `v1`. */
function parseGroupVersion(text: string): { group: string; version: string } {
  if (text === '' || text === '/') return { group: '', version: '' }
  const parts = text.split('/')
  if (parts.length > 2) throw new DecodeError(`unexpected GroupVersion string: ${text}`)
  const version = parts.pop() as string
  return { group: parts[0] ?? '', version }
}

function withDefaults(found: GroupVersionKind, expected: GroupVersionKind): GroupVersionKind {
  let { group, version } = found
  if (group === '' && version === '') ({ group, version } = expected)
  if (version === '' && group === expected.group) version = expected.version
  const kind = found.kind === '' ? expected.kind : found.kind
  return takenAs(expected, group, version, kind) ? expected : { group, version, kind }
}

/** An eviction may still call itself v1beta1, whose form is the same. @see pkg/registry/core/pod/storage/eviction.go, AcceptsGroupVersion */
function takenAs(expected: GroupVersionKind, group: string, version: string, kind: string): boolean {
  return kind === 'Eviction' && expected.kind === kind && group === 'policy' && expected.group === group && version === 'v1beta1'
}

function decodeProtobufBody(bytes: Buffer, { schema, gvk: expected, source = builtinSchemas }: DecodeOptions): Decoded {
  let found = expected
  try {
    const unknown = unwrapUnknown(bytes)
    try {
      found = withDefaults({ ...parseGroupVersion(unknown.apiVersion), kind: unknown.kind }, expected)
    } catch (error) {
      throw unrecognized(expected.kind, (error as Error).message, bytes)
    }
    const type = typeOf(found, expected, schema, source)
    const object = type === undefined ? undefined : decodeProtobufObject(type, unknown.raw, source)
    refuseOther(found, expected)
    return { object: named(object as KubeObject, found.kind, groupVersion(found.group, found.version)), gvk: found, strictErrors: [] }
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error
    if (error.unrecognized) throw unrecognized(expected.kind, error.message, bytes)
    throw notHandled(found, expected.kind, error.message)
  }
}

function unrecognized(kind: string, why: string, bytes: Buffer): StatusError {
  return badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why} (${summary(bytes)})`)
}

function notHandled(found: GroupVersionKind, kind: string, why: string): StatusError {
  return badRequest(`${found.kind} in version ${quote(found.version)} cannot be handled as a ${kind}: ${why}`)
}

/** The first bytes of a body: as they are when they look like JSON, else in hexadecimal. */
function summary(bytes: Buffer): string {
  if (bytes.length === 0) return '<empty>'
  const start = bytes.subarray(0, 30)
  return `${bytes[0] === 0x7b ? decodeText(start) : start.toString('hex')}${bytes.length > 30 ? ' ...' : ''}`
}
