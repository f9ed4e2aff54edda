import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, expect, test } from 'vitest'
import { beginLooking, endLooking, lookForTokens, lookForTokensIn, tokensHandedOut, tokensIn } from './token-leaks.ts'

const part = (object: object) => Buffer.from(JSON.stringify(object)).toString('base64url')
const signature = 'c2lnbmF0dXJlLXdpdGgtc29tZS1sZW5ndGg'
const token = [part({ alg: 'RS256', kid: 'k'.repeat(43) }), part({ sub: 'system:serviceaccount:default:robot' }), signature].join('.')

const cases: [name: string, text: string, want: string[]][] = [
  ['a token in a log', `{"msg":"refused","token":"${token}"}`, ['a JWT']],
  ['a token in base64', Buffer.from(token).toString('base64'), ['a JWT in base64']],
  ['a bootstrap token', 'asked with 07401b.f395accd246ae52d for it', ['a bootstrap token']],
  ['nothing in names, hashes and dates', 'robot.default 2026-01-01T00:00:00Z sha256-47DEQpj8HBSa registry.k8s.io/x v1.36.2', []],
  ['nothing in the header of a token alone', token.split('.')[0] as string, []],
]
for (const [name, text, want] of cases) test(`tokensIn() finds ${name}`, () => expect(tokensIn(text)).toEqual(want))

test('tokensIn() finds the payload or the signature of a token that was handed out', () => {
  const [, payload = ''] = token.split('.')
  expect(tokensIn(`${payload} and ${signature}`)).toEqual([])
  tokensHandedOut(token)
  expect(tokensIn(`claims=${payload}`)).toEqual(['a part of a token'])
  expect(tokensIn(`"signature":"${signature}"`)).toEqual(['a part of a token'])
})

const folder = mkdtempSync(join(tmpdir(), 'podpass-leaks-'))
// The run that this is a test of looks as well, and is not to be disturbed.
const around = process.env['PODPASS_TEST_OUTPUTS']
afterAll(() => {
  if (around !== undefined) process.env['PODPASS_TEST_OUTPUTS'] = around
  rmSync(folder, { recursive: true, force: true })
})

test('a run tells where tokens lie, and never what they are', () => {
  beginLooking()
  lookForTokens('a log', 'nothing')
  lookForTokens('another log', token)
  const { outputs, bytes, leaks } = endLooking()
  expect([outputs, bytes, leaks]).toEqual([2, 7 + token.length, ['another log: a JWT, a part of a token']])
})

test('a token may lie in a kubeconfig, in what a test hands to a command, and in base64 in a store', () => {
  mkdirSync(join(folder, 'store'))
  const encoded = Buffer.from(token).toString('base64')
  for (const [name, text] of [
    ['admin.kubeconfig', token],
    ['kubeconfig', token],
    ['traced-token', token],
    ['store/store.sqlite-wal', encoded],
    ['store/issued-tokens', encoded],
  ] as const)
    writeFileSync(join(folder, name), text)
  beginLooking()
  lookForTokensIn(folder, 'server')
  expect(endLooking().leaks).toEqual(['server: store/issued-tokens: a JWT in base64'])
})
