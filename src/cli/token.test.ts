import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tokenClaims } from '../token/claims.ts'
import { localSigner } from '../token/issuer.ts'
import { signingKey, verificationKey } from '../token/keys.ts'
import type { Terminal } from './command.ts'
import { main } from './dispatch.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const published = verificationKey(createPublicKey(privateKey))
const NOW_SECONDS = Math.floor(Date.now() / 1000)
let folder: string
let token: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podpass-token-'))
  token = await localSigner(() => signingKey(privateKey)).sign(
    tokenClaims({
      issuer: 'https://kubernetes.default.svc',
      account: { namespace: 'default', name: 'test-sa', uid: 'sa-uid' },
      binding: { kind: 'Pod', pod: { name: 'test-pod', uid: 'pod-uid' }, node: { name: 'node-001', uid: 'node-uid' } },
      audiences: ['https://kubernetes.default.svc'],
      expirationSeconds: 3600,
      nowSeconds: NOW_SECONDS,
      jti: 'the-jti',
    }),
  )
  writeFileSync(join(folder, 'token'), `${token}\n`)
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [published.jwk] }))
  writeFileSync(join(folder, 'other.json'), JSON.stringify({ keys: [] }))
  writeFileSync(join(folder, 'key.pem'), createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }))
})
afterAll(() => rmSync(folder, { recursive: true }))

async function run(argv: readonly string[], input = '') {
  let out = ''
  let err = ''
  const terminal: Terminal = {
    out: (more) => (out += more),
    err: (more) => (err += more),
    isInteractive: false,
    env: {},
    cwd: folder,
    input: async () => input,
    stopped: new AbortController().signal,
  }
  const ran = { code: await main(['token', ...argv], terminal), out, err }
  // Whatever happens, no part of the token comes out.
  for (const part of token.split('.')) expect(ran.out + ran.err).not.toContain(part)
  return ran
}

describe('podpass token explain', () => {
  test('S10: a pod claim binds, a node claim beside it only informs', async () => {
    const { code, out } = await run(['explain'], token)
    expect(code).toBe(0)
    expect(out).toMatch(/pod +bound to the pod: test-pod, uid pod-uid\n/)
    expect(out).toMatch(/node +where the pod runs; only for information: node-001, uid node-uid\n/)
    expect(out).toMatch(/Offline verifiers: alive until /)
  })

  test.each([
    ['stdin', ['explain'], () => token],
    ['stdin by its sign', ['explain', '-'], () => `Authorization: Bearer ${token}\n`],
    ['a file', ['explain', '--file', 'token'], () => ''],
  ])('reads %s', async (_, argv, input) => {
    expect((await run(argv, input())).out).toMatch(/^A service account token of system:serviceaccount:default:test-sa, /)
  })
  test('reads an argument', async () => expect((await run(['explain', token])).out).toMatch(/^A service account token of /))

  test.each([
    ['a JWKS', 'jwks.json', 'Signature: good.'],
    ['PEM', 'key.pem', 'Signature: good.'],
    ['a JWKS without it', 'other.json', 'Signature: by a key that is not among those published.'],
  ])('checks the signature by %s, offline', async (_, keys, said) => {
    expect((await run(['explain', '--keys', keys], token)).out).toContain(said)
  })

  test('says which audience a refused call wanted, and answers in JSON', async () => {
    const { out } = await run(['explain', '--audience', 'vault', '-o', 'json'], token)
    expect(JSON.parse(out)).toMatchObject({
      kind: 'bound',
      findings: [expect.stringMatching(/^Audience: the call wanted vault; the token is meant for https/)],
    })
  })

  test.each([
    [['x'], 'podpass token explain [TOKEN] is what there is'],
    [['explain'], 'there is no token: give it on stdin, by --file or as an argument'],
    [['explain', 'a', '--file', 'b'], 'the token comes from --file or as an argument, not both'],
    [['explain', '--context', 'a'], '--kubeconfig and --context need --online: without it no server is asked'],
    [['explain', 'a.b.c', '--keys', 'token'], '--keys=token: '],
  ])('%j is refused', async (argv, message) => {
    const { code, err } = await run(argv)
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(`podpass: ${message}`) })
  })

  test.each([['--file'], ['a.b.c', '--keys']])('a token that was given to %s is not repeated', async (...words) => {
    const { code, err } = await run(['explain', ...words, token])
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('a file is wanted, and that is a token') })
  })

  test('the signature of a token that is over is good all the same', async () => {
    const over = await localSigner(() => signingKey(privateKey)).sign(
      tokenClaims({
        issuer: 'i',
        account: { namespace: 'default', name: 'a', uid: 'u' },
        binding: { kind: 'None' },
        audiences: ['i'],
        expirationSeconds: 600,
        nowSeconds: NOW_SECONDS - 7200,
        jti: 'j',
      }),
    )
    expect((await run(['explain', '--keys', 'jwks.json'], over)).out).toMatch(/dead since .*Signature: good\.\n/s)
  })

  test('what is no token is said to be none', async () => {
    expect(await run(['explain', 'garbage', '--keys', 'jwks.json'])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^This is no token: /),
    })
  })
})
