import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { type FileHandle, open as openFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Binding, tokenClaims } from './claims.ts'
import { type LedgerRecord, type LedgerStorage, TokenLedger } from './ledger.ts'
import { LedgerFile } from './ledger-file.ts'
import type { BoundClaims } from './verify.ts'

const START_MS = 1_750_000_000_500
const HOUR_MS = 3_600_000

class Memory implements LedgerStorage {
  records: LedgerRecord[] = []
  durable = 0
  rewrites = 0
  broken = false
  async load() {
    return structuredClone(this.records)
  }
  async append(records: readonly LedgerRecord[], options: { durable: boolean }) {
    if (this.broken) throw new Error('disk full')
    this.records.push(...structuredClone(records))
    if (options.durable) this.durable++
  }
  async rewrite(records: readonly LedgerRecord[]) {
    this.rewrites++
    this.records = structuredClone([...records])
  }
}

const timers: (() => void)[] = []
const clock = {
  ms: START_MS,
  nowMs: () => clock.ms,
  after: (_: number, callback: () => void) => {
    timers.push(callback)
    return () => {
      timers.splice(timers.indexOf(callback), 1)
    }
  },
}

beforeEach(() => {
  clock.ms = START_MS
  timers.length = 0
})

const account = { namespace: 'ns', name: 'robot', uid: 'sa-uid' }
const POD: Binding = { kind: 'Pod', pod: { name: 'p', uid: 'pod-uid' }, node: { name: 'n', uid: 'node-uid' } }
const NODE: Binding = { kind: 'Node', node: { name: 'n', uid: 'node-uid' } }

function issue(
  ledger: TokenLedger,
  jti: string,
  binding: Binding = { kind: 'None' },
  expirationSeconds = 3600,
  nowSeconds = Math.floor(clock.ms / 1000),
): BoundClaims {
  const claims = tokenClaims({ issuer: 'i', account, binding, audiences: ['i'], expirationSeconds, nowSeconds, jti })
  ledger.issued({ claims, requestedBy: 'admin', remoteAddress: '127.0.0.1', userAgent: 'kubectl' })
  const { pod, node, secret } = claims['kubernetes.io']
  return {
    kind: 'bound',
    issuer: 'i',
    subject: claims.sub,
    audiences: ['i'],
    expiresAtSeconds: claims.exp,
    notBeforeSeconds: claims.nbf,
    issuedAtSeconds: claims.iat,
    jti,
    namespace: 'ns',
    account,
    pod,
    secret,
    node: node && { name: node.name, uid: node.uid ?? '' },
    warnAfterSeconds: 0,
  }
}

const open = (storage: LedgerStorage, more: object = {}) => TokenLedger.open({ clock, storage, ...more })

