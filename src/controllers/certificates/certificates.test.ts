import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject } from '../../api/object.ts'
import type { CertificateSigningRequest } from '../../api/types/certificates/v1.ts'
import { type TestServer, testServer } from '../testdata/server.ts'
import { endMs } from './cleaner.ts'

let world: TestServer
beforeAll(async () => {
  world = await testServer()
})
afterAll(() => world.stop())

const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const KUBELET = 'kubernetes.io/kube-apiserver-client-kubelet'
const CLIENT = 'kubernetes.io/kube-apiserver-client'

/** Base64 of what OpenSSL makes; `O=x, CN=y` is written as its subject wants it. */
function encodedRequest(subject: string): string {
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null']
  return execFileSync('openssl', ['req', '-new', ...options, '-subj', `/${subject.replace(', ', '/')}`], { stdio: 'pipe' }).toString(
    'base64',
  )
}

async function ask(name: string, subject: string, spec: object, as: [username: string, ...groups: string[]]): Promise<KubeObject> {
  return world.as(...as).call({
    method: 'POST',
    path: requests,
    body: {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: { request: encodedRequest(subject), usages: ['digital signature', 'client auth'], ...spec },
    },
  })
}

const approve = async (name: string) => {
  const present = await world.get(`${requests}/${name}`)
  const conditions = [{ type: 'Approved', status: 'True', reason: 'Test', message: '' }]
  await world.send('PUT', `${requests}/${name}/approval`, { ...present, status: { conditions } })
}
const withCertificate = (name: string) =>
  world.until(`${name} is signed`, async () => {
    const found = (await world.get(`${requests}/${name}`)) as CertificateSigningRequest | undefined
    return found?.status?.certificate !== undefined && found
  })
const certificateOf = ({ status }: CertificateSigningRequest) => new X509Certificate(Buffer.from(status?.certificate ?? '', 'base64'))

describe('certificate signing requests', () => {
  test('of a node for itself are approved and signed once it may create them', async () => {
    await ask('g-self', 'O=system:nodes, CN=system:node:n1', { signerName: KUBELET }, ['system:node:n1', 'system:nodes', 'system:masters'])
    const found = await withCertificate('g-self')
    expect(found.status?.conditions).toMatchObject([
      { type: 'Approved', reason: 'AutoApproved', message: 'Auto approving self kubelet client certificate after SubjectAccessReview.' },
    ])
    const certificate = certificateOf(found)
    expect(certificate.verify(new X509Certificate(world.authority.certificate).publicKey)).toBe(true)
    expect(certificate.subject).toBe('O=system:nodes\nCN=system:node:n1')
    expect(certificate.ca).toBe(false)
  })

  test('of a bootstrapper for a node are approved', async () => {
    await ask('g-node', 'O=system:nodes, CN=system:node:n2', { signerName: KUBELET }, ['system:bootstrap:abcdef', 'system:masters'])
    const found = await withCertificate('g-node')
    expect(found.status?.conditions).toMatchObject([{ message: 'Auto approving kubelet client certificate after SubjectAccessReview.' }])
  })

  test('of others wait for somebody to approve them, and are then signed for as long as they asked', async () => {
    await ask('g-client', 'O=devs, CN=carol', { signerName: CLIENT, expirationSeconds: 3600 }, ['carol', 'system:masters'])
    await ask('g-after', 'O=system:nodes, CN=system:node:n3', { signerName: KUBELET }, ['system:node:n3', 'system:masters'])
    await withCertificate('g-after')
    expect((await world.get(`${requests}/g-client`))?.['status']).toEqual({})
    await approve('g-client')
    const certificate = certificateOf(await withCertificate('g-client'))
    expect(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)).toBe((3600 + 300) * 1000)
  })

  test('that break the rules of their signer fail', async () => {
    const usages = ['digital signature', 'client auth', 'server auth']
    await ask('g-bad', 'O=devs, CN=carol', { signerName: CLIENT, usages }, ['carol', 'system:masters'])
    await approve('g-bad')
    const failed = await world.until('it has failed', async () => {
      const found = (await world.get(`${requests}/g-bad`)) as CertificateSigningRequest | undefined
      return found?.status?.conditions?.find(({ type }) => type === 'Failed')
    })
    expect(failed).toMatchObject({ reason: 'SignerValidationFailure', message: 'invalid usage for client certificate: server auth' })
  })

  test('of other signers are left to them', async () => {
    await ask('g-foreign', 'CN=x', { signerName: 'example.com/signer' }, ['carol', 'system:masters'])
    await approve('g-foreign')
    await ask('g-last', 'O=system:nodes, CN=system:node:n4', { signerName: KUBELET }, ['system:node:n4', 'system:masters'])
    await withCertificate('g-last')
    expect((await world.get(`${requests}/g-foreign`))?.['status'].certificate).toBeUndefined()
  })
})

const CREATED = '2026-01-01T00:00:00Z'
const HOUR_MS = 60 * 60_000
const since = (hours: number) => new Date(Date.parse(CREATED) + hours * HOUR_MS).toISOString()
const condition = (type: string, lastUpdateTime: string) => ({ type, status: 'True', lastUpdateTime })
const certificate = () => Buffer.from(world.authority.certificate).toString('base64')
const ends: [name: string, status: () => CertificateSigningRequest['status'], hours: number][] = [
  ['a day after creation for one that waits', () => ({}), 24],
  ['a day after approval for one that is not signed', () => ({ conditions: [condition('Approved', since(5))] }), 29],
  [
    'an hour after approval for one that is signed',
    () => ({ conditions: [condition('Approved', since(5))], certificate: certificate() }),
    6,
  ],
  ['an hour after denial', () => ({ conditions: [condition('Denied', since(2))] }), 3],
  ['an hour after failure', () => ({ conditions: [condition('Approved', since(1)), condition('Failed', since(2))] }), 3],
]
for (const [name, status, hours] of ends)
  test(`endMs() is ${name}`, () => {
    const request = { metadata: { creationTimestamp: CREATED }, status: status() ?? {} }
    expect(endMs(request)).toBe(Date.parse(CREATED) + hours * HOUR_MS)
  })
