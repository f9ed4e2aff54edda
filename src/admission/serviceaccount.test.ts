import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import { isStatusError } from '../api/status.ts'
import { TestCache, TestClock } from '../authentication/testdata.ts'
import type { CacheEvent } from '../cache/cache.ts'
import type { AdmissionRequest } from './admission.ts'
import { serviceAccountAdmission } from './serviceaccount.ts'

interface Step {
  method: string
  path: string
  body: KubeObject
  name: string
}

/** Step makers of a scenario, as far as these use them. */
function scenario(make: (makers: Record<string, (...parts: any[]) => unknown>) => { steps: Step[] }): Step[] {
  const step =
    (method: string) =>
    (path: string, body: KubeObject, options: { name: string }): Step => ({ method, path, body, name: options?.name })
  const makers = {
    post: step('POST'),
    patch: (_type: string, path: string, body: KubeObject, options: { name: string }) => step('PATCH')(path, body, options),
    get: (path: string, options: { name: string }) => step('GET')(path, {}, options),
    del: step('DELETE'),
    sleep: () => step('SLEEP')('', {}, { name: 'sleep' }),
  }
  return make(makers as never).steps
}

const normalized = (value: unknown) =>
  JSON.parse(JSON.stringify(value ?? null).replace(/kube-api-access-(?!mine)[^"]+/g, 'kube-api-access-x'))

function request(operation: 'CREATE' | 'UPDATE', namespace: string, object: KubeObject, subresource = ''): AdmissionRequest {
  return {
    operation,
    group: '',
    version: 'v1',
    resource: 'pods',
    subresource,
    kind: { group: '', version: 'v1', kind: 'Pod' },
    namespace,
    name: object.metadata?.name ?? '',
    object,
    oldObject: undefined,
    options: {},
    user: { username: 'admin', groups: [] },
    dryRun: false,
    warn: () => {},
    annotate: () => {},
  }
}

describe.each(['admission-pods', 'admission-secrets'])('as recorded from kube-apiserver: %s', async (name) => {
  const folder = new URL('../../test/golden/', import.meta.url)
  const recorded: { exchanges: { step: string; response?: { status: number; body: KubeObject } }[] } = JSON.parse(
    readFileSync(new URL(`recordings/${name}.json`, folder), 'utf8'),
  )
  const steps = scenario((await import(new URL(`scenarios/${name}.mjs`, folder).href)).default)
  const namespace = name === 'admission-pods' ? 'g-admission' : 'g-enforce'
  const cache = new TestCache()
  const admission = serviceAccountAdmission({ cache, waitingClock: new TestClock(0), randomSuffix: () => 'bcdfg' })
  const put = (object: KubeObject) => cache.put('v1/serviceaccounts', { ...object, metadata: { ...object.metadata, namespace } })
  put({ metadata: { name: 'default' } })

  for (const step of steps) {
    const answer = recorded.exchanges.find((exchange) => exchange.step === step.name)?.response
    if (step.method === 'POST' && step.path.endsWith('/serviceaccounts')) test(step.name, () => put(step.body))
    if (step.method === 'DELETE') test(step.name, () => cache.drop('v1/serviceaccounts', `${namespace}/${step.path.split('/').at(-1)}`))
    const ephemeral = step.path.endsWith('/ephemeralcontainers')
    if (answer === undefined || !(ephemeral || (step.method === 'POST' && step.path.includes('/pods')))) continue
    test(step.name, async () => {
      let outcome: KubeObject
      try {
        if (ephemeral) {
          const pod = recorded.exchanges.find((exchange) => exchange.step === `pod ${step.path.split('/').at(-2)}`)!.response!.body
          const updated = request('UPDATE', namespace, { ...pod, spec: { ...pod['spec'], ...step.body['spec'] } }, 'ephemeralcontainers')
          expect(admission.handles(updated)).toBe(true)
          await admission.validate!(updated)
          outcome = updated.object!
        } else {
          const object = structuredClone(step.body)
          // The pod's own conversion has run before admission.
          object['spec'].serviceAccountName ||= object['spec'].serviceAccount
          const created = request('CREATE', namespace, object)
          await admission.admit!(created)
          await admission.validate!(created)
          outcome = created.object!
        }
      } catch (error) {
        if (!isStatusError(error)) throw error
        expect(error.status).toEqual(answer.body)
        return
      }
      // What validation of pods refuses later is none of the plugin's business.
      if (answer.status >= 400) return expect(answer.status).toBe(422)
      const mine = normalized(outcome['spec'])
      const theirs = normalized(answer.body['spec'])
      expect(mine.serviceAccountName).toBe(theirs.serviceAccountName)
      expect(mine.imagePullSecrets).toEqual(theirs.imagePullSecrets)
      expect(mine.volumes?.at(-1)?.name).toEqual(theirs.volumes?.at(-1)?.name)
      if (mine.volumes?.at(-1)?.name === 'kube-api-access-x') expect(mine.volumes.at(-1)).toEqual(theirs.volumes.at(-1))
      const mounts = (spec: any) => [...(spec.initContainers ?? []), ...spec.containers].map(({ volumeMounts }) => volumeMounts ?? [])
      expect(mounts(mine)).toEqual(mounts(theirs))
    })
  }
})

describe('automount', () => {
  test.each([
    [undefined, undefined, true],
    [undefined, true, true],
    [undefined, false, false],
    [true, undefined, true],
    [true, true, true],
    [true, false, true],
    [false, undefined, false],
    [false, true, false],
    [false, false, false],
  ])('pod says %s and account says %s: %s', (ofPod, ofAccount, mounted) => {
    const cache = new TestCache()
    cache.put('v1/serviceaccounts', { metadata: { namespace: 'ns', name: 'default' }, automountServiceAccountToken: ofAccount })
    const created = request('CREATE', 'ns', {
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c' }], automountServiceAccountToken: ofPod },
    })
    serviceAccountAdmission({ cache, waitingClock: new TestClock(0), randomSuffix: () => 'bcdfg' }).admit!(created)
    expect(created.object!['spec'].volumes !== undefined).toBe(mounted)
  })
})

test('admitting twice is like once', () => {
  const cache = new TestCache()
  cache.put('v1/serviceaccounts', { metadata: { namespace: 'ns', name: 'default' } })
  let drawn = 0
  const admission = serviceAccountAdmission({ cache, waitingClock: new TestClock(0), randomSuffix: () => `abcd${drawn++}` })
  const created = request('CREATE', 'ns', { metadata: { name: 'p' }, spec: { containers: [{ name: 'c' }] } })
  admission.admit!(created)
  const once = structuredClone(created.object)
  admission.admit!(created)
  expect(created.object).toEqual(once)
})

test('a pod that comes before the default account of its namespace waits for it', async () => {
  const cache = new TestCache()
  const { resource } = cache
  const listeners: ((event: CacheEvent) => void)[] = []
  cache.resource = (id) => ({
    ...resource.call(cache, id),
    subscribe: (_after: number, listener: (event: CacheEvent) => void) => {
      listeners.push(listener)
      return { close: () => listeners.splice(0) }
    },
  })
  const admission = serviceAccountAdmission({ cache, waitingClock: new TestClock(0), randomSuffix: () => 'bcdfg' })
  const created = request('CREATE', 'ns', { metadata: { name: 'p' }, spec: { containers: [{ name: 'c' }] } })
  const admitted = admission.admit!(created)
  await Promise.resolve()
  await Promise.resolve()
  cache.put('v1/serviceaccounts', { metadata: { namespace: 'ns', name: 'default' } })
  for (const listener of listeners) listener({ object: { key: 'ns/default' } } as CacheEvent)
  await admitted
  expect(created.object!['spec'].volumes.length).toBe(1)
  expect(listeners).toEqual([])
})
