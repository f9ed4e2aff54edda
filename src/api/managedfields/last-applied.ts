/**
 * Objects that `kubectl apply` keeps by an annotation, when `kubectl apply --server-side` takes over.
 *
 * @see apimachinery/pkg/util/managedfields/internal/lastappliedmanager.go, lastappliedupdater.go
 * @module
 */

import { byteOrder } from '../json.ts'
import type { KubeObject } from '../object.ts'
import { isObject, type JsonObject } from '../patch/json-value.ts'
import { compareObjects } from './compare.ts'
import { configuredFields } from './configured.ts'
import type { OwnerConflict } from './conflicts.ts'
import { difference, type FieldSet, isEmptySet, LEAF } from './field-set.ts'
import { scalarText } from './path-element.ts'
import type { StructTopology } from './topology.ts'
import { typeErrors } from './validate.ts'

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const MAX_ANNOTATIONS_BYTES = 256 * 1024

/**
 * The conflicts that remain when fields that the client applied itself before, and that are still so, are no conflict.
 *
 * Undefined: the annotation is absent or tells nothing.
 */
export function conflictsBeyondLastApplied(
  conflicts: readonly OwnerConflict[],
  live: KubeObject,
  apiVersion: string,
  topology: StructTopology,
): OwnerConflict[] | undefined {
  const config = lastApplied(live)
  if (config === undefined || config.apiVersion !== apiVersion) return undefined
  if (typeErrors(config, topology) !== undefined || typeErrors(live, topology) !== undefined) return undefined
  const allowed = unchangedFields(config, live, topology)
  const left: OwnerConflict[] = []
  for (const { owner, fields } of conflicts) {
    const rest = difference(fields, allowed)
    if (!isEmptySet(rest)) left.push({ owner, fields: rest })
  }
  return left
}

/** Fields of the configuration that the live object has with the same value. */
function unchangedFields(config: JsonObject, live: JsonObject, topology: StructTopology): FieldSet {
  const { changed, removed } = compareObjects(config, live, topology, { decoded: true })
  return difference(difference(configuredFields(config, topology), changed ?? LEAF), removed ?? LEAF)
}

function lastApplied(live: KubeObject): KubeObject | undefined {
  const text = live.metadata?.annotations?.[LAST_APPLIED]
  if (text === undefined || text === '') return undefined
  try {
    const config: unknown = JSON.parse(text)
    // The type is checked against the schema by the caller.
    return isObject(config) && typeof config['kind'] === 'string' && config['kind'] !== '' ? (config as KubeObject) : undefined
  } catch {
    return undefined
  }
}

/** Writes the configuration into the annotation of an object that has it; drops the annotation when all would be too large. */
export function refreshLastApplied(object: KubeObject, config: KubeObject): void {
  const annotations = object.metadata?.annotations
  if (annotations?.[LAST_APPLIED] === undefined || annotations[LAST_APPLIED] === '') return
  const updated = { ...annotations, [LAST_APPLIED]: configText(config) }
  let bytes = 0
  for (const [key, value] of Object.entries(updated)) bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  const { [LAST_APPLIED]: _, ...others } = updated
  object.metadata = { ...object.metadata, annotations: bytes > MAX_ANNOTATIONS_BYTES ? others : updated }
}

/** As Go writes it: members by name, without the annotation, a line end. */
function configText(config: KubeObject): string {
  const annotations: Record<string, string> | undefined = config.metadata?.annotations
  if (annotations === undefined || annotations === null) return `${goJson(config)}\n`
  const { [LAST_APPLIED]: _, ...others } = annotations
  return `${goJson({ ...config, metadata: { ...config.metadata, annotations: others } })}\n`
}

function goJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`
  if (!isObject(value)) return scalarText(value ?? null)
  const names = Object.keys(value).filter((name) => value[name] !== undefined)
  return `{${names
    .sort(byteOrder)
    .map((name) => `${scalarText(name)}:${goJson(value[name])}`)
    .join(',')}}`
}
