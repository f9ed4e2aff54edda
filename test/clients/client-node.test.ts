/**
 * The official JavaScript client's informer: list, watch, and going on after the server was away.
 */
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Running, STORES, startServe } from '../podpass.ts'

describe.each(STORES)('@kubernetes/client-node on the $kind store', ({ kind, isHere }) => {
  let server: Running
  beforeAll(async () => {
    if (isHere) server = await startServe(kind)
  })
  afterAll(() => server?.stop())

  test.skipIf(!isHere)('an informer sees what was there, what changes, and what changed while the server restarted', async () => {
    const config = new KubeConfig()
    config.loadFromFile(server.file('admin.kubeconfig'))
    const api = config.makeApiClient(CoreV1Api)
    const namespace = 'default'
    const put = (name: string, value: string): V1ConfigMap => ({ metadata: { name }, data: { value } })
    await api.createNamespacedConfigMap({ namespace, body: put('before', '1') })

    const seen: string[] = []
    const waiting = new Map<string, () => void>()
    const note = (what: string) => (object: V1ConfigMap) => {
      const event = `${what} ${object.metadata?.name} ${object.data?.['value'] ?? ''}`
      seen.push(event)
      waiting.get(event)?.()
    }
    const saw = (event: string) => (seen.includes(event) ? Promise.resolve() : new Promise<void>((done) => waiting.set(event, done)))
    const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, () => api.listNamespacedConfigMap({ namespace }))
    informer.on('add', note('add'))
    informer.on('update', note('update'))
    informer.on('delete', note('delete'))
    // What the client's documentation tells users to do.
    let stopped = false
    const retry = () => {
      if (!stopped) setTimeout(() => void informer.start().catch(retry), 50)
    }
    informer.on('error', retry)
    await informer.start()

    await saw('add before 1')
    await api.createNamespacedConfigMap({ namespace, body: put('later', '1') })
    await saw('add later 1')
    await api.replaceNamespacedConfigMap({ namespace, name: 'later', body: put('later', '2') })
    await saw('update later 2')
    await api.deleteNamespacedConfigMap({ namespace, name: 'before' })
    await saw('delete before 1')

    await server.restart()
    await api.createNamespacedConfigMap({ namespace, body: put('after', '1') })
    await saw('add after 1')
    expect(informer.get('later', namespace)?.data).toEqual({ value: '2' })
    expect(informer.get('before', namespace)).toBeUndefined()
    stopped = true
    await informer.stop()
  })
})
