/**
 * Configuration files of the server: YAML or JSON of one kind in several versions, read strictly. What is wrong is said in upstream's words.
 *
 * @see apimachinery/pkg/runtime/serializer/json/json.go; apiserver/pkg/apis/apiserver/install/install.go
 * @module
 */

import { byteOrder } from './byte-order.ts'
import { decodeText, type JsonNode, JsonNumber, JsonObject, JsonSyntaxError, parseTree } from './json.ts'
import { DecodeError, normalizeTree } from './normalize.ts'
import { quote } from './quote.ts'
import type { Field, Scalar, SchemaSource, StructType, ValueType } from './schema.ts'
import { parseYaml, YamlError } from './yaml.ts'

/** The file cannot be used as it is. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

/**
 * Structs by name, members by name: `string`, `[string]` a list, `*string` a pointer (absence is another thing than emptiness), and a
 * capital letter begins the name of another struct.
 */
export type StructTable = Readonly<Record<string, Readonly<Record<string, string>>>>

export interface ConfigurationKind {
  kind: string
  /** Whose `vN` may be asked for. */
  group: string
  versions: readonly string[]
  structs: StructTable
  /** Where upstream made its scheme: part of an error's text. */
  scheme: string
}

/** Kinds that upstream knows in such files too. */
const OTHER_KINDS: ReadonlySet<string> = new Set([
  'AdmissionConfiguration',
  'AuthenticationConfiguration',
  'AuthorizationConfiguration',
  'EncryptionConfiguration',
  'TracingConfiguration',
])

/** The document in the form of its schema. `check` throws what only Go's own types would. @throws ConfigurationError */
export function decodeConfiguration(bytes: Buffer, of: ConfigurationKind, check: (document: any) => void = () => {}): any {
  try {
    const { tree, lines } = treeIn(bytes)
    const version = versionOf(tree, bytes, of)
    const source = schemas(of, version)
    const { object, strictErrors } = normalizeTree(source.struct(`${version}.${of.kind}`) as StructType, tree, source)
    check(object)
    const strict = lines.length > 0 ? [`yaml: unmarshal errors:\n${lines.map((line) => `  ${line}`).join('\n')}`] : []
    strict.push(...strictErrors)
    if (strict.length > 0) throw new ConfigurationError(`strict decoding error: ${strict.join(', ')}`)
    return object
  } catch (error) {
    if (error instanceof DecodeError || error instanceof YamlError) throw new ConfigurationError(error.message, { cause: error })
    if (error instanceof JsonSyntaxError)
      throw new ConfigurationError(`couldn't get version/kind; json parse error: ${error.message}`, { cause: error })
    throw error
  }
}

function treeIn(bytes: Buffer): { tree: JsonNode; lines: string[] } {
  const text = decodeText(bytes)
  if (/^\s*\{/.test(text)) return { tree: parseTree(text), lines: [] }
  const { tree, duplicates } = parseYaml(text)
  return { tree: sorted(tree), lines: duplicates }
}

/** On its way YAML is a Go map, so its members come in sorted order. */
function sorted(node: JsonNode): JsonNode {
  if (Array.isArray(node)) return node.map(sorted)
  if (!(node instanceof JsonObject)) return node
  const object = new JsonObject()
  for (const [name, value] of node.members) object.members.push([name, sorted(value)])
  object.members.sort(([a], [b]) => byteOrder(a, b))
  return object
}

const META_STRUCT = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'

function versionOf(tree: JsonNode, bytes: Buffer, { kind: wanted, group, versions, scheme }: ConfigurationKind): string {
  if (tree !== null && !(tree instanceof JsonObject))
    throw new JsonSyntaxError(`json: cannot unmarshal ${nodeKind(tree)} into Go value of type ${META_STRUCT}`)
  const member = (name: string): string => {
    const value = tree?.members.findLast(([one]) => one.toLowerCase() === name.toLowerCase())?.[1] ?? ''
    if (typeof value !== 'string')
      throw new JsonSyntaxError(`json: cannot unmarshal ${nodeKind(value)} into Go struct field .${name} of type string`)
    return value
  }
  const kind = member('kind')
  const apiVersion = member('apiVersion')
  if (kind === '') throw new ConfigurationError(`Object 'Kind' is missing in '${bytes.toString()}'`)
  if (apiVersion === '') throw new ConfigurationError(`Object 'apiVersion' is missing in '${bytes.toString()}'`)
  const version = versions.find((one) => apiVersion === `${group}/${one}`)
  if (version === undefined || !OTHER_KINDS.has(kind))
    throw new ConfigurationError(`no kind ${quote(kind)} is registered for version ${quote(apiVersion)} in scheme ${quote(scheme)}`)
  if (kind !== wanted) throw new ConfigurationError(`expected ${wanted}, got *apiserver.${kind}`)
  return version
}

function nodeKind(node: JsonNode): string {
  if (typeof node === 'string') return 'string'
  if (typeof node === 'boolean') return 'bool'
  if (node instanceof JsonNumber) return 'number'
  return Array.isArray(node) ? 'array' : 'object'
}

function schemas({ structs }: ConfigurationKind, version: string): SchemaSource {
  const made = new Map<string, StructType>()
  for (const [name, members] of Object.entries(structs)) {
    const fields = new Map<string, Field>()
    for (const [member, written] of Object.entries(members)) {
      const pointer = written.startsWith('*')
      const type = valueType(pointer ? written.slice(1) : written, version)
      fields.set(member, { name: member, type, always: false, required: false, ...(pointer && { pointer }) })
    }
    made.set(`${version}.${name}`, { name: `${version}.${name}`, fields })
  }
  return { struct: (name) => made.get(name) }
}

function valueType(written: string, version: string): ValueType {
  if (written.startsWith('[')) return { kind: 'list', items: valueType(written.slice(1, -1), version) }
  if (/^[A-Z]/.test(written)) return { kind: 'struct', name: `${version}.${written}` }
  return { kind: 'scalar', scalar: written as Scalar }
}
