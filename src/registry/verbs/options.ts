/**
 * Query options of the verbs, read and checked.
 *
 * @see apimachinery/pkg/apis/meta/v1/validation/validation.go
 * @module
 */
import { type FieldError, forbiddenField, invalidValue, notSupported, required, tooLong } from '../../api/field.ts'
import { type KubeObject, metaOf } from '../../api/object.ts'
import { badRequest, invalid } from '../../api/status.ts'

const META_GROUP = 'meta.k8s.io'
export const MAX_FIELD_MANAGER_BYTES = 128
const PROPAGATION_POLICIES = ['Foreground', 'Background', 'Orphan']

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore'

export interface WriteOptions {
  dryRun: boolean
  fieldManager: string
  fieldValidation: FieldValidation
  /** As admission plugins and webhooks see it. */
  object: KubeObject
}

/** Options of create, update and patch. `kind` is `CreateOptions`, `UpdateOptions` or `PatchOptions`. */
export function writeOptions(
  query: URLSearchParams,
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  apply = false,
): WriteOptions & { force: boolean | undefined } {
  if (query.size === 0 && !apply) return NO_OPTIONS[kind]
  const dryRun = query.getAll('dryRun')
  const fieldManager = query.get('fieldManager') ?? ''
  const fieldValidation = query.get('fieldValidation') ?? ''
  const force = kind === 'PatchOptions' ? optionalBoolean(query.get('force')) : undefined
  const errors: FieldError[] = []
  if (kind === 'PatchOptions') {
    if (apply) {
      if (fieldManager === '') errors.push(required('fieldManager', 'is required for apply patch'))
    } else if (force !== undefined) errors.push(forbiddenField('force', 'may not be specified for non-apply patch'))
  }
  errors.push(...fieldManagerErrors(fieldManager), ...dryRunErrors(dryRun))
  if (!['', 'Ignore', 'Strict', 'Warn'].includes(fieldValidation)) {
    errors.push(notSupported('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn']))
  }
  if (errors.length > 0) throw invalid({ group: META_GROUP, kind }, '', errors)
  const object: KubeObject = { kind, apiVersion: 'meta.k8s.io/v1' }
  if (dryRun.length > 0) object['dryRun'] = dryRun
  if (force !== undefined) object['force'] = force
  if (fieldManager !== '') object['fieldManager'] = fieldManager
  if (fieldValidation !== '') object['fieldValidation'] = fieldValidation
  return {
    dryRun: dryRun.length > 0,
    fieldManager,
    fieldValidation: fieldValidation === '' ? 'Warn' : (fieldValidation as FieldValidation),
    force,
    object,
  }
}

function noOptions(kind: string): WriteOptions & { force: undefined } {
  return {
    dryRun: false,
    fieldManager: '',
    fieldValidation: 'Warn',
    force: undefined,
    object: Object.freeze({ kind, apiVersion: 'meta.k8s.io/v1' }),
  }
}

/** The ordinary case, without an allocation. */
const NO_OPTIONS = {
  CreateOptions: noOptions('CreateOptions'),
  UpdateOptions: noOptions('UpdateOptions'),
  PatchOptions: noOptions('PatchOptions'),
}

function dryRunErrors(dryRun: readonly string[]): FieldError[] {
  return dryRun.every((value) => value === 'All') ? [] : [notSupported('dryRun', dryRun, ['All'])]
}

function fieldManagerErrors(manager: string): FieldError[] {
  const errors: FieldError[] = []
  if (Buffer.byteLength(manager) > MAX_FIELD_MANAGER_BYTES) errors.push(tooLong('fieldManager', MAX_FIELD_MANAGER_BYTES))
  let position = 0
  for (const character of manager) {
    if (!isPrintable(character)) {
      const code = (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')
      errors.push(invalidValue('fieldManager', manager, `invalid character U+${code} (at position ${position})`))
    }
    position += Buffer.byteLength(character)
  }
  return errors
}

/** Go's unicode.IsPrint: letters, marks, numbers, punctuation, symbols, and the ASCII blank. */
export function isPrintable(character: string): boolean {
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)
}

