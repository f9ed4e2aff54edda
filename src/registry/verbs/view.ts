/**
 * Subresources that show the parent as another kind (`scale`): reading them, writing through them, and recording who did.
 *
 * @see pkg/registry/apps/deployment/storage/storage.go, apimachinery/pkg/util/managedfields/scalehandler.go
 * @module
 */
import { fieldsOfParent, fieldsOfView, type ViewMapping } from '../../api/managedfields/view-fields.ts'
import { groupVersion, type KubeObject, metaOf } from '../../api/object.ts'
import type { StructType } from '../../api/schema.ts'
import { conflict, invalid, kindOf, modified } from '../../api/status.ts'
import { decodeAt, type Endpoint } from '../endpoint.ts'
import type { ViewSubresource } from '../resource.ts'
import { type ObjectResult, type VerbContext, type ViewResult, writeOf } from './context.ts'
import type { WriteOptions } from './options.ts'
import { updateObject } from './write.ts'

export function viewResult(endpoint: Endpoint, view: ViewSubresource, result: ObjectResult): ViewResult {
  const parent = result.object ?? (result.cached === undefined ? {} : decodeAt(endpoint, result.cached))
  return { kind: 'view', code: result.code, schema: view.schema, object: view.view(parent) }
}

export function viewSchema(context: VerbContext, view: ViewSubresource): StructType {
  const schema = context.verbs.registry.schemas.struct(view.schema)
  if (schema === undefined) throw new TypeError(`no schema ${view.schema}`)
  return schema
}

/** `make` gives the wanted view, managed fields recorded, from the present one. */
export async function writeView(
  context: VerbContext,
  endpoint: Endpoint,
  view: ViewSubresource,
  verb: 'update' | 'patch',
  options: WriteOptions,
  make: (present: KubeObject) => KubeObject,
): Promise<ViewResult> {
  const mapping: ViewMapping = {
    apiVersion: endpoint.apiVersion,
    viewVersion: groupVersion(view.kind.group, view.kind.version),
    paths: view.paths,
  }
  const result = await updateObject(context, endpoint, {
    verb,
    options,
    strategy: { ...endpoint.definition.strategy, allowUnconditionalUpdate: true },
    createWhenMissing: false,
    change(current) {
      const parent = current as KubeObject
      const meta = metaOf(parent)
      const present = view.view(parent)
      const shown = fieldsOfView(meta.managedFields, mapping)
      if (shown !== undefined) metaOf(present).managedFields = shown
      const wanted = make(present)
      checkPreconditions(endpoint, context.name, wanted, parent)
      const errors = view.validate?.(wanted) ?? []
      if (errors.length > 0) throw invalid(kindOf(view.kind), context.name, errors)
      view.apply(wanted, parent, writeOf(context, context.name, verb, options.dryRun))
      const entries = fieldsOfParent(meta.managedFields, wanted.metadata?.managedFields, mapping)
      if (entries === undefined) delete meta.managedFields
      else meta.managedFields = entries
      return parent
    },
  })
  return viewResult(endpoint, view, result)
}

function checkPreconditions(endpoint: Endpoint, name: string, wanted: KubeObject, parent: KubeObject): void {
  const { resourceVersion = '', uid = '' } = wanted.metadata ?? {}
  if (resourceVersion !== '' && resourceVersion !== parent.metadata?.resourceVersion) throw modified(endpoint.gr, name)
  if (uid !== '' && uid !== parent.metadata?.uid) {
    throw conflict(endpoint.gr, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${parent.metadata?.uid}`)
  }
}
