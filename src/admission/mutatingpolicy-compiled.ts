/**
 * The mutations of a MutatingAdmissionPolicy: compiled once, and what each makes of an object.
 *
 * @see apiserver/pkg/admission/plugin/policy/mutating/{compilation.go,patch/json_patch.go,patch/smd.go}
 * @module
 */
import { decodeBody, JSON_TYPE } from '../api/decode.ts'
import { encodeObject } from '../api/encode.ts'
import { parseJson } from '../api/json.ts'
import { mergeObjects } from '../api/managedfields/merge.ts'
import { type Topology, topologyOf } from '../api/managedfields/topology.ts'
import { typeErrors } from '../api/managedfields/validate.ts'
import { type GroupVersionKind, groupVersion, type KubeObject } from '../api/object.ts'
import { afterOperations, JsonPatchFailure } from '../api/patch/json-patch.ts'
import { isObject, type JsonObject } from '../api/patch/json-value.ts'
import type { StructType } from '../api/schema.ts'
import { builtinSchemas } from '../api/schemas.ts'
import { internalError } from '../api/status.ts'
import type { MutatingAdmissionPolicy } from '../api/types/admissionregistration/v1.ts'
import { Budget, POLICY_BUDGET } from '../cel/budget.ts'
import { JsonPatchValue, misnamedParts, ObjectValue, toJson } from '../cel/patches.ts'
import type { Variables } from '../cel/scope.ts'
import { CelError } from '../cel/values.ts'
import { type Compiled, compileAll, evaluate } from './policy-expressions.ts'
import { type NamedExpression, withVariables } from './policy-variables.ts'
import type { ObjectInterfaces } from './webhook-objects.ts'

/** Said of a body, and not of a patched object. */
const NOT_HANDLED = /^\S+ in version "[^"]*" cannot be handled as a \S+: /

interface CompiledMutation {
  kind: 'ApplyConfiguration' | 'JSONPatch'
  expression: Compiled
}

export interface CompiledMutations {
  variables: readonly NamedExpression[]
  mutations: readonly CompiledMutation[]
}

export async function compileMutations({ spec = {} }: MutatingAdmissionPolicy): Promise<CompiledMutations> {
  const { mutations = [], variables = [] } = spec
  const kinds = mutations.map(({ patchType }) => (patchType === 'JSONPatch' ? 'JSONPatch' : 'ApplyConfiguration'))
  const expressions = await compileAll(
    mutations.map(({ jsonPatch, applyConfiguration }, i) => (kinds[i] === 'JSONPatch' ? jsonPatch : applyConfiguration)?.expression ?? ''),
  )
  const variableExpressions = await compileAll(variables.map(({ expression = '' }) => expression))
  // Lists of the same length as those they were made from.
  return {
    variables: variables.map(({ name = '' }, i) => ({ name, expression: variableExpressions[i] as Compiled })),
    mutations: expressions.map((expression, i) => ({ kind: kinds[i] as CompiledMutation['kind'], expression })),
  }
}

interface Setting {
  variables: readonly NamedExpression[]
  names: Variables
  /** Of the object, as the policy sees it. */
  kind: GroupVersionKind
  objects: ObjectInterfaces
}

/** The object as the mutation leaves it. Throws an Error with the text for the caller, or a StatusError that ends the request. */
export function mutated(mutation: CompiledMutation, object: KubeObject, { variables, names, kind, objects }: Setting): KubeObject {
  const schema = objects.schema(kind)
  if (schema === undefined) throw internalError(`no kind "${kind.kind}" is registered`)
  const budget = new Budget(POLICY_BUDGET)
  const value = evaluate(
    mutation.expression,
    withVariables(variables, names, () => budget),
    budget,
  )
  const apply = mutation.kind === 'JSONPatch' ? patchedByOperations : merged
  const after = apply(value, object, schema, kind)
  objects.setDefaults(kind, after)
  return after
}

