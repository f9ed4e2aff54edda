import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { tokenClaims } from './claims.ts'
import { ExternalSigner, type ExternalSignerOptions } from './external-signer.ts'
import { ReferenceSigner } from './testdata/reference-signer.ts'
import { TokenVerifier } from './verify.ts'

const ISSUER = 'https://kubernetes.default.svc'
const NOW_MS = 1_750_000_000_000
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const dir = mkdtempSync(join(tmpdir(), 'podpass-signer-'))
afterAll(() => rmSync(dir, { recursive: true }))

const timers: { delayMs: number; callback: () => void }[] = []
const clock = {
  ms: NOW_MS,
  nowMs: () => clock.ms,
  after: (delayMs: number, callback: () => void) => {
    timers.push({ delayMs, callback })
    return () => {}
  },
}

const open: { close(): void }[] = []
let sockets = 0
afterEach(() => {
  for (const one of open.splice(0)) one.close()
  timers.length = 0
  clock.ms = NOW_MS
})

async function signers(change: (reference: ReferenceSigner) => void = () => {}, more: Partial<ExternalSignerOptions> = {}) {
  const reference = new ReferenceSigner([{ kid: 'first', privateKey: newKey() }])
  change(reference)
  const path = join(dir, `${sockets++}.sock`)
  await reference.listen(path)
  open.push(reference)
  const signer = await ExternalSigner.open({ endpoint: path, clock, ...more })
  open.push(signer)
  return { reference, signer }
}

const claims = tokenClaims({
  issuer: ISSUER,
  account: { namespace: 'n', name: 'a', uid: 'u' },
  binding: { kind: 'None' },
  audiences: [ISSUER],
  expirationSeconds: 600,
  nowSeconds: NOW_MS / 1000,
  jti: 'j',
})

test('a token is signed elsewhere and verified here, under the name that the signer gave the key', async () => {
  const calls: string[] = []
  const { signer } = await signers(undefined, { observed: ({ method, code }) => calls.push(`${method} ${code}`) })
  const token = await signer.sign(claims)
  const verifier = new TokenVerifier({ keys: signer, issuers: [ISSUER], apiAudiences: [ISSUER] })
  expect(verifier.verifyToken(token, { nowMs: NOW_MS }).ok).toBe(true)
  expect(JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString())).toEqual({ alg: 'ES256', kid: 'first', typ: 'JWT' })
  expect(signer.all()[0]!.jwk.kid).toBe('first')
  expect(signer).toMatchObject({ maxExpirationSeconds: 86_400, maxExtendedExpirationSeconds: 86_400, maxAgeSeconds: 60 })
  expect(calls).toEqual(['FetchKeys OK', 'Metadata OK', 'Sign OK'])
})

describe('new keys', () => {
  test('are fetched when the signer said so', async () => {
    const { reference, signer } = await signers()
    const before = signer.generation
    reference.keys.push({ kid: 'second', privateKey: newKey() })
    expect(timers[0]!.delayMs).toBe(60_000)
    clock.ms += 60_000
    timers[0]!.callback()
    await signer.refresh()
    expect(signer.all().map(({ kid }) => kid)).toEqual(['first', 'second'])
    expect(signer.generation).toBe(before + 1)
  })

  test('are fetched at once for an unknown name, once for all who ask, and not again within a second', async () => {
    const { reference, signer } = await signers()
    clock.ms += 1000
    reference.keys.push({ kid: 'second', privateKey: newKey() })
    await Promise.all([signer.refresh(), signer.refresh(), signer.refresh()])
    expect(reference.fetches).toBe(2)
    expect(signer.refresh()).toBeUndefined()
    expect(signer.byKid('second').length).toBe(1)
  })

  test('under an old name are new all the same: what the key before them signed is refused', async () => {
    const { reference, signer } = await signers()
    const verifier = new TokenVerifier({ keys: signer, issuers: [ISSUER], apiAudiences: [ISSUER] })
    const token = await signer.sign(claims)
    expect(verifier.verifyToken(token, { nowMs: NOW_MS }).ok).toBe(true)
    reference.keys = [{ kid: 'first', privateKey: newKey() }]
    clock.ms += 1000
    await signer.refresh()
    expect(verifier.verifyToken(token, { nowMs: NOW_MS }).ok).toBe(false)
  })

  test('that cannot be had leave the old ones in use, and are asked for again soon', async () => {
    const failures: unknown[] = []
    const { reference, signer } = await signers(undefined, { failed: (error) => failures.push(error) })
    reference.refuses = 'out of order'
    clock.ms += 60_000
    timers[0]!.callback()
    await expect.poll(() => timers.length).toBe(2)
    expect(timers[1]!.delayMs).toBe(10_000)
    expect(signer.all().length).toBe(1)
    expect(String(failures[0])).toContain(
      'while getting externally supported jwt signing keys: rpc error: code = Internal desc = out of order',
    )
  })
})

test.each<[string, (reference: ReferenceSigner) => void]>([
  [
    'found invalid refresh hint (0s)',
    (reference) => {
      reference.refreshHintSeconds = 0
    },
  ],
  [
    'found no keys',
    (reference) => {
      reference.keys = []
    },
  ],
  [
    'found invalid public key id ""',
    (reference) => {
      reference.keys[0]!.kid = ''
    },
  ],
  [
    'max token life supported by external-jwt-signer (599s) is less than acceptable (min 600s)',
    (reference) => {
      reference.maxExpirationSeconds = 599
    },
  ],
  [
    'rpc error: code = Internal desc = no',
    (reference) => {
      reference.refuses = 'no'
    },
  ],
])('does not start: %s', async (why, change) => {
  await expect(signers(change)).rejects.toThrow(
    `while setting up external-jwt-signer: ${why.startsWith('rpc') ? 'while getting externally supported jwt signing keys: ' : ''}${why}`,
  )
})

test.each<[string, (reference: ReferenceSigner) => void]>([
  [
    'while validating header: bad type',
    (reference) => {
      reference.header = { alg: 'ES256', kid: 'first' }
    },
  ],
  [
    'while validating header: key id missing',
    (reference) => {
      reference.header = { alg: 'ES256', typ: 'JWT' }
    },
  ],
  [
    'while validating header: key id longer than 1 kb',
    (reference) => {
      reference.header = { alg: 'ES256', typ: 'JWT', kid: 'k'.repeat(1025) }
    },
  ],
  [
    'while validating header: bad signing algorithm "none"',
    (reference) => {
      reference.header = { alg: 'none', typ: 'JWT', kid: 'first' }
    },
  ],
  [
    'while validating header: while parsing header JSON: json: unknown field "jku"',
    (reference) => {
      reference.header = { alg: 'ES256', typ: 'JWT', kid: 'first', jku: 'x' }
    },
  ],
  [
    'while validating header: key used for signing JWT (kid: first) is excluded from OIDC discovery docs',
    (reference) => {
      reference.keys[0]!.excluded = true
    },
  ],
  [
    'empty signature returned',
    (reference) => {
      reference.signature = ''
    },
  ],
])('refuses what a signer must not say: %s', async (why, change) => {
  const { signer } = await signers(change)
  await expect(signer.sign(claims)).rejects.toThrow(why)
})

test('a signer that fails is named as the cause', async () => {
  const { reference, signer } = await signers()
  reference.refuses = 'no ink'
  await expect(signer.sign(claims)).rejects.toThrow('while signing jwt: rpc error: code = Internal desc = no ink')
})
