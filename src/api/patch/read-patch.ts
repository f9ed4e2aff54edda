/**
 * Patches out of request bodies: parsed, with what strict field validation has against their text.
 *
 * @see apiserver/pkg/endpoints/handlers/patch.go; sigs.k8s.io/json
 * @module
 */
import {
  decodeText,
  type JsonNode,
  JsonNumber,
  JsonSyntaxError,
  JsonObject as JsonTree,
  parseJson,
  parseTree,
  plainValue,
} from '../json.ts'
import { badRequest, quote } from '../status.ts'
import { parseYaml, YamlError } from '../yaml.ts'
import { isObject, type JsonObject } from './json-value.ts'

export interface ReadPatch<T> {
  patch: T
  /** `duplicate field "data.x"`, `json patch unknown field "[0].foo"`: warnings with Warn, part of the refusal with Strict, nothing with Ignore. */
  strictErrors: string[]
}

/** `validated`: fieldValidation is Warn or Strict; some refusals read differently then. */
export interface ReadPatchOptions {
  validated: boolean
}

/** A configuration to apply, and a line for each key that came twice. */
export interface AppliedConfiguration {
  config: unknown
  duplicates: string[]
}

/** What server-side apply gets, in YAML or JSON. Throws 400. */
export function readApplied(body: Buffer): AppliedConfiguration {
  try {
    const { tree, duplicates } = parseYaml(decodeText(body))
    const config = plainValue(tree)
    if (config !== null && !isObject(config))
      throw badRequest(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${noMap(config)}`)
    return { config: config ?? {}, duplicates }
  } catch (error) {
    if (!(error instanceof YamlError)) throw error
    throw badRequest(`error decoding YAML: error converting YAML to JSON: ${error.message}`, { cause: error })
  }
}

/** A merge patch: an object. Throws 400. */
export function readMergePatch(body: Buffer, { validated }: ReadPatchOptions): ReadPatch<unknown> {
  const { value, duplicates } = parsed(body, (message) => (validated ? `error decoding patch: ${message}` : 'Invalid JSON Patch'))
  if (validated && value !== null && !isObject(value)) throw badRequest(`error decoding patch: ${noMap(value)}`)
  if (!isObject(value) && !Array.isArray(value)) throw badRequest('Invalid JSON Patch')
  return { patch: value, strictErrors: duplicates.map(duplicateField) }
}

/** A strategic merge patch: an object. Throws 400. */
export function readStrategicMergePatch(body: Buffer): ReadPatch<JsonObject> {
  const { value, duplicates } = parsed(body, (message) => message)
  if (value === null) return { patch: {}, strictErrors: [] }
  if (!isObject(value)) throw badRequest(noMap(value))
  return { patch: value, strictErrors: duplicates.map(duplicateField) }
}

/** The operations of a JSON patch. Throws 400. */
export function readJsonPatch(body: Buffer, { validated }: ReadPatchOptions): ReadPatch<JsonObject[]> {
  const refused = (message: string): string => (validated ? `error decoding patch: ${message}` : message)
  const tree = parsedTree(body, refused)
  if (tree === null) return { patch: [], strictErrors: [] }
  if (!Array.isArray(tree)) {
    throw badRequest(
      refused(`json: cannot unmarshal ${jsonKind(tree)} into Go value of type ${validated ? '[]handlers.jsonPatchOp' : 'jsonpatch.Patch'}`),
    )
  }
  // The same text counts once.
  const strictErrors = new Set<string>()
  const patch: JsonObject[] = []
  for (const [i, operation] of tree.entries()) {
    const node = operation ?? new JsonTree()
    if (!(node instanceof JsonTree)) {
      throw badRequest(
        refused(
          `json: cannot unmarshal ${jsonKind(node)} into Go value of type ${validated ? 'handlers.jsonPatchOp' : 'jsonpatch.Operation'}`,
        ),
      )
    }
    if (validated) checkOperation(node, i, strictErrors, refused)
    // An object as a tree is an object as a value.
    patch.push(plainValue(node) as JsonObject)
  }
  return { patch, strictErrors: [...strictErrors] }
}

/** Strict decoding into op, path, from and value. */
function checkOperation(operation: JsonTree, position: number, strictErrors: Set<string>, refused: (message: string) => string): void {
  const seen = new Set<string>()
  for (const [name, value] of operation.members) {
    const path = `[${position}].${name}`
    if (name !== 'op' && name !== 'path' && name !== 'from' && name !== 'value') {
      strictErrors.add(`json patch unknown field ${quote(path)}`)
      continue
    }
    if (seen.has(name)) strictErrors.add(`json patch ${duplicateField(path)}`)
    seen.add(name)
    if (name === 'value') {
      const duplicates: string[] = []
      plainValue(value, path, duplicates)
      for (const duplicate of duplicates) strictErrors.add(`json patch ${duplicateField(duplicate)}`)
    } else if (typeof value !== 'string' && value !== null) {
      throw badRequest(refused(`json: cannot unmarshal ${jsonKind(value)} into Go struct field jsonPatchOp.${name} of type string`))
    }
  }
}

function duplicateField(path: string): string {
  return `duplicate field ${quote(path)}`
}

function parsed(body: Buffer, text: (message: string) => string): { value: unknown; duplicates: string[] } {
  return orBadRequest(() => parseJson(body), text)
}

function parsedTree(body: Buffer, text: (message: string) => string): JsonNode {
  return orBadRequest(() => parseTree(decodeText(body)), text)
}

function orBadRequest<T>(parse: () => T, text: (message: string) => string): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw badRequest(text(error.message), { cause: error })
    throw error
  }
}

function noMap(value: unknown): string {
  return `json: cannot unmarshal ${Array.isArray(value) ? 'array' : kindOfScalar(value)} into Go value of type map[string]interface {}`
}

function jsonKind(node: JsonNode): string {
  if (Array.isArray(node)) return 'array'
  if (node instanceof JsonTree) return 'object'
  return node instanceof JsonNumber ? 'number' : kindOfScalar(node)
}

function kindOfScalar(value: unknown): string {
  if (typeof value === 'boolean') return 'bool'
  return typeof value === 'string' ? 'string' : 'number'
}
