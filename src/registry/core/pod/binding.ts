/**
 * Binding: puts a pod on a node, once.
 *
 * @see pkg/registry/core/pod/storage/storage.go, BindingREST; pkg/apis/core/validation/validation.go, ValidatePodBinding
 * @module
 */
import { type FieldError, fieldErrorText, notSupported, required } from '../../../api/field.ts'
import { type KubeObject, metaOf } from '../../../api/object.ts'
import { quote } from '../../../api/quote.ts'
import { badRequest, conflict, failure, type StatusError, success } from '../../../api/status.ts'
import type { Binding, Pod } from '../../../api/types/core/v1.ts'
import type { ObjectMeta } from '../../../api/types/meta/v1.ts'
import type { Action, ActionSubresource } from '../../resource.ts'
import { updatePodCondition } from './conditions.ts'

const BINDING = { kind: { group: '', version: 'v1', kind: 'Binding' }, schema: 'io.k8s.api.core.v1.Binding' }

/** `pods/binding`. */
export const podBinding: ActionSubresource = {
  type: 'action',
  verbs: ['create'],
  ...BINDING,
  create: (action, body) => bind(action, body, action.name),
}

/** `bindings`: the pod is named by the body. */
export const legacyBinding: ActionSubresource = {
  type: 'action',
  verbs: ['create'],
  ...BINDING,
  create: (action, body) => bind(action, body, body.metadata?.name ?? ''),
}

async function bind(action: Action, binding: Binding & KubeObject, name: string): Promise<KubeObject> {
  const metadata = metaOf(binding)
  if ((metadata.name ?? '') !== name) throw badRequest('name in URL does not match name in Binding object')
  const errors = validatePodBinding(binding)
  if (errors.length > 0) {
    // Upstream hands out the bare list of errors here, which becomes a 500 without a reason.
    const texts = [...new Set(errors.map(fieldErrorText))]
    throw failure(500, '', texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`)
  }
  await action.validateAdmission()
  const node = binding.target?.name ?? ''
  try {
    await action.registry.update(
      'v1/pods',
      { namespace: action.namespace, name },
      (pod) => assign(pod, { binding, node, nowMs: action.nowMs }),
      {
        direct: true,
        dryRun: action.dryRun,
        user: action.user,
      },
    )
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw conflict({ group: '', resource: 'pods/binding' }, name, error.message)
  }
  return { ...success(), code: 201 }
}

/** The pod cannot be bound as it is; becomes a conflict. */
class Refusal extends Error {}

function assign(pod: Pod & KubeObject, { binding, node, nowMs }: { binding: Binding; node: string; nowMs: number }): void {
  const metadata = metaOf(pod)
  const { uid, resourceVersion, annotations, labels } = binding.metadata ?? {}
  if (uid && uid !== metadata.uid) throw preconditionFailed(metadata, `UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`)
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
    throw preconditionFailed(
      metadata,
      `ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`,
    )
  }
  pod.spec ??= {}
  pod.status ??= {}
  const { spec, status } = pod
  if (metadata.deletionTimestamp !== undefined) throw new Refusal(`pod ${metadata.name} is being deleted, cannot be assigned to a host`)
  if (spec.nodeName) throw new Refusal(`pod ${metadata.name} is already assigned to node ${quote(spec.nodeName)}`)
  if (spec.schedulingGates?.length) throw new Refusal(`pod ${metadata.name} has non-empty .spec.schedulingGates`)
  spec.nodeName = node
  delete status.nominatedNodeName
  if (annotations !== undefined) metadata.annotations = { ...metadata.annotations, ...annotations }
  if (labels !== undefined) metadata.labels = { ...metadata.labels, ...labels }
  updatePodCondition(status, { type: 'PodScheduled', status: 'True' }, nowMs)
}

function preconditionFailed({ namespace, name = '' }: ObjectMeta, detail: string): StatusError {
  const text = `StorageError: invalid object, Code: 4, Key: /registry/pods/${namespace}/${name}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${detail}`
  return conflict({ group: '', resource: 'pods' }, name, text)
}

function validatePodBinding({ target = {} }: Binding): FieldError[] {
  const errors: FieldError[] = []
  if (target.kind && target.kind !== 'Node') errors.push(notSupported('target.kind', target.kind, ['Node', '<empty>']))
  if (!target.name) errors.push(required('target.name'))
  return errors
}
