/**
 * Subresources that show the parent as another kind (`scale`): reading them, and recording who wrote through them.
 *
 * @module
 */
import type { KubeObject } from '../../api/object.ts'
import { decodeAt, type Endpoint } from '../endpoint.ts'
import type { ViewSubresource } from '../resource.ts'
import type { ObjectResult, VerbContext, ViewResult } from './context.ts'
import type { WriteOptions } from './options.ts'
import { track } from './write.ts'

export function viewResult(endpoint: Endpoint, view: ViewSubresource, result: ObjectResult): ViewResult {
  const parent = result.object ?? (result.cached === undefined ? {} : decodeAt(endpoint, result.cached))
  return { kind: 'view', code: result.code, schema: view.schema, object: view.view(parent) }
}

/** The change is recorded on the parent, under the manager and subresource of the request. */
export function trackView(context: VerbContext, endpoint: Endpoint, _view: ViewSubresource, change: { before: KubeObject; after: KubeObject; options: WriteOptions }): void {
  track(context, endpoint, change.before, change.after, change.options, undefined)
}
