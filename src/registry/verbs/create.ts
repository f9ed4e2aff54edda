/**
 * POST to a collection.
 *
 * @see apiserver/pkg/endpoints/handlers/create.go
 * @module
 */

import { applySchemaDefaults } from '../../api/defaults.ts'
import { trackUpdate } from '../../api/managedfields/track-update.ts'
import { groupVersion, metaOf } from '../../api/object.ts'
import type { Status } from '../../api/status.ts'
import type { Endpoint } from '../endpoint.ts'
import type { ActionSubresource } from '../resource.ts'
import { decodeRequestObject } from './body.ts'
import { admissionRequest, type Result, type VerbContext } from './context.ts'
import { matchNamespace, writeOptions } from './options.ts'
import { applyDefaults, createObject, fieldManager } from './write.ts'

export async function create(context: VerbContext, endpoint: Endpoint): Promise<Result> {
  const options = writeOptions(context.query, 'CreateOptions')
  const object = await decodeRequestObject(context, endpoint, options.fieldValidation)
  applyDefaults(endpoint, object)
  return createObject(context, endpoint, object, options)
}

/** POST to a resource or subresource that is only ever POSTed: nothing is stored here. */
export async function createAction(context: VerbContext, endpoint: Endpoint, action: ActionSubresource): Promise<Result> {
  const options = writeOptions(context.query, 'CreateOptions')
  const schema = context.verbs.registry.schemas.struct(action.schema)
  if (schema === undefined) throw new TypeError(`no schema ${action.schema}`)
  const object = await decodeRequestObject(context, { schema, gvk: action.kind }, options.fieldValidation)
  applySchemaDefaults(schema, object)
  action.defaults?.(object)
  const meta = metaOf(object)
  if (action.keepsSystemMetadata !== true) {
    delete meta.uid
    delete meta.creationTimestamp
    delete meta.deletionTimestamp
    delete meta.deletionGracePeriodSeconds
  }
  matchNamespace(object, context.namespace)
  trackUpdate({
    ...fieldManager(context, options),
    before: undefined,
    after: object,
    schema,
    apiVersion: groupVersion(action.kind.group, action.kind.version),
  })
  const admission = admissionRequest(context, endpoint, 'CREATE', {
    name: context.name === '' ? (meta.name ?? '') : context.name,
    object,
    oldObject: undefined,
    options: options.object,
    dryRun: options.dryRun,
    kind: action.kind,
  })
  await context.verbs.admission.admit(admission)
  const answer = await action.create(
    {
      world: context.verbs.world,
      user: context.user,
      namespace: context.namespace,
      name: context.name,
      dryRun: options.dryRun,
      nowMs: context.nowMs,
      warn: context.warn,
      annotate: context.annotate,
      registry: context.verbs.access,
      remoteAddress: context.remoteAddress,
      userAgent: context.userAgent,
      validateAdmission: async () => {
        await context.verbs.admission.validate(admission)
      },
    },
    object,
  )
  if (answer.kind === 'Status') return { kind: 'status', code: 201, status: { ...(answer as unknown as Status), code: 201 } }
  return { kind: 'view', code: 201, schema: action.schema, object: answer, action: true }
}
