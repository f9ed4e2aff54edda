/**
 * Which objects of a collection a request means: namespace, label and field selectors.
 *
 * @module
 */
import { type FieldSelector, parseFieldSelector } from '../../api/fields.ts'
import { type LabelSelector, parseLabelSelector } from '../../api/labels.ts'
import type { KubeObject } from '../../api/object.ts'
import { badRequest, quote } from '../../api/status.ts'
import type { CachedObject } from '../../cache/cache.ts'
import { type Endpoint, viewAt } from '../endpoint.ts'

export interface Selection {
  /** Prefix of the keys in question: `''` or `ns/`. */
  prefix: string
  /** Set when at most one object can match: its key. */
  onlyKey: string | undefined
  /** Undefined: everything under the prefix matches. */
  matches: ((cached: CachedObject) => boolean) | undefined
}

export interface SelectorOptions {
  namespace: string
  /** Name in the path of a legacy watch, or from `metadata.name=` as authorization saw it. */
  pathName: string
  labelSelector: string
  fieldSelector: string
}

export function selection(endpoint: Endpoint, options: SelectorOptions): Selection {
  const { namespaced } = endpoint.definition
  const prefix = namespaced && options.namespace !== '' ? `${options.namespace}/` : ''
  const labels = options.labelSelector === '' ? undefined : parseLabelSelector(options.labelSelector)
  let fields = options.fieldSelector === '' ? undefined : parseFieldSelector(options.fieldSelector)
  if (options.pathName !== '') {
    if (fields === undefined || fields.requirements.length === 0) fields = parseFieldSelector(`metadata.name=${options.pathName}`)
    else if (exact(fields, 'metadata.name') !== options.pathName)
      throw badRequest("fieldSelector metadata.name doesn't match requested name")
  }
  if (fields !== undefined) for (const { field } of fields.requirements) checkFieldLabel(endpoint, field)
  const name = fields === undefined ? undefined : exact(fields, 'metadata.name')
  const onlyKey = name === undefined || (namespaced && prefix === '') ? undefined : prefix + name
  return { prefix, onlyKey, matches: matcher(endpoint, labels, fields) }
}

function matcher(
  endpoint: Endpoint,
  labels: LabelSelector | undefined,
  fields: FieldSelector | undefined,
): ((cached: CachedObject) => boolean) | undefined {
  const byLabels = labels !== undefined && labels.requirements.length > 0
  const byFields = fields !== undefined && fields.requirements.length > 0
  if (!byLabels && !byFields) return undefined
  return (cached) => {
    if (byLabels && !labels.matches(cached.object.metadata?.labels ?? {})) return false
    if (!byFields) return true
    const object = viewAt(endpoint, cached)
    return fields.requirements.every(
      ({ field, operator, value }) => (fieldValue(endpoint, object, field) === value) === (operator !== '!='),
    )
  }
}

function fieldValue(endpoint: Endpoint, object: KubeObject, field: string): string {
  if (field === 'metadata.name') return object.metadata?.name ?? ''
  if (field === 'metadata.namespace') return object.metadata?.namespace ?? ''
  return endpoint.definition.fields?.[field]?.(object) ?? ''
}

function checkFieldLabel(endpoint: Endpoint, field: string): void {
  const { fields, kind, namespaced } = endpoint.definition
  if (field === 'metadata.name' || (field === 'metadata.namespace' && (namespaced || fields === undefined))) return
  if (fields === undefined) throw badRequest(`${quote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`)
  if (!Object.hasOwn(fields, field))
    throw badRequest(kind === 'Job' ? `field label ${quote(field)} not supported for Job` : `field label not supported: ${field}`)
}

function exact(fields: FieldSelector, field: string): string | undefined {
  return fields.requirements.find((one) => one.field === field && one.operator !== '!=')?.value
}
