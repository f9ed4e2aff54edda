/**
 * LIST: one moment of a collection, whole or in pages.
 *
 * @see apiserver/pkg/storage/{continue.go,etcd3/store.go}, apimachinery/pkg/apis/meta/internalversion/validation/validation.go
 * @module
 */

import { type FieldError, forbiddenField, notSupported } from '../../api/field.ts'
import { parseJson } from '../../api/json.ts'
import { badRequest, expired, failure, invalid, quote, type StatusError } from '../../api/status.ts'
import type { CachedObject, Snapshot } from '../../cache/cache.ts'
import type { Endpoint } from '../endpoint.ts'
import type { ListResult, VerbContext } from './context.ts'
import { optionalBoolean } from './options.ts'
import { awaitRevision, parseRevision, revisionProblem } from './revision.ts'
import { type Selection, selection } from './selection.ts'
import { requireStorage } from './write.ts'

const TOO_OLD_CONTINUE =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.'

export interface ListOptions {
  resourceVersion: string
  resourceVersionMatch: string
  limit: number
  continueToken: string
  sendInitialEvents: boolean | undefined
  allowWatchBookmarks: boolean
  timeoutSeconds: number | undefined
  watch: boolean
}

export function listOptions(query: URLSearchParams, watch: boolean): ListOptions {
  const options: ListOptions = {
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    limit: integer(query.get('limit')) ?? 0,
    continueToken: query.get('continue') ?? '',
    sendInitialEvents: optionalBoolean(query.get('sendInitialEvents')),
    allowWatchBookmarks: optionalBoolean(query.get('allowWatchBookmarks')) ?? false,
    timeoutSeconds: integer(query.get('timeoutSeconds')),
    watch,
  }
  if (watch && options.sendInitialEvents === undefined && options.resourceVersionMatch === '' && isLegacy(options.resourceVersion)) {
    // Such a watch has always begun with what is there.
    options.sendInitialEvents = true
    options.resourceVersionMatch = 'NotOlderThan'
  }
  const errors = watch ? watchErrors(options) : listErrors(options)
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors)
  return options
}

function isLegacy(resourceVersion: string): boolean {
  return resourceVersion === '' || resourceVersion === '0'
}

