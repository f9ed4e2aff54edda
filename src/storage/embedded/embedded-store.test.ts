import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { build } from 'esbuild'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describeStore, done, manualClock, until } from '../store.conformance.ts'
import { CompactedError, type RangePage, type StoreEvent, StoreUnavailableError } from '../store.ts'
import { openEmbeddedStore } from './embedded-store.ts'
import { CRASH_CHILD, startCrashChild } from './testdata/crash-run.ts'

describeStore('the embedded store', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'podpass-store-'))
  const clock = manualClock()
  const store = await openEmbeddedStore({ dir, clock })
  return {
    store,
    passSeconds: async (seconds) => clock.advance(seconds * 1000),
    dispose: async () => {
      await store.close()
      rmSync(dir, { recursive: true })
    },
  }
})

describe('a folder of the embedded store', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'podpass-store-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  const clock = manualClock()
  const open = (options: { historyLimit?: number } = {}) => openEmbeddedStore({ dir, clock, ...options })
  const file = () => join(dir, 'store.sqlite')
  const x = Buffer.from('x')
  /** How many records the file of a closed store holds. */
  const records = () => {
    const database = new DatabaseSync(file())
    const { count } = database.prepare('SELECT count(*) AS count FROM log').get()!
    database.close()
    return count
  }

  test('is for its owner only', async () => {
    const store = await open()
    done(await store.create('/registry/secrets/a/b', x))
    for (const name of readdirSync(dir)) expect([name, (statSync(join(dir, name)).mode & 0o777).toString(8)]).toEqual([name, '600'])
    await store.close()
  })

  test('keeps everything over a restart: values, revisions, history, expiry', async () => {
    let store = await open()
    const created = done(await store.create('/registry/a/x', Buffer.from('one')))
    const updated = done(await store.update('/registry/a/x', Buffer.from('two'), created))
    const gone = done(await store.create('/registry/a/gone', x))
    const deleted = done(await store.delete('/registry/a/gone', gone))
    done(await store.create('/registry/events/e', x, { ttlSeconds: 60 }))
    const before = await store.range('/registry/')
    await store.close()
    store = await open()
    expect(store.revision).toBe(before.revision)
    expect(texts(await store.range('/registry/'))).toEqual(texts(before))
    expect(texts(await store.range('/registry/a/', { revision: created }))).toEqual(['/registry/a/x=one'])
    expect(texts(await store.range('/registry/a/', { revision: deleted }))).toEqual(['/registry/a/x=two'])
    const heard: StoreEvent[] = []
    await store.listen(created, { events: (events) => heard.push(...events), reset: () => {} }, new AbortController().signal)
    expect(heard.slice(0, 3).map(({ type, revision }) => [type, revision])).toEqual([
      ['put', updated],
      ['put', gone],
      ['delete', deleted],
    ])
    expect(done(await store.create('/registry/a/next', x))).toBeGreaterThan(before.revision)
    clock.advance(60_000)
    await until(() => heard.at(-1)?.key === '/registry/events/e' && heard.at(-1)?.type === 'delete')
    await store.close()
  })

  test('gives no revision twice, even when the newest records were compacted away', async () => {
    let store = await open()
    const created = done(await store.create('/registry/a/x', x))
    const deleted = done(await store.delete('/registry/a/x', created))
    await store.compact(deleted)
    await store.close()
    expect(records()).toBe(0)
    store = await open()
    expect(store.revision).toBe(deleted)
    await expect(store.range('/registry/', { revision: created })).rejects.toBeInstanceOf(CompactedError)
    expect(done(await store.create('/registry/a/x', x))).toBeGreaterThan(deleted)
    await store.close()
  })

  test('finishes a compaction that was cut short', async () => {
    let store = await open()
    let revision = done(await store.create('/registry/a/x', x))
    for (let n = 0; n < 9; n++) revision = done(await store.update('/registry/a/x', x, revision))
    await store.close()
    const database = new DatabaseSync(file())
    database.exec(`UPDATE meta SET value = ${revision - 1} WHERE name = 'compacted'`)
    database.close()
    store = await open()
    await store.sizeBytes()
    await store.close()
    expect(records()).toBe(2)
  })

  test('forgets the oldest history beyond its limit, and the records with it', async () => {
    const store = await open({ historyLimit: 100 })
    const first = done(await store.create('/registry/a/x', x))
    let revision = first
    for (let n = 0; n < 300; n++) revision = done(await store.update('/registry/a/x', x, revision))
    await expect(store.range('/registry/', { revision: first })).rejects.toBeInstanceOf(CompactedError)
    expect(texts(await store.range('/registry/', { revision: revision - 50 }))).toEqual(['/registry/a/x=x'])
    await store.close()
    expect(records()).toBeLessThan(105)
  })

  test('is refused while another process has it, and free again when that one is killed', async () => {
    const child = startCrashChild({ dir, first: 0, writers: 1 })
    await child.lines(1)
    await expect(open()).rejects.toThrow(`the store in ${dir} is in use by another process; stop that one, or choose another --data-dir`)
    await expect(open()).rejects.toBeInstanceOf(StoreUnavailableError)
    await child.kill()
    await (await open()).close()
  })

  test('is refused to a second store of the same process', async () => {
    const store = await open()
    await expect(open()).rejects.toThrow('in use')
    done(await store.create('/registry/a/x', x))
    await store.close()
  })

  describe('damaged', () => {
    beforeEach(async () => {
      const store = await open()
      await Promise.all(Array.from({ length: 500 }, (_, n) => store.create(`/registry/a/${n}`, Buffer.alloc(600, 'x'))))
      await store.close()
    })

    test.each([
      ['at its beginning', (bytes: Buffer) => bytes.fill('garbage', 0, 100)],
      ['in its schema', (bytes: Buffer) => bytes.fill(0xff, 100, 4096)],
      ['in its middle', (bytes: Buffer) => bytes.fill(0xff, 20 * 4096, 60 * 4096)],
      ['by being cut short', (bytes: Buffer) => bytes.subarray(0, 30 * 4096)],
    ])('%s: the error says so, and what to do', async (_, damage) => {
      writeFileSync(file(), damage(readFileSync(file())))
      const opening = open()
      await expect(opening).rejects.toBeInstanceOf(StoreUnavailableError)
      await expect(opening).rejects.toThrow(/the store file .*store\.sqlite is damaged \(.+\); restore it from a backup/)
    })
  })

  test('written by a newer podpass is left alone', async () => {
    await (await open()).close()
    const database = new DatabaseSync(file())
    database.exec('PRAGMA user_version = 9')
    database.close()
    await expect(open()).rejects.toThrow('was written by a newer podpass: its layout is version 9, this podpass knows version 1')
  })

  test('that cannot be made because a file is in the way is a clear error', async () => {
    writeFileSync(join(dir, 'file'), '')
    await expect(openEmbeddedStore({ dir: join(dir, 'file', 'data'), clock })).rejects.toThrow('a file is in the way')
  })

  test('that is read-only is a clear error', async () => {
    chmodSync(dir, 0o555)
    // Nobody's rights count for root.
    const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
    const { stderr } = spawnSync(process.execPath, [CRASH_CHILD, dir, '0', '1'], { ...user, encoding: 'utf8' })
    expect(stderr).toContain(`StoreUnavailableError: the store in ${dir} is read-only (EACCES); the folder must be writable`)
    chmodSync(dir, 0o755)
  })

  test('works from one bundled file, minified and lowered', async () => {
    const contents = `
      import { openEmbeddedStore } from ${JSON.stringify(join(import.meta.dirname, 'embedded-store.ts'))}
      openEmbeddedStore({ dir: process.argv[2], clock: { nowMs: () => 0, after: () => () => {} } }).then(async (store) => {
        console.log(JSON.stringify(await store.create('/registry/a/x', Buffer.from('x'))))
        await store.close()
      })`
    const outfile = join(dir, 'bundle.cjs')
    await build({
      stdin: { contents, resolveDir: dir },
      bundle: true,
      minify: true,
      target: 'node14.21',
      platform: 'node',
      format: 'cjs',
      outfile,
    })
    const { stdout, stderr } = spawnSync(process.execPath, [outfile, join(dir, 'data')], { encoding: 'utf8' })
    expect([stdout, stderr]).toEqual(['{"ok":true,"revision":2}\n', ''])
  })

  test('is closed by its signal', async () => {
    const ended = new AbortController()
    const store = await openEmbeddedStore({ dir, clock, signal: ended.signal })
    ended.abort()
    await expect(store.get('/registry/a/x')).rejects.toThrow('the store is closed')
    await store.close()
    await (await open()).close()
  })
})

function texts({ values }: RangePage): string[] {
  return values.map(({ key, value }) => `${key}=${Buffer.from(value)}`)
}
