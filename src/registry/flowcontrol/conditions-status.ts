/**
 * The status of flow schemas and priority levels: conditions, one of each type.
 *
 * @see pkg/apis/flowcontrol/validation/validation.go
 * @module
 */
import { duplicate, type FieldError, required } from '../../api/field.ts'
import type { KubeObject } from '../../api/object.ts'
import type { ObjectSubresource } from '../resource.ts'
import { keepAllButStatus } from '../status-endpoint.ts'

interface WithConditions extends KubeObject {
  spec?: object | undefined
  status?: { conditions?: readonly { type?: string | undefined }[] | undefined } | undefined
}

export function conditionsStatus<T extends WithConditions>(): ObjectSubresource<T> {
  return {
    type: 'object',
    verbs: ['get', 'patch', 'update'],
    strategy: {
      prepareForUpdate: keepAllButStatus,
      validateUpdate: validateConditionTypes,
      resetFields: ['metadata', 'spec'],
    },
  }
}

export function validateConditionTypes({ status = {} }: WithConditions): FieldError[] {
  const seen = new Set<string>()
  return (status.conditions ?? []).flatMap(({ type = '' }, index) => {
    const field = `status.conditions[${index}].type`
    const repeated = seen.has(type) ? [duplicate(field, type)] : []
    seen.add(type)
    return type === '' ? [...repeated, required(field)] : repeated
  })
}
