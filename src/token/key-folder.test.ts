import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { tokenClaims } from './claims.ts'
import { KeyFolder } from './key-folder.ts'

const START_MS = 1_750_000_000_000
const clock = { ms: START_MS, nowMs: () => clock.ms, after: () => () => {} }
const firstKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
const root = mkdtempSync(join(tmpdir(), 'podpass-keys-'))
let folders = 0
const newFolder = () => join(root, String(folders++))
afterAll(() => rmSync(root, { recursive: true }))

const claims = tokenClaims({
  issuer: 'https://kubernetes.default.svc',
  account: { namespace: 'n', name: 'a', uid: 'u' },
  binding: { kind: 'None' },
  audiences: [],
  expirationSeconds: 3600,
  nowSeconds: START_MS / 1000,
  jti: 'j',
})

describe('a folder of keys', () => {
  test('begins with the key that it was given, and finds everything again', async () => {
    clock.ms = START_MS
    const dir = newFolder()
    const folder = await KeyFolder.open(dir, { clock, firstKey })
    const first = folder.ring.active().kid
    const second = await folder.rotate('ES256', 3600)
    expect(folder.ring.active().kid).toBe(first)
    expect(
      folder.ring
        .all()
        .map(({ kid }) => kid)
        .sort(),
    ).toEqual([first, second].sort())
    await folder.close()
    clock.ms += 3_600_000
    const again = await KeyFolder.open(dir, { clock, firstKey })
    expect(again.ring.active().kid).toBe(second)
    expect(again.ring.list().map(({ state }) => state)).toEqual(['published', 'active'])
    clock.ms += 2 * 3_600_000
    expect(again.ring.all().map(({ kid }) => kid)).toEqual([second])
  })

  test('shows its files to nobody else', async () => {
    const dir = newFolder()
    const folder = await KeyFolder.open(dir, { clock, firstKey })
    await folder.rotate('ES256')
    for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600)
    expect(statSync(dir).mode & 0o777).toBe(0o700)
  })

  test('drops the private part of a key that is retired', async () => {
    const dir = newFolder()
    clock.ms = START_MS
    const folder = await KeyFolder.open(dir, { clock, firstKey })
    const second = await folder.rotate('ES256')
    clock.ms += 3_600_000
    const third = await folder.rotate('ES256')
    clock.ms += 3_600_000
    await folder.retire(second)
    expect(readdirSync(dir).filter((name) => name.endsWith('.key'))).toEqual([`${third}.key`])
    const again = await KeyFolder.open(dir, { clock, firstKey })
    expect(again.ring.byKid(second)).toEqual([])
    expect(again.ring.active().kid).toBe(third)
  })

  test('keeps what was noted of long tokens', async () => {
    const dir = newFolder()
    clock.ms = START_MS
    const folder = await KeyFolder.open(dir, { clock, firstKey })
    await folder.sign({ ...claims, exp: START_MS / 1000 + 100 * 86_400 })
    await folder.close()
    const again = await KeyFolder.open(dir, { clock, firstKey })
    expect(again.ring.list()[0]!.life.lastExpiryMs).toBeGreaterThan(START_MS + 100 * 86_400_000)
  })

  test('says which file is damaged', async () => {
    const dir = newFolder()
    await KeyFolder.open(dir, { clock, firstKey })
    writeFileSync(join(dir, 'lives.json'), '{"keys":[{}]}')
    await expect(KeyFolder.open(dir, { clock, firstKey })).rejects.toThrow('lives.json holds a key without kid or times')
  })

  test('makes no key whose kid a command would take for a flag', async () => {
    const folder = await KeyFolder.open(newFolder(), { clock, firstKey })
    // One in 64 would be.
    for (let i = 0; i < 300; i++) expect(await folder.prepare('ES256')).not.toMatch(/^-/)
    await folder.close()
  })
})
