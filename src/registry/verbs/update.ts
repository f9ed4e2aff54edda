/**
 * PUT on an object, its subresources and views.
 *
 * @see apiserver/pkg/endpoints/handlers/update.go
 * @module
 */
import { type KubeObject, metaOf } from '../../api/object.ts'
import { badRequest, conflict, failure, invalid, kindOf, modified, quote } from '../../api/status.ts'
import { type Endpoint, subresourceOf } from '../endpoint.ts'
import type { ObjectSubresource, ViewSubresource } from '../resource.ts'
import { authorizeCreate } from './authorize-create.ts'
import { decodeRequestObject } from './body.ts'
import { type Result, type VerbContext, writeOf } from './context.ts'
import { matchNamespace, type WriteOptions, writeOptions } from './options.ts'
import { applyDefaults, track, updateObject } from './write.ts'
import { trackView, viewResult } from './view.ts'

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
  const schema = context.verbs.registry.schemas.struct(view.schema)
  if (schema === undefined) throw new TypeError(`no schema ${view.schema}`)
  const body = await decodeRequestObject(context, { schema, gvk: view.kind }, options.fieldValidation)
  matchNamespace(body, context.namespace)
  checkName(body, context.name)
  return writeView(context, endpoint, view, options, () => body)
}

/** `make` gives the wanted view from the present one. */
export async function writeView(
  context: VerbContext,
  endpoint: Endpoint,
  view: ViewSubresource,
  options: WriteOptions,
  make: (present: KubeObject, parent: KubeObject) => KubeObject | Promise<KubeObject>,
): Promise<Result> {
  const result = await updateObject(context, endpoint, {
    options,
    strategy: { ...endpoint.definition.strategy, allowUnconditionalUpdate: true },
    createWhenMissing: false,
    async change(current) {
      const parent = current as KubeObject
      const before = structuredClone(parent)
      const wanted = await make(view.view(parent), parent)
      const errors = view.validate?.(wanted) ?? []
      if (errors.length > 0) throw invalid(kindOf(view.kind), context.name, errors)
      const given = wanted.metadata?.resourceVersion ?? ''
      if (given !== '' && given !== parent.metadata?.resourceVersion) {
        throw modified(endpoint.gr, context.name)
      }
      const uid = wanted.metadata?.uid ?? ''
      if (uid !== '' && uid !== parent.metadata?.uid) {
        throw conflict(endpoint.gr, context.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${parent.metadata?.uid}`)
      }
      view.apply(wanted, parent, writeOf(context, context.name, options.dryRun))
      trackView(context, endpoint, view, { before, after: parent, options })
      return parent
    },
  })
  return viewResult(endpoint, view, result)
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