/** The name under which a write is recorded in managedFields. */
export function managerName(fieldManager: string, userAgent: string): string {
  if (fieldManager !== '') return fieldManager
  const slash = userAgent.indexOf('/')
  const first = slash === -1 ? userAgent : userAgent.slice(0, slash)
  let name = ''
  for (const character of first) {
    if (!isPrintable(character)) continue
    if (Buffer.byteLength(name) + Buffer.byteLength(character) > MAX_FIELD_MANAGER_BYTES) break
    name += character
  }
  return name === '' ? 'unknown' : name
}

export interface DeleteOptions {
  dryRun: boolean
  gracePeriodSeconds: number | undefined
  propagationPolicy: string | undefined
  orphanDependents: boolean | undefined
  preconditions: { uid?: string; resourceVersion?: string }
  object: KubeObject
}

/** From a decoded body of kind DeleteOptions, or from the query when there was none. */
export function deleteOptions(body: KubeObject | undefined, query: URLSearchParams): DeleteOptions {
  const source = body ?? deleteOptionsOfQuery(query)
  const dryRun = (source['dryRun'] as string[] | undefined) ?? []
  const propagationPolicy = source['propagationPolicy'] as string | undefined
  const orphanDependents = source['orphanDependents'] as boolean | undefined
  const errors: FieldError[] = []
  if (orphanDependents !== undefined && propagationPolicy !== undefined) {
    errors.push(invalidValue('propagationPolicy', propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set'))
  }
  if (propagationPolicy !== undefined && !PROPAGATION_POLICIES.includes(propagationPolicy)) {
    errors.push(notSupported('propagationPolicy', propagationPolicy, [...PROPAGATION_POLICIES, 'nil']))
  }
  errors.push(...dryRunErrors(dryRun))
  if (errors.length > 0) throw invalid({ group: META_GROUP, kind: 'DeleteOptions' }, '', errors)
  const grace = source['gracePeriodSeconds'] as number | undefined
  const preconditions = (source['preconditions'] ?? {}) as { uid?: string; resourceVersion?: string }
  return {
    dryRun: dryRun.length > 0,
    gracePeriodSeconds: grace !== undefined && grace < 0 ? 1 : grace,
    propagationPolicy,
    orphanDependents,
    preconditions,
    object: { ...source, kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1' },
  }
}

function deleteOptionsOfQuery(query: URLSearchParams): KubeObject {
  const options: KubeObject = {}
  const dryRun = query.getAll('dryRun')
  if (dryRun.length > 0) options['dryRun'] = dryRun
  const grace = query.get('gracePeriodSeconds')
  if (grace !== null && grace !== '') {
    if (!/^[+-]?\d+$/.test(grace)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`)
    options['gracePeriodSeconds'] = Number(grace)
  }
  const policy = query.get('propagationPolicy')
  if (policy !== null && policy !== '') options['propagationPolicy'] = policy
  const orphan = optionalBoolean(query.get('orphanDependents'))
  if (orphan !== undefined) options['orphanDependents'] = orphan
  return options
}

/** Absent or empty is undefined; `false` and `0` are false. */
export function optionalBoolean(value: string | null): boolean | undefined {
  if (value === null) return undefined
  return value !== '0' && value.toLowerCase() !== 'false'
}

/** 400 unless the body is for the URL's namespace; fills it in, and clears it from cluster-scoped objects. */
export function matchNamespace(object: KubeObject, expected: string): void {
  const meta = metaOf(object)
  const given = meta.namespace ?? ''
  if (given === expected) return
  if (expected === '') {
    delete meta.namespace
    return
  }
  if (given !== '') throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  meta.namespace = expected
}
