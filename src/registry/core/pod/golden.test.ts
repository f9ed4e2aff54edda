import { describe, expect, test } from 'vitest'
import type { StatusCause } from '../../../api/status.ts'
import { appsDefinitions } from '../../apps/definitions.ts'
import { batchDefinitions } from '../../batch/definitions.ts'
import type { ResourceDefinition } from '../../resource.ts'
import { podDefinitions } from '../pods.ts'
import { type Body, create, recordedCreates } from './testdata.ts'

const definitions = new Map<string, ResourceDefinition>()
for (const one of [...podDefinitions, ...appsDefinitions, ...batchDefinitions]) definitions.set(one.resource, one)

const recorded = (await Promise.all(['pods', 'workloads', 'garbage-collection'].map(recordedCreates)))
  .flat()
  .filter(({ resource }) => definitions.has(resource))
const refused = recorded.filter(({ response }) => response.reason === 'Invalid')
const created = recorded.filter(({ response }) => response.spec !== undefined)

/** What plugins of admission add to a pod. */
const ADMITTED = ['priority', 'preemptionPolicy', 'tolerations', 'serviceAccount', 'serviceAccountName']

describe('as kube-apiserver was recorded', () => {
  test('there are recordings of both kinds', () => {
    expect(refused.length).toBeGreaterThan(15)
    expect(created.length).toBeGreaterThan(5)
  })

  test.each(refused)('$step is refused', ({ resource, body, response }) => {
    const { errors } = create(definitions.get(resource)!, body)
    expect(errors).toEqual((response.details.causes as StatusCause[]).map(({ field, message }) => `${field}: ${message}`))
  })

  test.each(created)('$step is stored as it was', ({ resource, body, response }) => {
    const { object, errors } = create(definitions.get(resource)!, body)
    expect(errors).toEqual([])
    expect(plain(object)).toEqual(plain(response))
  })
})

function plain({ spec, status }: Body): unknown {
  const copy = JSON.parse(JSON.stringify({ spec, status: status ?? {} }))
  for (const member of ADMITTED) delete copy.spec[member]
  for (const condition of copy.status.conditions ?? []) delete condition.lastTransitionTime
  return copy
}
