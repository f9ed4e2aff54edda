import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../clock.ts'
import { describeStore, done, until } from '../store.conformance.ts'
import { type Store, type StoreEvent, StoreUnavailableError, TooLargeError } from '../store.ts'
import { openEtcdStore } from './etcd-store.ts'
import { type EtcdProcess, etcdMissing, startEtcd } from './testdata/etcd-process.ts'

const missing = etcdMissing()
if (missing !== undefined) console.warn(`SKIPPED, the etcd store: ${missing}`)

describe.skipIf(missing !== undefined)('etcd', () => {
  let etcd: EtcdProcess
  let prefixes = 0
  beforeAll(async () => {
    etcd = await startEtcd()
  })
  afterAll(() => etcd.dispose())

  const open = (prefix = `/registry-${++prefixes}`) => openEtcdStore({ servers: [etcd.url], prefix, clock: systemClock })

  describeStore('the etcd store', async () => {
    const store = await open()
    return {
      store,
      // etcd has its own clock.
      passSeconds: async () => {},
      dispose: () => store.close(),
    }
  })

  test('two stores on one etcd see each other, under the keys of the prefix', async () => {
    const [one, two] = await Promise.all([open('shared/'), open('/shared')])
    const heard: StoreEvent[] = []
    const ended = new AbortController()
    await two.listen(two.revision, { events: (events) => heard.push(...events), reset: () => {} }, ended.signal)
    const revision = done(await one.create('/registry/pods/ns/a', Buffer.from('x')))
    expect(await two.consistentRevision()).toBeGreaterThanOrEqual(revision)
    expect(heard.map(({ key, revision }) => [key, revision])).toEqual([['/registry/pods/ns/a', revision]])
    expect((await two.get('/registry/pods/ns/a'))!.revision).toBe(revision)
    ended.abort()
    await Promise.all([one.close(), two.close()])
  })

  test('keys of others move the revision and are not shown', async () => {
    const [ours, others] = await Promise.all([open(), open()])
    const heard: StoreEvent[] = []
    const progress: number[] = []
    const ended = new AbortController()
    await ours.listen(
      ours.revision,
      { events: (events) => heard.push(...events), progress: (revision) => progress.push(revision), reset: () => {} },
      ended.signal,
    )
    const revision = done(await others.create('/registry/pods/ns/a', Buffer.from('x')))
    expect(await ours.consistentRevision()).toBe(revision)
    expect([heard, progress]).toEqual([[], [revision]])
    ended.abort()
    await Promise.all([ours.close(), others.close()])
  })

  test('a list longer than a page comes whole, of one moment', async () => {
    const prefix = `/registry-${++prefixes}`
    const store = await openEtcdStore({ servers: [etcd.url], prefix, clock: systemClock, pageKeys: 100 })
    await Promise.all(Array.from({ length: 1050 }, (_, n) => store.create(`/registry/a/${n + 10_000}`, Buffer.from('x'))))
    const [{ values, more }] = await Promise.all([store.range('/registry/a/'), store.create('/registry/a/9', Buffer.from('x'))])
    expect(more).toBe(false)
    expect(new Set(values.map(({ key }) => key)).size).toBe(values.length)
    expect(values.length).toBeGreaterThanOrEqual(1050)
    await store.close()
  }, 60_000)

  test('a value too large for etcd is an error of its own, however large', async () => {
    const store = await open()
    for (const mebibytes of [2, 5]) {
      await expect(store.create('/registry/x/large', Buffer.alloc(mebibytes << 20))).rejects.toBeInstanceOf(TooLargeError)
    }
    await store.close()
  })

  test('many keys with one time to live share a lease', async () => {
    const store = await open()
    await Promise.all(Array.from({ length: 20 }, (_, n) => store.create(`/registry/events/${n}`, Buffer.from('x'), { ttlSeconds: 3600 })))
    const { leases } = (await (await fetch(`${etcd.url}/v3/lease/leases`, { method: 'POST', body: '{}' })).json()) as { leases: unknown[] }
    // Those of the tests above live for a few seconds and may be there still.
    expect(leases.length).toBeLessThan(6)
    await store.close()
  })

  test('no server is a clear error', async () => {
    const opening = openEtcdStore({ servers: ['http://127.0.0.1:1'], clock: systemClock, openTimeoutMs: 500 })
    await expect(opening).rejects.toBeInstanceOf(StoreUnavailableError)
    await expect(opening).rejects.toThrow('etcd at http://127.0.0.1:1 does not answer')
  })
})

