/**
 * PUT on an object, its subresources and views.
 *
 * @see apiserver/pkg/endpoints/handlers/update.go
 * @module
 */
import { trackUpdate } from '../../api/managedfields/track-update.ts'
import { groupVersion, type KubeObject, metaOf } from '../../api/object.ts'
import { badRequest, failure, quote } from '../../api/status.ts'
import { type Endpoint, subresourceOf } from '../endpoint.ts'
import type { ObjectSubresource, ViewSubresource } from '../resource.ts'
import { authorizeCreate } from './authorize-create.ts'
import { decodeRequestObject } from './body.ts'
import type { Result, VerbContext } from './context.ts'
import { matchNamespace, type WriteOptions, writeOptions } from './options.ts'
import { viewSchema, writeView } from './view.ts'
import { applyDefaults, fieldManager, track, updateObject } from './write.ts'

export async function update(context: VerbContext, endpoint: Endpoint): Promise<Result> {
  const options = writeOptions(context.query, 'UpdateOptions')
  const subresource = context.subresource === '' ? undefined : subresourceOf(endpoint, context.subresource)
  if (subresource?.type === 'view') return putView(context, endpoint, subresource, options)
  const object = await decodeRequestObject(context, endpoint, options.fieldValidation)
  applyDefaults(endpoint, object)
  matchNamespace(object, endpoint.definition.namespaced ? context.namespace : '')
  checkName(object, context.name)
  checkResourceVersion(object)
  const sub = subresource as ObjectSubresource | undefined
  const strategy = sub?.strategy ?? endpoint.definition.strategy
  const expectedUid = object.metadata?.uid
  return updateObject(context, endpoint, {
    verb: 'update',
    options,
    strategy,
    createWhenMissing: sub === undefined && endpoint.definition.strategy.allowCreateOnUpdate === true,
    expectedUid: expectedUid === '' ? undefined : expectedUid,
    authorizeCreate: () => authorizeCreate(context, endpoint),
    change(current) {
      const wanted = structuredClone(object)
      track(context, endpoint, current, wanted, options, sub?.strategy.resetFields)
      return wanted
    },
  })
}

/** PUT of a scale: the parent is read, the view written into it, and the parent stored under its own rules. */
async function putView(context: VerbContext, endpoint: Endpoint, view: ViewSubresource, options: WriteOptions): Promise<Result> {
  const schema = viewSchema(context, view)
  const body = await decodeRequestObject(context, { schema, gvk: view.kind }, options.fieldValidation)
  matchNamespace(body, context.namespace)
  checkName(body, context.name)
  return writeView(context, endpoint, view, 'update', options, (present) => {
    const wanted = structuredClone(body)
    trackUpdate({
      ...fieldManager(context, options),
      before: present,
      after: wanted,
      schema,
      apiVersion: groupVersion(view.kind.group, view.kind.version),
    })
    return wanted
  })
}

export function checkName(object: KubeObject, name: string): void {
  const given = metaOf(object).name ?? ''
  if (given === '') throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`)
  if (given !== name) throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`)
}

function checkResourceVersion(object: KubeObject): void {
  const given = metaOf(object).resourceVersion ?? ''
  if (given !== '' && !/^\d+$/.test(given)) throw failure(500, '', `strconv.ParseUint: parsing ${quote(given)}: invalid syntax`)
}
