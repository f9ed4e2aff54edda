import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadAuthenticationFile } from './authentication-file.ts'
import { loadAuthorizationFile } from './authorization-file.ts'

/** What kube-apiserver 1.36.2 says of a file that it does not take. */
interface Broken {
  name: string
  text: string
  message: string
}

function broken(of: string): Broken[] {
  return JSON.parse(readFileSync(new URL(`./testdata/broken-${of}.json`, import.meta.url), 'utf8'))
}

const context = { issuers: ['https://kubernetes.default.svc'] }
const message = (loading: Promise<unknown>) =>
  loading.then(
    () => 'it was taken',
    (error: Error) => error.message,
  )

describe('an AuthenticationConfiguration that kube-apiserver does not take is refused in the same words', () => {
  test.each(broken('authentication'))('$name', async ({ text, message: said }) => {
    // The words about what is in a file name the file too.
    const expected = said.startsWith('failed to load')
      ? said
      : `FILE: invalid authentication configuration: ${said.replace(/^invalid authentication configuration: /, '')}`
    expect(await message(loadAuthenticationFile(Buffer.from(text), 'FILE', context))).toBe(expected)
  })

  test('in the name of the server itself', async () => {
    const text =
      'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt:\n- issuer: {url: "https://kubernetes.default.svc", audiences: [a]}\n  claimMappings: {username: {claim: sub, prefix: ""}}\n'
    expect(await message(loadAuthenticationFile(Buffer.from(text), 'FILE', context))).toBe(
      'FILE: invalid authentication configuration: jwt[0].issuer.url: Invalid value: "https://kubernetes.default.svc": URL must not overlap with disallowed issuers: [https://kubernetes.default.svc]',
    )
  })
})

describe('an AuthorizationConfiguration that kube-apiserver does not take is refused in the same words', () => {
  let folder: string
  let kubeconfig: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'podpass-configuration-'))
    kubeconfig = join(folder, 'kubeconfig')
    const cluster = { name: 'a', cluster: { server: 'https://127.0.0.1:1' } }
    writeFileSync(
      kubeconfig,
      JSON.stringify({ clusters: [cluster], contexts: [{ name: 'a', context: { cluster: 'a' } }], 'current-context': 'a' }),
    )
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each(broken('authorization'))('$name', async ({ text, message: said }) => {
    expect(await message(loadAuthorizationFile(Buffer.from(text.replace('KUBECONFIG', kubeconfig)), 'FILE'))).toBe(`FILE: ${said}`)
  })

  test('a kubeconfig without a cluster is named with its file', async () => {
    const empty = join(folder, 'empty')
    writeFileSync(empty, 'clusters: []\n')
    const { text } = broken('authorization').find(({ name }) => name === 'timeout') as Broken
    expect(await message(loadAuthorizationFile(Buffer.from(text.replace('40s', '3s').replace('KUBECONFIG', empty)), 'FILE'))).toBe(
      `FILE: ${empty}: there is no current-context; give --context`,
    )
  })
})
