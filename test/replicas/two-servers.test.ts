/**
 * Two `podpass serve` on one etcd: they serve the same objects, one of them runs the controllers, and what counts on one counts on both.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminOf, type Credentials, sender } from '../fuzz/request.ts'
import { freePort, isReady, type Running, STORES, startProcess, startServe } from '../podpass.ts'

const HAS_ETCD = STORES.some(({ kind, isHere }) => kind === 'etcd' && isHere)
const USER = 'replica-user'
const MAPS = '/api/v1/namespaces/default/configmaps'
/** Longer than the Lease of the controllers lasts, with some room for a busy machine. */
const FAIL_OVER_MS = 25_000

type Send = (method: string, path: string, body?: object, headers?: Record<string, string>) => Promise<{ status: number; body: string }>

async function eventually(isSo: () => Promise<boolean>, withinMs = 10_000): Promise<boolean> {
  const until = Date.now() + withinMs
  while (Date.now() < until) {
    if (await isSo()) return true
    await new Promise((done) => setTimeout(done, 50))
  }
  return false
}

describe.skipIf(!HAS_ETCD)(`two servers on one etcd${HAS_ETCD ? '' : ' (skipped: there is no etcd on this machine)'}`, () => {
  let first: Running
  let second: ReturnType<typeof startProcess>
  let secondPort: number
  let admin: Credentials
  let onFirst: Send
  let onSecond: Send
  const senders: { close(): void }[] = []

  const sendTo = (port: number): Send => {
    const { send, close } = sender({ ...first, port }, admin)
    senders.push({ close })
    return async (method, path, body, headers = {}) => {
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
      const answer = await send(method, path, { 'content-type': type, ...headers }, body === undefined ? undefined : JSON.stringify(body))
      return answer ?? { status: 0, body: '' }
    }
  }

  beforeAll(async () => {
    first = await startServe('etcd')
    admin = adminOf(first)
    secondPort = await freePort()
    const [program, ...args] = first.command
    second = startProcess(
      program as string,
      args.map((arg) => (arg.startsWith('--secure-port=') ? `--secure-port=${secondPort}` : arg)),
    )
    onFirst = sendTo(first.port)
    onSecond = sendTo(secondPort)
    const ca = readFileSync(first.file('ca.crt'))
    expect(await eventually(() => isReady(secondPort, ca), 20_000), second.log()).toBe(true)
  })
  afterAll(async () => {
    for (const { close } of senders) close()
    await second?.stop()
    await first?.stop()
  })

  const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })

  test('what was acknowledged by one is read from the other at once, the same to the byte', async () => {
    expect((await onFirst('POST', MAPS, configMap('shared'))).status).toBe(201)
    const [here, there] = [await onFirst('GET', `${MAPS}/shared`), await onSecond('GET', `${MAPS}/shared`)]
    expect(there.status).toBe(200)
    expect(there.body).toBe(here.body)
  })

  test('a write that knows an older state is refused by either', async () => {
    const { metadata } = JSON.parse((await onFirst('GET', `${MAPS}/shared`)).body)
    expect((await onSecond('PATCH', `${MAPS}/shared`, { data: { by: 'second' } })).status).toBe(200)
    const stale = { ...configMap('shared'), metadata: { name: 'shared', resourceVersion: metadata.resourceVersion }, data: { by: 'first' } }
    expect((await onFirst('PUT', `${MAPS}/shared`, stale)).status).toBe(409)
  })

  test('a watch on one sees the writes of the other', async () => {
    let seen = ''
    const watch = request({ host: '127.0.0.1', port: secondPort, path: `${MAPS}?watch=1&fieldSelector=metadata.name%3Dwatched`, ...admin })
    watch.on('error', () => {})
    watch.end()
    const [response] = (await once(watch, 'response')) as [IncomingMessage]
    response.setEncoding('utf8').on('data', (text: string) => (seen += text))
    response.on('error', () => {})
    await onFirst('POST', MAPS, configMap('watched'))
    await onFirst('DELETE', `${MAPS}/watched`)
    const sawBoth = await eventually(async () => /"ADDED".*"DELETED"/s.test(seen))
    watch.destroy()
    expect(sawBoth, seen).toBe(true)
  })

  test('a token of one is good on the other, and dead there when its account is gone', async () => {
    await onFirst('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'robot' } })
    const { status } = JSON.parse((await onFirst('POST', '/api/v1/namespaces/default/serviceaccounts/robot/token', { spec: {} })).body)
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: status.token } }
    const judged = async () => JSON.parse((await onSecond('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review)).body).status
    expect(await eventually(async () => (await judged()).authenticated === true)).toBe(true)
    await onFirst('DELETE', '/api/v1/namespaces/default/serviceaccounts/robot')
    expect(await eventually(async () => (await judged()).authenticated !== true)).toBe(true)
  })

  test('a right that is given and taken on one counts on the other soon', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'
    const asUser = { 'impersonate-user': USER }
    const mayRead = async () => (await onSecond('GET', MAPS, undefined, asUser)).status === 200
    expect(await mayRead()).toBe(false)
    await onFirst('POST', rbac, {
      metadata: { name: 'replica-view' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: USER }],
    })
    expect(await eventually(mayRead)).toBe(true)
    await onFirst('DELETE', `${rbac}/replica-view`)
    expect(await eventually(async () => !(await mayRead()))).toBe(true)
  })

  test('one runs the controllers, and the other goes on with them when it is killed', async () => {
    const lease = async (send: Send) =>
      JSON.parse((await send('GET', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager')).body).spec
    const hasAccount = (send: Send, namespace: string) => async () =>
      (await send('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`)).status === 200
    await onSecond('POST', '/api/v1/namespaces', { metadata: { name: 'before' } })
    expect(await eventually(hasAccount(onSecond, 'before'))).toBe(true)
    const { holderIdentity } = await lease(onSecond)

    // The first one was alone for a while: the Lease is its own.
    process.kill(first.pid, 'SIGKILL')
    await onSecond('POST', '/api/v1/namespaces', { metadata: { name: 'after' } })
    expect(await eventually(hasAccount(onSecond, 'after'), FAIL_OVER_MS)).toBe(true)
    expect((await lease(onSecond)).holderIdentity).not.toBe(holderIdentity)
  })
})
