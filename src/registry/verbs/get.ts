/**
 * GET of one object, of a subresource, of a view.
 *
 * @module
 */
import { badRequest, notFound } from '../../api/status.ts'
import { decodeAt, type Endpoint, objectKey, subresourceOf } from '../endpoint.ts'
import type { Result, VerbContext } from './context.ts'
import { awaitRevision, parseRevision } from './revision.ts'
import { requireStorage } from './write.ts'

export function get(context: VerbContext, endpoint: Endpoint): Result | Promise<Result> {
  if (context.query.size > 0) {
    if (context.query.has('export')) throw badRequest('the export parameter, deprecated since v1.14, is no longer supported')
    const wanted = context.query.get('resourceVersion') ?? ''
    if (wanted !== '' && wanted !== '0') return getNotOlderThan(context, endpoint, parseRevision(wanted))
    if (wanted === '0') return read(context, endpoint)
  }
  const fresh = context.verbs.world.cache.fresh()
  return fresh === undefined ? read(context, endpoint) : fresh.then(() => read(context, endpoint))
}

async function getNotOlderThan(context: VerbContext, endpoint: Endpoint, revision: number): Promise<Result> {
  await awaitRevision(context, revision)
  return read(context, endpoint)
}

function read(context: VerbContext, endpoint: Endpoint): Result {
  const { cache } = requireStorage(context, endpoint)
  const cached = cache.get(objectKey(context.namespace, context.name))
  if (cached === undefined) throw notFound(endpoint.gr, context.name)
  if (context.subresource !== '') {
    const subresource = subresourceOf(endpoint, context.subresource)
    if (subresource?.type === 'view')
      return { kind: 'view', code: 200, schema: subresource.schema, object: subresource.view(decodeAt(endpoint, cached)) }
  }
  return { kind: 'object', code: 200, endpoint, cached }
}
