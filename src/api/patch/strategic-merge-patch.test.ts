import { describe, expect, test } from 'vitest'
import { builtinSchemas } from '../schemas.ts'
import { StatusError } from '../status.ts'
import { copyJson } from './json-value.ts'
import { recordedExchanges } from './recorded-exchanges.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

const pod = builtinSchemas.struct('io.k8s.api.core.v1.Pod')!
const deployment = builtinSchemas.struct('io.k8s.api.apps.v1.Deployment')!
const serviceAccount = builtinSchemas.struct('io.k8s.api.core.v1.ServiceAccount')!

const patched = (document: any, patch: any, schema = pod): any => applyStrategicMergePatch(document, patch, schema, builtinSchemas)

function refusalOf(run: () => unknown): { code: number; message: string } {
  try {
    run()
  } catch (error) {
    if (error instanceof StatusError) return { code: error.code, message: error.message }
    throw error
  }
  return { code: 200, message: '' }
}

/** Recorded objects carry defaults besides what the patch gave; lists must agree in length and order. */
function expectWithin(actual: any, recorded: any, path = ''): void {
  if (Array.isArray(actual)) {
    expect(recorded?.length, path).toBe(actual.length)
    for (const [i, item] of actual.entries()) expectWithin(item, recorded[i], `${path}[${i}]`)
  } else if (typeof actual === 'object' && actual !== null) {
    for (const key of Object.keys(actual)) expectWithin(actual[key], recorded?.[key], `${path}.${key}`)
  } else {
    expect(recorded, path).toBe(actual)
  }
}

describe('applyStrategicMergePatch() answers as recorded', async () => {
  let live: any
  for (const exchange of await recordedExchanges('strategic-merge')) {
    const was = live
    const answered = exchange.answer
    if (exchange.status < 300 && answered?.spec !== undefined)
      live = { ...was, spec: answered.spec, metadata: { ...was?.metadata, ...answered.metadata } }
    if (exchange.patchType !== 'strategic') continue
    test(exchange.name, () => {
      const run = () => patched(was, exchange.body, deployment)
      if (exchange.status === 500 || exchange.status === 400) {
        const refusal = refusalOf(run)
        if (refusal.code === 200) expect(answered.message).toContain('name must be provided')
        else expect(refusal).toEqual({ code: exchange.status, message: answered.message })
      } else if (exchange.status === 200 && answered?.spec !== undefined) {
        expectWithin(run().spec, answered.spec)
      }
    })
  }
})

describe('applyStrategicMergePatch() on a service account answers as recorded', async () => {
  let live: any
  for (const exchange of await recordedExchanges('sa-patch')) {
    const was = live
    if (exchange.status < 300 && exchange.answer?.kind === 'ServiceAccount') live = exchange.answer
    if (exchange.patchType !== 'strategic') continue
    test(exchange.name, () => {
      const run = () => patched(was, exchange.body, serviceAccount)
      if (exchange.status === 500) {
        expect(refusalOf(run)).toEqual({ code: 500, message: exchange.answer.message })
      } else if (exchange.status === 200) {
        const { metadata, ...rest } = run()
        expect(rest).toEqual({ ...exchange.answer, metadata: undefined })
        expect(metadata.labels).toEqual(exchange.answer.metadata.labels)
      }
    })
  }
})

describe('applyStrategicMergePatch()', () => {
  const live = { metadata: { finalizers: ['a', 'b', 'c'] }, spec: { containers: [{ name: 'x' }, { name: 'y' }, { name: 'z' }] } }

  test('keeps items that only the server has where they were among their neighbours', () => {
    const order = { '$setElementOrder/containers': [{ name: 'z' }, { name: 'x' }], containers: [{ name: 'z', image: 'i' }] }
    expect(patched(live, { spec: order }).spec.containers).toEqual([{ name: 'y' }, { name: 'z', image: 'i' }, { name: 'x' }])
  })

  test('deletes from a list of scalars and adds to it in one patch', () => {
    const patch = {
      metadata: { '$deleteFromPrimitiveList/finalizers': ['b'], finalizers: ['d'], '$setElementOrder/finalizers': ['a', 'c', 'd'] },
    }
    expect(patched(live, patch).metadata.finalizers).toEqual(['a', 'c', 'd'])
  })

  test('replaces the list when an item says so', () => {
    expect(patched(live, { spec: { containers: [{ name: 'n' }, { $patch: 'replace' }] } }).spec.containers).toEqual([{ name: 'n' }])
    expect(patched(live, { spec: { containers: [{ $patch: 'replace' }] } }).spec.containers).toEqual([])
  })

  test('drops directives and nulls of what is not there yet', () => {
    const patch = {
      spec: {
        volumes: [
          { name: 'v', emptyDir: null },
          { name: 'w', $patch: 'delete' },
        ],
        affinity: { $patch: 'delete' },
      },
    }
    expect(patched(live, patch).spec).toEqual({ ...live.spec, volumes: [{ name: 'v' }] })
  })

  test('changes neither the document nor the patch', () => {
    const document = copyJson(live)
    const patch = {
      metadata: { finalizers: ['d'], labels: { $patch: 'replace', a: '1' } },
      spec: { $retainKeys: ['containers'], containers: [{ name: 'y', $patch: 'delete' }] },
    }
    const asSent = copyJson(patch)
    patched(document, patch)
    expect(document).toEqual(live)
    expect(patch).toEqual(asSent)
  })

  test('takes keys like __proto__ and constructor as plain keys', () => {
    const result = patched({ metadata: { labels: {} } }, JSON.parse('{"metadata":{"labels":{"__proto__":"1","constructor":"2"}}}'))
    expect(JSON.stringify(result.metadata.labels)).toBe('{"__proto__":"1","constructor":"2"}')
  })

  const refusals: [name: string, patch: unknown, code: number, message: string][] = [
    ['a list of lists', { metadata: { finalizers: [['a']] } }, 500, 'list element types are not identical: [[a b c] [[a]]]'],
    [
      'an order that is no list',
      { metadata: { '$setElementOrder/finalizers': 'a' } },
      500,
      'expected a []interface {}, but received a string',
    ],
    ['an order without a list', { metadata: { $setElementOrder: ['a'] } }, 400, 'invalid patch format of setElementOrder list'],
    ['deletion without a list', { metadata: { $deleteFromPrimitiveList: ['a'] } }, 400, 'invalid patch format of primitive list'],
    ['keys to retain that are no list', { spec: { $retainKeys: 'a' } }, 400, 'invalid patch format of retainKeys'],
    [
      'an order of an unknown list',
      { spec: { '$setElementOrder/nothing': [] } },
      500,
      'unable to find api field in struct PodSpec for the json field "nothing"',
    ],
    [
      'merging in a list',
      { spec: { containers: [{ name: 'x', $patch: 'merge' }] } },
      500,
      'merging lists cannot yet be specified in the patch',
    ],
    ['a directive that is no text', { metadata: { $patch: 5 } }, 500, 'unknown patch type: %!s(int64=5) in map: map[$patch:5]'],
  ]
  for (const [name, patch, code, message] of refusals)
    test(`refuses ${name}`, () => expect(refusalOf(() => patched(live, patch))).toEqual({ code, message }))

  test('refuses lists of lists with a fixed text', () => {
    const nested = { metadata: { finalizers: [['a']] } }
    const message = 'the server rejected our request due to an error in our request'
    expect(refusalOf(() => patched({ metadata: { finalizers: [['b']] } }, nested))).toEqual({ code: 422, message })
  })
})