/** `Object{…}`, merged in as an apply would; nobody owns what it sets. */
function merged(value: unknown, object: KubeObject, schema: StructType, kind: GroupVersionKind): KubeObject {
  if (!(value instanceof ObjectValue)) throw new Error(`unsupported return type from ApplyConfiguration expression: ${typeof value}`)
  const misnamed = misnamedParts(value, value.celType)
  if (misnamed.length > 0) throw new Error(`type mismatch: ${misnamed.join('\n')}`)
  const made = json(() => toJson(value), 'invalid return type') as JsonObject
  const config: JsonObject = { ...made, kind: kind.kind, apiVersion: groupVersion(kind.group, kind.version) }
  const topology = topologyOf(schema, builtinSchemas)
  const wrong = typeErrors(config, topology)
  if (wrong !== undefined) throw new Error(`error applying patch: failed to convert patch object to typed object: ${wrong}`)
  const atomic = atomicParts(config, topology, '')
  if (atomic.length > 0) {
    const what = `may not mutate atomic arrays, maps or structs: ${atomic.join(', ')}`
    throw new Error(`error applying patch: invalid ApplyConfiguration: ${what}`)
  }
  const live = parseJson(encodeObject(object, schema)).value as JsonObject
  try {
    return decoded(mergeObjects(live, config, topology) as KubeObject, schema, kind, 'Ignore')
  } catch (error) {
    throw new Error(error instanceof Error ? error.message.replace(NOT_HANDLED, '') : String(error), { cause: error })
  }
}

/** What would be replaced as a whole, and take with it what was there. */
function atomicParts(value: unknown, topology: Topology, path: string): string[] {
  if (topology.kind === 'list' && Array.isArray(value)) {
    const inside = value.flatMap((item, i) => atomicParts(item, topology.items, `${path}[${i}]`))
    return topology.atomic ? [path, ...inside] : inside
  }
  if ((topology.kind !== 'struct' && topology.kind !== 'map') || !isObject(value)) return []
  const inside = Object.entries(value).flatMap(([name, inner]) => {
    const member = topology.kind === 'struct' ? topology.members.get(name)?.type : undefined
    return member === undefined ? [] : atomicParts(inner, member, `${path}.${name}`)
  })
  return topology.atomic ? [path, ...inside] : inside
}

/** A list of `JSONPatch{…}`, one operation each. */
function patchedByOperations(value: unknown, object: KubeObject, schema: StructType, kind: GroupVersionKind): KubeObject {
  if (!Array.isArray(value)) throw new Error('type mismatch: JSONPatchType.expression should evaluate to array')
  const operations = value.map(operationOf)
  let document: unknown
  try {
    document = afterOperations(parseJson(encodeObject(object, schema)).value, operations)
  } catch (error) {
    if (!(error instanceof JsonPatchFailure)) throw error
    // A test that says no leaves everything as it was.
    if (error.isTest) return object
    throw new Error(`JSON Patch: ${error.message}`, { cause: error })
  }
  try {
    return decoded(document as KubeObject, schema, kind, 'Strict')
  } catch (error) {
    throw internalError(error instanceof Error ? error.message.replace(NOT_HANDLED, '') : String(error))
  }
}

function operationOf(value: unknown): JsonObject {
  if (!(value instanceof JsonPatchValue)) throw new Error('type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch')
  const { fields } = value
  const operation: JsonObject = { op: fields.get('op') ?? '', path: fields.get('path') ?? '' }
  const from = fields.get('from') ?? ''
  if (from !== '') operation['from'] = from
  if (!fields.has('value')) return operation
  const given = fields.get('value')
  const misnamed = given instanceof ObjectValue ? misnamedParts(given, given.celType) : []
  if (misnamed.length > 0) throw new Error(`type mismatch: ${misnamed.join('\n')}`)
  operation['value'] = json(() => toJson(given), 'JSONPath valueExpression evaluated to a type that could not marshal to JSON')
  return operation
}

function json(make: () => unknown, wrong: string): unknown {
  try {
    return make()
  } catch (error) {
    if (error instanceof CelError) throw new Error(`${wrong}: ${error.message}`, { cause: error })
    throw error
  }
}

function decoded(document: KubeObject, schema: StructType, kind: GroupVersionKind, strict: 'Strict' | 'Ignore'): KubeObject {
  return decodeBody(encodeObject(document), JSON_TYPE, { schema, gvk: kind, strict }).object
}