function listErrors(options: ListOptions): FieldError[] {
  const errors: FieldError[] = []
  const match = options.resourceVersionMatch
  if (match !== '') {
    if (options.resourceVersion === '')
      errors.push(forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'))
    if (options.continueToken !== '')
      errors.push(forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'))
    if (match !== 'Exact' && match !== 'NotOlderThan')
      errors.push(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']))
    if (match === 'Exact' && options.resourceVersion === '0') {
      errors.push(forbiddenField('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    }
  }
  if (options.sendInitialEvents !== undefined) errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'))
  return errors
}

function watchErrors(options: ListOptions): FieldError[] {
  const errors: FieldError[] = []
  const match = options.resourceVersionMatch
  if (options.sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    errors.push(forbiddenField('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'))
  }
  if (match !== '') {
    if (options.sendInitialEvents === undefined)
      errors.push(
        forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
      )
    if (match !== 'NotOlderThan') errors.push(notSupported('resourceVersionMatch', match, ['NotOlderThan']))
    if (options.continueToken !== '')
      errors.push(forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'))
  }
  return errors
}

function integer(text: string | null): number | undefined {
  if (text === null || text === '') return undefined
  if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${quote(text)}: invalid syntax`)
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw badRequest(`strconv.ParseInt: parsing ${quote(text)}: value out of range`)
  return value
}

/** `pathName` is the name of a legacy path. `pageSize` bounds a list nobody limited. */
export async function listObjects(context: VerbContext, endpoint: Endpoint, bounds: { pageSize?: number } = {}): Promise<ListResult> {
  const options = listOptions(context.query, false)
  if (bounds.pageSize !== undefined && options.limit === 0) options.limit = bounds.pageSize
  const wanted = selection(endpoint, {
    namespace: context.namespace,
    pathName: '',
    labelSelector: context.query.get('labelSelector') ?? '',
    fieldSelector: context.query.get('fieldSelector') ?? '',
  })
  const { snapshot, start } = await moment(context, endpoint, options, wanted)
  return page(endpoint, snapshot, wanted, options, start)
}

/** The state to list, and where in it to begin. */
async function moment(
  context: VerbContext,
  endpoint: Endpoint,
  options: ListOptions,
  wanted: Selection,
): Promise<{ snapshot: Snapshot; start: string }> {
  const { cache } = requireStorage(context, endpoint)
  const { resourceVersion, resourceVersionMatch: match } = options
  if (options.continueToken !== '') {
    const token = decodeContinue(options.continueToken)
    if (!isLegacy(resourceVersion)) throw badRequest('specifying resource version is not allowed when using continue')
    const start = wanted.prefix + token.start
    if (token.revision < 0) {
      await context.verbs.world.cache.fresh()
      return { snapshot: cache.snapshot(), start }
    }
    const snapshot = cache.snapshotAt(token.revision)
    if (snapshot === undefined) throw inconsistentContinue(token.start)
    return { snapshot, start }
  }
  if (resourceVersion === '') {
    await context.verbs.world.cache.fresh()
    return { snapshot: cache.snapshot(), start: wanted.prefix }
  }
  if (resourceVersion === '0') return { snapshot: cache.snapshot(), start: wanted.prefix }
  const problem = revisionProblem(resourceVersion)
  if (problem !== undefined) throw badRequest(`invalid resource version: ${problem}`)
  const revision = parseRevision(resourceVersion)
  await awaitRevision(context, revision)
  if (match === 'Exact' || (match === '' && options.limit > 0)) {
    const snapshot = cache.snapshotAt(revision)
    if (snapshot === undefined) throw expired('The resourceVersion for the provided list is too old.')
    return { snapshot, start: wanted.prefix }
  }
  return { snapshot: cache.snapshot(), start: wanted.prefix }
}

function page(endpoint: Endpoint, snapshot: Snapshot, wanted: Selection, options: ListOptions, start: string): ListResult {
  const { revision } = snapshot
  const result: ListResult = { kind: 'list', code: 200, endpoint, items: [], revision }
  if (wanted.onlyKey !== undefined) {
    const only = snapshot.get(wanted.onlyKey)
    if (only !== undefined && only.key >= start && wanted.matches?.(only) !== false) result.items.push(only)
    return result
  }
  const limit = options.resourceVersion === '0' && options.continueToken === '' ? 0 : options.limit
  const items = result.items
  let last: CachedObject | undefined
  for (const cached of snapshot.scan(wanted.prefix, start)) {
    if (limit > 0 && items.length === limit) {
      // There is more, whether it matches or not: the next page begins after the last object of this one.
      const next = `${(last as CachedObject).key}\0`
      result.continueToken = encodeContinue(revision, next.slice(wanted.prefix.length))
      if (wanted.matches === undefined) result.remainingItemCount = snapshot.count(wanted.prefix, next)
      break
    }
    if (wanted.matches !== undefined && !wanted.matches(cached)) continue
    items.push(cached)
    last = cached
  }
  return result
}

export function encodeContinue(revision: number, start: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url')
}

function decodeContinue(token: string): { revision: number; start: string } {
  const fail = (why: string, cause?: unknown) => badRequest(`invalid continue token: continue key is not valid: ${why}`, { cause })
  const stray = token.search(/[^A-Za-z0-9_-]/)
  if (stray !== -1 || token.length % 4 === 1) throw fail(`illegal base64 data at input byte ${stray === -1 ? token.length - 1 : stray}`)
  let parsed: { v?: unknown; rv?: unknown; start?: unknown }
  try {
    parsed = parseJson(Buffer.from(token, 'base64url')).value
  } catch (error) {
    throw fail((error as Error).message, error)
  }
  const { v = '', rv = 0, start = '' } = parsed ?? {}
  if (v !== 'meta.k8s.io/v1') throw fail(`server does not recognize this encoded version ${quote(String(v))}`)
  if (rv === 0) throw fail('incorrect encoded start resourceVersion (version meta.k8s.io/v1)')
  if (typeof start !== 'string' || start === '') throw fail('encoded start key empty (version meta.k8s.io/v1)')
  if (typeof rv !== 'number' || start.includes('//') || /(^|\/)\.{1,2}(\/|$)/.test(start)) throw fail(`invalid start key: ${start}`)
  return { revision: rv, start }
}

function inconsistentContinue(start: string): StatusError {
  const error = failure(410, 'Expired', TOO_OLD_CONTINUE)
  error.status.metadata.continue = encodeContinue(-1, start)
  return error
}
