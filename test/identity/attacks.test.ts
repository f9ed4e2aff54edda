/**
 * The corpus of forged and damaged tokens over HTTP: 401 and nothing more for the caller, the reason in the operator's log, the token nowhere.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { attacks } from '../../src/token/testdata/attacks.ts'
import { type Running, startServe } from '../podpass.ts'
import { type AccountServer, accountServer, secretParts } from './account-server.ts'

const ISSUER = 'https://kubernetes.default.svc'
const UNAUTHORIZED = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'Unauthorized',
  reason: 'Unauthorized',
  code: 401,
}
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey
const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const pem = (key: KeyObject) => key.export({ format: 'pem', type: 'sec1' }).toString()

let folder: string
let serve: Running
let server: AccountServer
const curves = { p256: ec('P-256'), p384: ec('P-384') }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podpass-attacks-'))
  writeFileSync(join(folder, 'ec.pem'), Object.values(curves).map(pem).join(''))
  serve = await startServe('embedded', [`--service-account-key-file=${join(folder, 'ec.pem')}`])
  server = accountServer(serve.file('admin.kubeconfig'))
  await server.admin.call({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: 'ns' } } })
  await server.createAccount('ns', 'robot')
})
afterAll(async () => {
  server?.close()
  await serve?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('an honest token of the attacked account is accepted', async () => {
  expect(await server.statusOf(await server.tokenOf('ns', 'robot'))).toBe(200)
})

test('every attack is 401 with Unauthorized and nothing more, and no log or metric repeats any of it', async () => {
  const signing = createPrivateKey(readFileSync(serve.file('sa.key'), 'utf8'))
  const nowSeconds = Math.floor(Date.now() / 1000)
  const world = { issuer: ISSUER, nowSeconds, ours: { rsa: signing, ...curves }, theirs: { rsa: rsa(), p256: ec('P-256') } }
  // What no HTTP client can put into a header never reaches the server.
  const corpus = attacks(world).filter(({ token }) => /^[\x21-\x7e]+$/.test(token) && token.length < 12_000)
  expect(corpus.length).toBeGreaterThanOrEqual(300)
  const wrong: string[] = []
  for (const { name, token } of corpus) {
    const { status, body } = await server.answerTo(token)
    if (status !== 401 || JSON.stringify(JSON.parse(body)) !== JSON.stringify(UNAUTHORIZED)) wrong.push(`${name}: ${status}`)
  }
  expect(wrong).toEqual([])
  const metrics = String((await server.admin.request({ method: 'GET', path: '/metrics' })).body)
  const said = serve.log() + metrics
  expect(said.match(/request not authenticated/g)?.length).toBe(corpus.length)
  expect(secretParts(corpus.map(({ token }) => token)).filter((part) => said.includes(part))).toEqual([])
})