const noTls = missing ?? opensslMissing()
if (noTls !== undefined) console.warn(`SKIPPED, etcd behind TLS: ${noTls}`)

describe.skipIf(noTls !== undefined)('an etcd behind TLS', () => {
  let dir: string
  const file = (name: string) => join(dir, name)
  const text = (name: string) => readFileSync(file(name), 'utf8')
  let etcd: EtcdProcess
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'podpass-etcd-tls-'))
    certificate({ path: file('ca') })
    certificate({ path: file('server'), issuer: file('ca') })
    certificate({ path: file('client'), issuer: file('ca') })
    certificate({ path: file('stranger') })
    certificate({ path: file('elsewhere'), issuer: file('ca'), address: '192.0.2.1' })
    etcd = await startEtcd({ tls: { ca: file('ca.crt'), cert: file('server.crt'), key: file('server.key') } })
  })
  afterAll(async () => {
    await etcd.dispose()
    rmSync(dir, { recursive: true })
  })
  const open = (ca: string, client: string) =>
    openEtcdStore({
      servers: [etcd.url],
      ca: text(`${ca}.crt`),
      certificate: text(`${client}.crt`),
      key: text(`${client}.key`),
      clock: systemClock,
      openTimeoutMs: 1000,
    })

  test('is reached with the right certificates', async () => {
    const store = await open('ca', 'client')
    const revision = done(await store.create('/registry/a/x', Buffer.from('x')))
    expect((await store.get('/registry/a/x'))!.revision).toBe(revision)
    await store.close()
  })

  test('is not reached with those of a stranger, nor is a stranger taken for it', async () => {
    await expect(open('ca', 'stranger')).rejects.toBeInstanceOf(StoreUnavailableError)
    await expect(open('stranger', 'client')).rejects.toBeInstanceOf(StoreUnavailableError)
  })

  test('is not taken for one at another address', async () => {
    const elsewhere = await startEtcd({ tls: { ca: file('ca.crt'), cert: file('elsewhere.crt'), key: file('elsewhere.key') } })
    const opening = openEtcdStore({
      servers: [elsewhere.url],
      ca: text('ca.crt'),
      certificate: text('client.crt'),
      key: text('client.key'),
      clock: systemClock,
      openTimeoutMs: 1000,
    })
    await expect(opening).rejects.toThrow("not in the cert's list")
    await elsewhere.dispose()
  })
})

