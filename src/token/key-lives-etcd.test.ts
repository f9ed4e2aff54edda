import { generateKeyPairSync } from 'node:crypto'
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { type EtcdBackedStore, openEtcdStore } from '../storage/etcd/etcd-store.ts'
import { type EtcdProcess, etcdMissing, startEtcd } from '../storage/etcd/testdata/etcd-process.ts'
import { KeyFolder } from './key-folder.ts'
import { etcdKeyLives } from './key-lives-etcd.ts'

const missing = etcdMissing()
if (missing !== undefined) console.warn(`SKIPPED, lives of keys in etcd: ${missing}`)

const START_MS = 1_750_000_000_000
const HOUR_MS = 3_600_000
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()

describe.skipIf(missing !== undefined)('folders of keys that share their lives in etcd', () => {
  const root = mkdtempSync(join(tmpdir(), 'podpass-shared-keys-'))
  let etcd: EtcdProcess
  let stores: EtcdBackedStore[] = []
  let prefix = ''
  beforeAll(async () => {
    etcd = await startEtcd()
  })
  afterAll(async () => {
    await etcd.dispose()
    rmSync(root, { recursive: true, force: true })
  })

  /** A clock that runs its deadlines when it is turned. */
  const clock = {
    ms: START_MS,
    waiting: new Set<{ atMs: number; callback: () => void }>(),
    nowMs: () => clock.ms,
    after(delayMs: number, callback: () => void) {
      const timer = { atMs: clock.ms + delayMs, callback }
      clock.waiting.add(timer)
      return () => void clock.waiting.delete(timer)
    },
    turn(byMs: number) {
      clock.ms += byMs
      for (const timer of [...clock.waiting].filter(({ atMs }) => atMs <= clock.ms)) {
        clock.waiting.delete(timer)
        timer.callback()
      }
    },
  }
  let said: { text: string; fields: object }[] = []
  const say = (fields: object, text: string) => said.push({ text, fields })

  const open = async (name: string, firstKey: string) => {
    const store = await openEtcdStore({ servers: [etcd.url], prefix, clock: systemClock })
    stores.push(store)
    const dir = join(root, prefix, name)
    const log = { info: say, warn: say, error: say }
    const sharedLives = etcdKeyLives(store, prefix)
    let ended = 0
    const folder = await KeyFolder.open(dir, { clock, firstKey, sharedLives, log, endedElsewhere: () => ended++ })
    return {
      dir,
      folder,
      ended: () => ended,
      kids: () => folder.ring.all().map(({ kid }) => kid),
      states: () => folder.ring.list().map(({ state }) => state),
    }
  }
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  let prefixes = 0
  const fresh = () => {
    prefix = `/registry-${prefixes++}`
    clock.ms = START_MS
    clock.waiting.clear()
    said = []
    stores = []
  }
  const closeAll = async (...folders: { folder: KeyFolder }[]) => {
    for (const { folder } of folders) await folder.close()
    for (const store of stores) await store.close()
  }

  test('publish what one of them rotates to, and sign with it from the same moment', async () => {
    fresh()
    const firstKey = newKey()
    const one = await open('same', firstKey)
    const other = await open('same', firstKey)
    const kid = await one.folder.rotate('ES256', 3600)
    await until(() => other.folder.ring.list().some((key) => key.kid === kid && key.isHere))
    expect(other.kids()).toEqual(one.kids())
    const { activeAtMs = 0 } = one.folder.ring.lives[1] ?? {}
    // A minute beyond what relying parties may keep: the other has to hear of it, and clocks differ.
    expect(activeAtMs).toBe(START_MS + HOUR_MS + 60_000)
    clock.turn(activeAtMs - START_MS - 1)
    expect([one.folder.ring.active().kid, other.folder.ring.active().kid]).not.toContain(kid)
    clock.turn(1)
    expect([one.folder.ring.active().kid, other.folder.ring.active().kid]).toEqual([kid, kid])
    expect(said).toEqual([])
    await closeAll(one, other)
  })

  test('verify by the published key and say so where the key itself does not come, and sign with it once it does', async () => {
    fresh()
    const firstKey = newKey()
    const one = await open('one', firstKey)
    const other = await open('other', firstKey)
    const first = one.folder.ring.active().kid
    const kid = await one.folder.rotate('ES256', 3600)
    await until(() => said.length > 0)
    expect(said).toEqual([
      {
        text: 'the private part of the next signing key is not here: bring it before the key signs',
        fields: { kid, file: join(other.dir, `${kid}.key`), signsFrom: '2025-06-15T16:07:40Z' },
      },
    ])
    expect(other.kids()).toEqual([first, kid])
    clock.turn(HOUR_MS + 60_000)
    await until(() => said.length > 1)
    expect(said[1]).toMatchObject({
      text: 'the private part of the active signing key is not here: the key before it goes on signing',
      fields: { instead: first },
    })
    expect([one.folder.ring.active().kid, other.folder.ring.active().kid]).toEqual([kid, first])
    copyFileSync(join(one.dir, `${kid}.key`), join(other.dir, `${kid}.key`))
    clock.turn(10_000)
    await until(() => said.length > 2)
    expect(said[2]).toEqual({ text: 'the private part of a signing key has come', fields: { kid } })
    expect(other.folder.ring.active().kid).toBe(kid)
    expect(clock.waiting.size).toBe(0)
    await closeAll(one, other)
  })

  test('are told of a prepared key, which only one that has it makes take over', async () => {
    fresh()
    const firstKey = newKey()
    const one = await open('one', firstKey)
    const other = await open('other', firstKey)
    const before = one.kids()
    const kid = await one.folder.prepare('ES256')
    await until(() => said.length > 0)
    expect(said[0]).toEqual({
      text: 'the private part of the next signing key is not here: bring it before the key signs',
      fields: { kid, file: join(other.dir, `${kid}.key`) },
    })
    expect([one.kids(), other.kids()]).toEqual([before, before])
    expect(other.states()).toEqual(['active', 'prepared'])
    await expect(other.folder.takeOver(kid)).rejects.toThrow(`the private part of key ${kid} is not on this server`)
    copyFileSync(join(one.dir, `${kid}.key`), join(other.dir, `${kid}.key`))
    await other.folder.takeOver(kid)
    await until(() => one.kids().includes(kid))
    expect(other.kids()).toEqual(one.kids())
    await closeAll(one, other)
  })

  test('sign nothing at all where no key in use is', async () => {
    fresh()
    const one = await open('one', newKey())
    const other = await open('other', newKey())
    expect(other.kids()).toEqual(one.kids())
    expect(() => other.folder.ring.active()).toThrow('the private part of no signing key that is in use is on this server')
    expect(said[0]?.text).toBe('the private part of no signing key in use is here: no token can be issued')
    await closeAll(one, other)
  })

  test('of rotations at the same time know all', async () => {
    fresh()
    const firstKey = newKey()
    const folders = await Promise.all(['a', 'b', 'c'].map((name) => open(name, firstKey)))
    const kids = await Promise.all(folders.map(({ folder }) => folder.rotate('ES256', 3600)))
    await until(() => folders.every(({ kids: known }) => kids.every((kid) => known().includes(kid))))
    const [lives] = folders.map(({ folder }) => JSON.stringify(folder.ring.lives))
    for (const { folder } of folders) expect(JSON.stringify(folder.ring.lives)).toBe(lives)
    await closeAll(...folders)
  })

  test('refuse what one of them has retired, remove its private part, and never give it time back', async () => {
    fresh()
    const firstKey = newKey()
    const one = await open('one', firstKey)
    const other = await open('other', firstKey)
    const second = await other.folder.rotate('ES256', 3600)
    await until(() => one.kids().includes(second))
    await one.folder.retire(second)
    await until(() => other.states()[1] === 'retired')
    expect(other.ended()).toBe(1)
    await until(() => !readdirSync(other.dir).includes(`${second}.key`))
    await closeAll(one, other)
  })

  test('are found again with the lives that a server had alone', async () => {
    fresh()
    const firstKey = newKey()
    const dir = join(root, prefix, 'grown')
    const alone = await KeyFolder.open(dir, { clock, firstKey })
    const second = await alone.rotate('ES256', 3600)
    await alone.close()
    const grown = await open('grown', firstKey)
    expect(grown.kids()).toHaveLength(2)
    const other = await open('other', firstKey)
    expect(other.kids()).toEqual(grown.kids())
    clock.turn(HOUR_MS)
    expect(grown.folder.ring.active().kid).toBe(second)
    await closeAll(grown, other)
  })
})