describe('the ledger', () => {
  test('notes what was issued, to whom, by whom and for how long', async () => {
    const ledger = await open(new Memory())
    issue(ledger, 'a', POD)
    expect(ledger.get('a')).toEqual({
      jti: 'a',
      namespace: 'ns',
      account: 'robot',
      accountUid: 'sa-uid',
      boundTo: { kind: 'Pod', name: 'p', uid: 'pod-uid' },
      audiences: ['i'],
      issuedAtMs: 1_750_000_000_000,
      expiresAtMs: 1_750_003_600_000,
      requestedBy: 'admin',
      remoteAddress: '127.0.0.1',
      userAgent: 'kubectl',
    })
  })

  test('writes behind the answer, many at once', async () => {
    const storage = new Memory()
    const ledger = await open(storage)
    for (let i = 0; i < 100; i++) issue(ledger, `${i}`)
    expect(storage.records.length).toBe(0)
    expect(timers.length).toBe(1)
    timers[0]!()
    await ledger.close()
    expect(storage.records.length).toBe(100)
    expect(storage.durable).toBe(0)
  })

  test('notes first and last use, once a minute at most', async () => {
    const ledger = await open(new Memory())
    const token = issue(ledger, 'a')
    ledger.used(token)
    clock.ms += 30_000
    ledger.used(token)
    expect(ledger.get('a')).toMatchObject({ firstUsedAtMs: START_MS, lastUsedAtMs: START_MS })
    clock.ms += 30_000
    ledger.used(token)
    expect(ledger.get('a')).toMatchObject({ firstUsedAtMs: START_MS, lastUsedAtMs: START_MS + 60_000 })
  })

  test('forgets what is over, and the oldest beyond its bound', async () => {
    const ledger = await open(new Memory(), { maxEntries: 3 })
    issue(ledger, 'short', { kind: 'None' }, 600)
    for (const jti of ['a', 'b', 'c', 'd']) issue(ledger, jti)
    expect([...ledger.list()].map(({ jti }) => jti)).toEqual(['b', 'c', 'd'])
    expect(ledger.forgotten).toBe(2)
    clock.ms += 2 * HOUR_MS
    await ledger.flush()
    expect(ledger.size).toBe(0)
  })

  test('forgets the oldest one by one, whatever went out of turn', async () => {
    const ledger = await open(new Memory(), { maxEntries: 100 })
    for (let at = 0; at < 1000; at++) {
      issue(ledger, `${at}`, { kind: 'None' }, at % 3 === 0 ? 600 : 100_000)
      if (at % 250 === 0) {
        clock.ms += 3_600_000
        await ledger.flush()
      }
    }
    expect(ledger.size).toBe(100)
    expect([...ledger.list()].map(({ jti }) => jti)).toEqual(Array.from({ length: 100 }, (_, at) => `${900 + at}`))
  })

  test('keeps a bounded part of what a token says', async () => {
    const ledger = await open(new Memory())
    const audiences = Array.from({ length: 1000 }, (_, at) => `https://relying-party-${at}.example`)
    const claims = tokenClaims({
      issuer: 'i',
      account,
      binding: { kind: 'None' },
      audiences,
      expirationSeconds: 3600,
      nowSeconds: 1,
      jti: 'a',
    })
    ledger.issued({ claims, requestedBy: 'admin', remoteAddress: '', userAgent: 'x'.repeat(10_000) })
    const kept = ledger.get('a')
    expect(kept?.audiences.join().length).toBeLessThan(2100)
    expect(kept?.audiences.at(-1)).toMatch(/^… and 9\d\d more$/)
    expect(kept?.userAgent.length).toBe(256)
  })

  test('removes from a shared store what is over or forgotten, and nothing else', async () => {
    const removed: string[] = []
    const storage = Object.assign(new Memory(), {
      rewrite: undefined,
      remove: async (records: readonly LedgerRecord[]) => {
        for (const record of records) removed.push(record.type === 'entry' ? record.entry.jti : record.revocation.what)
      },
    })
    const ledger = await open(storage as LedgerStorage, { maxEntries: 2 })
    issue(ledger, 'forgotten')
    issue(ledger, 'over', { kind: 'None' }, 600)
    issue(ledger, 'kept', { kind: 'None' }, 100_000)
    await ledger.revokeToken('over')
    await ledger.flush()
    expect(removed).toEqual(['forgotten'])
    clock.ms += HOUR_MS
    await ledger.flush()
    expect(removed).toEqual(['forgotten', 'over', 'token'])
  })

  test('keeps notes that could not be written, and says so', async () => {
    const storage = new Memory()
    const failures: unknown[] = []
    const ledger = await open(storage, { failed: (error: unknown) => failures.push(error) })
    issue(ledger, 'a')
    storage.broken = true
    await ledger.flush()
    expect(failures.length).toBe(1)
    storage.broken = false
    await ledger.flush()
    expect(storage.records.length).toBe(1)
  })

  test('writes itself anew when most of what is kept is out of date', async () => {
    const storage = new Memory()
    const ledger = await open(storage)
    const token = issue(ledger, 'a', { kind: 'None' }, 30 * 86_400)
    for (let minute = 0; minute < 1100; minute++) {
      clock.ms += 60_000
      ledger.used(token)
      await ledger.flush()
    }
    expect(storage.rewrites).toBe(1)
    expect(storage.records.length).toBeLessThan(200)
  })
})