describe.skipIf(missing !== undefined)('an etcd that goes away', () => {
  let etcd: EtcdProcess
  let store: Store
  beforeAll(async () => {
    etcd = await startEtcd()
    store = await openEtcdStore({ servers: ['http://127.0.0.1:1', etcd.url], clock: systemClock })
  })
  afterAll(async () => {
    await store.close()
    await etcd.dispose()
  })

  test('comes back, and the watch misses nothing that was acknowledged', async () => {
    const heard = new Map<number, StoreEvent>()
    let resets = 0
    const ended = new AbortController()
    await store.listen(
      store.revision,
      {
        events: (events) => {
          for (const event of events) heard.set(event.revision, event)
        },
        reset: () => resets++,
      },
      ended.signal,
    )
    const acknowledged: number[] = []
    let writing = true
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; writing; n++) {
        try {
          acknowledged.push(done(await store.create(`/registry/a/${writer}-${n}`, Buffer.from('x'))))
        } catch (error) {
          expect(error).toBeInstanceOf(StoreUnavailableError)
        }
      }
    })
    for (let round = 0; round < 2; round++) {
      const before = acknowledged.length
      await until(() => acknowledged.length > before + 50)
      await etcd.kill()
      await etcd.start()
      const after = acknowledged.length
      await until(() => acknowledged.length > after + 50)
    }
    writing = false
    await Promise.all(writers)
    await store.consistentRevision()
    expect(acknowledged.filter((revision) => !heard.has(revision))).toEqual([])
    expect(new Set(acknowledged).size).toBe(acknowledged.length)
    expect(resets).toBe(0)
    expect(store.outOfTouchMs).toBeLessThan(10_000)
    ended.abort()
  }, 60_000)

  test('is out of touch while it is away', async () => {
    await etcd.kill()
    const then = store.outOfTouchMs
    await until(() => store.outOfTouchMs > then + 2500)
    await etcd.start()
    await until(() => store.outOfTouchMs < 2500)
  }, 60_000)

  test('a consistent revision is never an answer from before the question, although questions are shared', async () => {
    const relay = await startRelay(Number(new URL(etcd.url).port))
    const late = await openEtcdStore({ servers: [`http://127.0.0.1:${relay.port}`], clock: systemClock })
    // What the relay holds back may be something else than the answer: then the question came late, and is put again.
    for (let round = 0, isEarly = false; !isEarly; round++) {
      relay.hold()
      const first = late.consistentRevision()
      await until(() => relay.held() > 0)
      const revision = done(await store.create(`/registry/a/between-${round}`, Buffer.from('x')))
      const [second, third] = [late.consistentRevision(), late.consistentRevision()]
      relay.release()
      isEarly = (await first) < revision
      expect(await second).toBeGreaterThanOrEqual(revision)
      expect(second).toBe(third)
    }
    await late.close()
    relay.close()
  }, 60_000)

  test('compacted past us while away: listeners are told to read again, and hear of what follows', async () => {
    const other = await openEtcdStore({ servers: [etcd.url], clock: systemClock })
    const heard: StoreEvent[] = []
    let resets = 0
    const ended = new AbortController()
    // This one has no other server, so it does not reach etcd through the relay that is cut.
    const relay = await startRelay(Number(new URL(etcd.url).port))
    const away = await openEtcdStore({ servers: [`http://127.0.0.1:${relay.port}`], clock: systemClock })
    await away.listen(away.revision, { events: (events) => heard.push(...events), reset: () => resets++ }, ended.signal)
    relay.cut()
    const missed = done(await other.create('/registry/a/missed', Buffer.from('x')))
    const last = done(await other.update('/registry/a/missed', Buffer.from('y'), missed))
    await other.compact(last)
    relay.restore()
    await until(() => resets === 1)
    expect(away.revision).toBeGreaterThanOrEqual(last)
    const next = done(await other.create('/registry/a/next', Buffer.from('z')))
    await until(() => heard.length > 0)
    expect(heard.map(({ revision }) => revision)).toEqual([next])
    ended.abort()
    await Promise.all([away.close(), other.close()])
    relay.close()
  }, 60_000)
})

/** A key and a certificate at `path`, signed by itself or by `issuer`. */
function certificate({ path, issuer, address = '127.0.0.1' }: { path: string; issuer?: string; address?: string }): void {
  const signedBy = issuer === undefined ? [] : ['-CA', `${issuer}.crt`, '-CAkey', `${issuer}.key`]
  const constraints = `basicConstraints=critical,CA:${issuer === undefined ? 'TRUE' : 'FALSE'}`
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '1',
      '-subj',
      `/CN=${basename(path)}`,
    ].concat(
      ['-keyout', `${path}.key`, '-out', `${path}.crt`, '-addext', `subjectAltName=IP:${address}`, '-addext', constraints],
      signedBy,
    ),
    { stdio: 'ignore' },
  )
}

function opensslMissing(): string | undefined {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'no openssl on this machine to make certificates'
  }
}

/** A TCP relay that can be cut, and that can keep back answers. */
async function startRelay(target: number) {
  const { connect, createServer } = await import('node:net')
  const sockets = new Set<import('node:net').Socket>()
  let open = true
  let held: (() => void)[] | undefined
  const server = createServer((socket) => {
    if (!open) {
      socket.destroy()
      return
    }
    const upstream = connect(target, '127.0.0.1')
    for (const one of [socket, upstream]) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        sockets.delete(one)
        socket.destroy()
        upstream.destroy()
      })
    }
    socket.pipe(upstream)
    upstream.on('data', (data) => {
      if (held === undefined) socket.write(data)
      else held.push(() => socket.write(data))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    open = false
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as { port: number }).port,
    cut,
    restore: () => {
      open = true
    },
    /** Keeps back what etcd says. */
    hold: () => {
      held = []
    },
    held: () => held?.length ?? 0,
    release: () => {
      const late = held ?? []
      held = undefined
      for (const pass of late) pass()
    },
    close: () => {
      cut()
      server.close()
    },
  }
}
