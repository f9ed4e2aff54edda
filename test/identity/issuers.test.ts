/**
 * Who signs and under which name: several issuers (S76), and a program beside the server that keeps the key to itself (KEP-740).
 */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { ReferenceSigner } from '../../src/token/testdata/reference-signer.ts'
import { COMMAND, freePort, isReady, makePki, startProcess, startServe } from '../podpass.ts'
import { accountServer, claimsOf, kidOf } from './account-server.ts'

test('S76: the first issuer issues, all are accepted, and no other', async () => {
  const serve = await startServe('embedded', ['--service-account-issuer=https://old.example'])
  const server = accountServer(serve.file('admin.kubeconfig'))
  try {
    await server.createAccount('default', 'robot')
    const token = await server.tokenOf('default', 'robot')
    const { iss, aud, ...claims } = claimsOf(token)
    expect([iss, aud]).toEqual(['https://kubernetes.default.svc', ['https://kubernetes.default.svc', 'https://old.example']])
    const key = createPrivateKey(readFileSync(serve.file('sa.key'), 'utf8'))
    const under = (issuer: string) =>
      new SignJWT({ ...claims, aud, iss: issuer }).setProtectedHeader({ alg: 'RS256', kid: kidOf(token) }).sign(key)
    expect(await server.statusOf(token)).toBe(200)
    expect(await server.statusOf(await under('https://old.example'))).toBe(200)
    expect(await server.statusOf(await under('https://other.example'))).toBe(401)
  } finally {
    server.close()
    await serve.stop()
  }
})

test('an external signer signs in place of a key file, and its new keys are known when they are first seen', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'podpass-signer-'))
  const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const signer = new ReferenceSigner([{ kid: 'first', privateKey: newKey() }])
  await signer.listen(join(folder, 'signer.sock'))
  const port = await freePort()
  const file = (name: string) => join(folder, 'pki', name)
  makePki(join(folder, 'pki'), port)
  const serve = startProcess(process.execPath, [
    COMMAND,
    'serve',
    `--secure-port=${port}`,
    `--data-dir=${join(folder, 'store')}`,
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--client-ca-file=${file('ca.crt')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-endpoint=${join(folder, 'signer.sock')}`,
    '--authorization-mode=Node,RBAC',
  ])
  const ca = readFileSync(file('ca.crt'))
  while (!(await isReady(port, ca))) {
    expect(serve.ended.aborted, serve.log()).toBe(false)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const server = accountServer(file('admin.kubeconfig'))
  try {
    await server.createAccount('default', 'robot')
    const first = await server.tokenOf('default', 'robot')
    expect(kidOf(first)).toBe('first')
    expect(await server.statusOf(first)).toBe(200)
    signer.keys.push({ kid: 'second', privateKey: newKey() })
    signer.signsWith = 'second'
    // Keys are asked for once a second at most, whoever makes up a kid.
    await expect
      .poll(
        async () =>
          server.statusOf(await server.tokenOf('default', 'robot').catch(() => first)).then((status) => [status, signer.fetches > 1]),
        {
          timeout: 10_000,
        },
      )
      .toEqual([200, true])
    const { items } = await server.admin.call<{ items: { metadata: { name: string } }[] }>({
      method: 'GET',
      path: '/apis/podpass.dev/v1/signingkeys',
    })
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['first', 'second'])
    const body = { apiVersion: 'podpass.dev/v1', kind: 'SigningKeyRotation', spec: {} }
    await expect(server.admin.call({ method: 'POST', path: '/apis/podpass.dev/v1/signingkeyrotations', body })).rejects.toThrow(
      'come from files or an external signer',
    )
  } finally {
    server.close()
    await serve.stop()
    signer.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