describe('a revocation', () => {
  test('of one token is durable before it is acknowledged, and kills no other', async () => {
    const storage = new Memory()
    const ledger = await open(storage)
    const [a, b] = [issue(ledger, 'a'), issue(ledger, 'b')]
    expect(await ledger.revokeToken('a')).toBe(true)
    expect(storage.durable).toBe(1)
    expect([ledger.revoked(a), ledger.revoked(b)]).toEqual([true, false])
    expect(ledger.get('a')?.revokedAtMs).toBe(START_MS)
    expect(await ledger.revokeToken('x')).toBe(false)
  })

  test.each<[string, Parameters<TokenLedger['revokeOwner']>[0], number, [boolean, boolean, boolean]]>([
    ['an account', { kind: 'Account', uid: 'sa-uid' }, 3, [true, true, true]],
    ['a pod', { kind: 'Pod', uid: 'pod-uid' }, 1, [false, true, false]],
    ['a node', { kind: 'Node', uid: 'node-uid' }, 1, [false, false, true]],
    ['somebody else', { kind: 'Account', uid: 'x' }, 0, [false, false, false]],
  ])('of all tokens of %s kills those issued so far', async (_, owner, count, dead) => {
    const ledger = await open(new Memory())
    const tokens = [issue(ledger, 'plain'), issue(ledger, 'pod', POD), issue(ledger, 'node', NODE)]
    expect(await ledger.revokeOwner(owner)).toBe(count)
    expect(tokens.map((token) => ledger.revoked(token))).toEqual(dead)
  })

  test('does not kill what is issued after it, even within the same second', async () => {
    const ledger = await open(new Memory())
    await ledger.revokeOwner({ kind: 'Account', uid: 'sa-uid' })
    const nowSeconds = Math.floor(clock.ms / 1000)
    const issueSeconds = ledger.earliestIssueSeconds([{ kind: 'Account', uid: 'sa-uid' }], nowSeconds)
    expect(issueSeconds).toBe(nowSeconds + 1)
    expect(ledger.revoked(issue(ledger, 'new', { kind: 'None' }, 3600, issueSeconds))).toBe(false)
    expect(ledger.revoked(issue(ledger, 'same second'))).toBe(true)
    clock.ms += 1000
    expect(ledger.earliestIssueSeconds([{ kind: 'Account', uid: 'sa-uid' }], nowSeconds + 1)).toBe(nowSeconds + 1)
  })

  test('that could not be kept is not acknowledged, and not in effect', async () => {
    const storage = new Memory()
    const ledger = await open(storage)
    const token = issue(ledger, 'a')
    storage.broken = true
    await expect(ledger.revokeToken('a')).rejects.toThrow('disk full')
    expect(ledger.revoked(token)).toBe(false)
  })

  test('that somebody else asks for at the same time is acknowledged to neither before it is durable', async () => {
    const storage = new Memory()
    const ledger = await open(storage)
    issue(ledger, 'a')
    const both = [ledger.revokeToken('a'), ledger.revokeToken('a').then(() => storage.durable)]
    expect(await Promise.all(both)).toEqual([true, 1])
    issue(ledger, 'b')
    storage.broken = true
    const refused = await Promise.allSettled([ledger.revokeToken('b'), ledger.revokeToken('b')])
    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  test('of an account counts for a token that was being signed meanwhile, and the ledger says so', async () => {
    const ledger = await open(new Memory())
    await ledger.revokeOwner({ kind: 'Account', uid: 'sa-uid' })
    expect(ledger.revoked(issue(ledger, 'late'))).toBe(true)
    expect(ledger.get('late')?.revokedAtMs).toBe(Math.floor(START_MS / 1000) * 1000)
  })

  test('of an account outlives every token of it, known or not', async () => {
    const ledger = await open(new Memory())
    const unknown = issue(await open(new Memory()), 'elsewhere', { kind: 'None' }, 2 ** 32)
    await ledger.revokeOwner({ kind: 'Account', uid: 'sa-uid' })
    clock.ms += 100 * 365 * 24 * HOUR_MS
    await ledger.flush()
    expect(ledger.revoked(unknown)).toBe(true)
  })

  test('goes when its tokens are over', async () => {
    const ledger = await open(new Memory())
    issue(ledger, 'a')
    await ledger.revokeToken('a')
    expect(ledger.revocations).toBe(1)
    clock.ms += HOUR_MS + 60_001
    await ledger.flush()
    expect(ledger.revocations).toBe(0)
  })
})

describe('in a file', () => {
  const dir = mkdtempSync(join(tmpdir(), 'podpass-ledger-'))
  afterAll(() => rmSync(dir, { recursive: true }))

  test('everything is there after a restart, but for a line that was cut off', async () => {
    const path = join(dir, 'ledger.jsonl')
    const file = new LedgerFile(path)
    const ledger = await open(file)
    const [a, b] = [issue(ledger, 'a', POD), issue(ledger, 'b')]
    ledger.used(a)
    await ledger.revokeToken('a')
    await ledger.revokeOwner({ kind: 'Node', uid: 'x' })
    await ledger.close()
    await file.close()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    appendFileSync(path, '{"type":"entry","ent')
    const again = await open(new LedgerFile(path))
    expect(again.get('a')).toEqual(ledger.get('a'))
    expect([again.revoked(a), again.revoked(b)]).toEqual([true, false])
    expect(again.revocations).toBe(2)
    expect(readFileSync(path, 'utf8').endsWith('\n')).toBe(true)
  })

  test('a disk that was full leaves no half line and no draft behind', async () => {
    const path = join(dir, 'full.jsonl')
    const ledger = await open(new LedgerFile(path))
    const token = issue(ledger, 'a')
    await ledger.flush()
    const handle = await openFile(path)
    const full = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, 'appendFile').mockImplementation(async function (
      this: FileHandle,
      data,
    ) {
      await this.write((data as Buffer).subarray(0, 20))
      throw new Error('no space left on device')
    })
    await handle.close()
    await expect(ledger.revokeToken('a')).rejects.toThrow('no space left')
    full.mockRestore()
    expect(ledger.revoked(token)).toBe(false)
    await ledger.revokeToken('a')
    await ledger.close()
    expect((await open(new LedgerFile(path))).revoked(token)).toBe(true)
    expect(readdirSync(dir).filter((name) => name.includes('draft'))).toEqual([])
  })

  test('a damaged line is named', async () => {
    const path = join(dir, 'damaged.jsonl')
    appendFileSync(path, '{"type":"other"}\n')
    await expect(open(new LedgerFile(path))).rejects.toThrow('damaged.jsonl:1 is no record of the ledger')
  })
})

describe('a second revocation in the same second', () => {
  test('kills what was issued in between, which carries a time to come', async () => {
    const ledger = await open(new Memory())
    const owner = { kind: 'Account' as const, uid: 'sa-uid' }
    for (let time = 0; time < 3; time++) {
      const token = issue(ledger, `j${time}`, undefined, 3600, ledger.earliestIssueSeconds([owner], Math.floor(clock.ms / 1000)))
      expect(ledger.revoked(token)).toBe(false)
      await ledger.revokeOwner(owner)
      expect(ledger.revoked(token)).toBe(true)
    }
  })

  test('never puts new tokens further ahead than clocks may differ', async () => {
    const ledger = await open(new Memory())
    const owner = { kind: 'Account' as const, uid: 'sa-uid' }
    for (let time = 0; time < 100; time++) await ledger.revokeOwner(owner)
    expect(ledger.earliestIssueSeconds([owner], Math.floor(clock.ms / 1000)) - clock.ms / 1000).toBeLessThan(60)
  })
})

describe('two servers on one store', () => {
  /** What one writes, all hear. */
  class Shared extends Memory {
    listeners: ((records: readonly LedgerRecord[]) => void)[] = []
    override async append(records: readonly LedgerRecord[], options: { durable: boolean }) {
      await super.append(records, options)
      for (const listener of this.listeners) listener(structuredClone(records))
    }
    follow(listener: (records: readonly LedgerRecord[]) => void) {
      this.listeners.push(listener)
    }
  }

  test('hear of each other: what was issued, used and revoked', async () => {
    const storage = new Shared()
    let died = 0
    const [one, other] = [await open(storage), await open(storage, { revokedSome: () => died++ })]
    const token = issue(one, 'j')
    await one.flush()
    expect(other.get('j')?.account).toBe('robot')
    other.used(token)
    await other.flush()
    expect(one.get('j')?.lastUsedAtMs).toBe(START_MS)
    await one.revokeToken('j')
    expect(other.revoked(token)).toBe(true)
    expect(other.get('j')?.revokedAtMs).toBe(START_MS)
    expect(died).toBe(1)
  })

  test('a note that is late takes no revocation back', async () => {
    const storage = new Shared()
    const [one, other] = [await open(storage), await open(storage)]
    const token = issue(one, 'j')
    await one.flush()
    other.used(token)
    await one.revokeToken('j')
    await other.flush()
    expect([one, other].map((ledger) => ledger.get('j')?.revokedAtMs)).toEqual([START_MS, START_MS])
    expect((await open(storage)).get('j')?.revokedAtMs).toBe(START_MS)
  })
})
