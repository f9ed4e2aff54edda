import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parseCertificate, parseCertificates } from './certificate.ts'
import { createAuthority } from './ensure.ts'
import { pem } from './issue.ts'
import { OID } from './oids.ts'
import { parseSigningRequest, type SigningRequest, signerProblem, signRequest } from './signing-request.ts'

const NOW_MS = Date.UTC(2026, 0, 1)
const DAY_MS = 86_400_000

const openssl = (args: string[], input = '') => execFileSync('openssl', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })

const folder = mkdtempSync(join(tmpdir(), 'podpass-requests-'))
const config = join(folder, 'request.cnf')
writeFileSync(
  config,
  'oid_section = oids\n[oids]\nuserUid = 1.3.6.1.4.1.57683.2\n[req]\ndistinguished_name = dn\nstring_mask = utf8only\n[dn]\n',
)
afterAll(() => rmSync(folder, { recursive: true }))

/** Made by OpenSSL: it knows nothing of our reader. */
function requestPem(subject: string, altNames = '', algorithm = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']): string {
  const more = altNames === '' ? [] : ['-addext', `subjectAltName=${altNames}`]
  return openssl([
    'req',
    '-new',
    '-config',
    config,
    '-newkey',
    ...algorithm,
    '-nodes',
    '-keyout',
    join(folder, 'key'),
    '-subj',
    subject,
    ...more,
  ])
}

const ALT_NAMES = 'DNS:node-001,IP:10.0.0.1,IP:fd00::1,email:a@example.com,URI:spiffe://x/y'

test.each([
  ['P-256', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-sha256']],
  ['P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384']],
  ['RSA', ['rsa:2048', '-sha256']],
  ['Ed25519', ['ed25519']],
])('a %s request of OpenSSL is read whole', (_, algorithm) => {
  const request = parseSigningRequest(requestPem('/O=system:nodes/CN=system:node:node-001', ALT_NAMES, algorithm))
  expect(request).toMatchObject({
    commonName: 'system:node:node-001',
    organizations: ['system:nodes'],
    proven: true,
    altNames: [
      { kind: 'dns', value: 'node-001' },
      { kind: 'ip', value: '10.0.0.1' },
      { kind: 'ip', value: 'fd00:0:0:0:0:0:0:1' },
      { kind: 'email', value: 'a@example.com' },
      { kind: 'uri', value: 'spiffe://x/y' },
    ],
  })
})

test('a request under another signature is not proven, and not signed', () => {
  const [label, ...lines] = requestPem('/CN=a').trim().split('\n')
  const bytes = Buffer.from(lines.slice(0, -1).join(''), 'base64')
  bytes[bytes.length - 1]! ^= 1
  const request = parseSigningRequest(`${label}\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----`)
  expect(request.proven).toBe(false)
  const options = {
    authority: createAuthority('ca', NOW_MS),
    usages: ['client auth'],
    maxSeconds: 3600,
    nowMs: NOW_MS,
    serial: Buffer.alloc(16, 1),
  }
  expect(() => signRequest(request, options)).toThrow('unable to verify certificate request signature')
})

test('what is no request is refused', () => {
  expect(() => parseSigningRequest('x')).toThrow('PEM block type must be CERTIFICATE REQUEST')
  expect(() => parseSigningRequest(pem('CERTIFICATE', Buffer.of(1)))).toThrow('PEM block type must be CERTIFICATE REQUEST')
  expect(() => parseSigningRequest(pem('CERTIFICATE REQUEST', Buffer.of(0x30, 0)))).toThrow()
})

describe('signRequest()', () => {
  const authority = createAuthority('ca', NOW_MS)
  const base = {
    authority,
    usages: ['digital signature', 'client auth'],
    maxSeconds: 365 * 86_400,
    nowMs: NOW_MS,
    serial: Buffer.alloc(16, 0xff),
  }
  const request = parseSigningRequest(requestPem('/O=ops/O=devs/CN=alice/userUid=admin-uid', ALT_NAMES))

  test('gives a certificate that OpenSSL reads and verifies', () => {
    const signed = signRequest(request, base)
    const ca = join(folder, 'ca.crt')
    writeFileSync(ca, authority.certificate)
    expect(openssl(['verify', '-x509_strict', '-purpose', 'sslclient', '-attime', `${NOW_MS / 1000}`, '-CAfile', ca], signed)).toContain(
      'OK',
    )
    const text = openssl(['x509', '-noout', '-text'], signed)
    expect(text).toContain('DNS:node-001, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1, email:a@example.com, URI:spiffe://x/y')
    expect(text).toMatch(/X509v3 Key Usage: critical\s+Digital Signature\n/)
    expect(text).toMatch(/X509v3 Extended Key Usage:\s+TLS Web Client Authentication\n/)
    expect(text).toMatch(/X509v3 Basic Constraints: critical\s+CA:FALSE\n/)
  })

  test('carries over name and organizations, but no uid', () => {
    expect(parseCertificate(new X509Certificate(signRequest(request, base)).raw).subjectAttributes).toEqual([
      { type: OID.organization, value: 'ops' },
      { type: OID.organization, value: 'devs' },
      { type: OID.commonName, value: 'alice' },
    ])
  })

  const life = (options: object) => {
    const [{ notBeforeMs, notAfterMs } = { notBeforeMs: 0, notAfterMs: 0 }] = parseCertificates(
      signRequest(request, { ...base, ...options }),
    )
    return [(notBeforeMs - NOW_MS) / 1000, (notAfterMs - NOW_MS) / 1000]
  }
  test.each([
    ['a year less the backdating, unless asked', {}, 365 * 86_400 - 300],
    ['what was asked, when that is short', { expirationSeconds: 3600 }, 3600],
    ['what was asked less the backdating, when that is long', { expirationSeconds: 86_400 }, 86_400 - 300],
    ['ten minutes at least', { expirationSeconds: 1 }, 600],
    ['the maximum at most', { expirationSeconds: 7200, maxSeconds: 3600 }, 3600],
    ['what the authority has left', { maxSeconds: 20 * 365 * 86_400 }, 3650 * 86_400],
  ])('lasts %s', (_, options, seconds) => {
    expect(life(options)).toEqual([-300, seconds])
  })

  test('is refused by an authority at its end', () => {
    expect(() => signRequest(request, { ...base, nowMs: NOW_MS + 3651 * DAY_MS })).toThrow(
      'refusing to sign a certificate that expired in the past',
    )
  })
})

describe('signerProblem()', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const node: SigningRequest = {
    attributes: [],
    commonName: 'system:node:n',
    organizations: ['system:nodes'],
    publicKey: publicKey as KeyObject,
    altNames: [],
    proven: true,
  }
  const client = ['digital signature', 'client auth']
  const serving = ['digital signature', 'key encipherment', 'server auth']
  const dns = { kind: 'dns', value: 'n' } as const
  test.each<[string, Partial<SigningRequest>, string[], string | undefined]>([
    ['kube-apiserver-client', {}, ['client auth'], undefined],
    ['kube-apiserver-client', {}, ['client auth', 'server auth'], 'invalid usage for client certificate: server auth'],
    ['kube-apiserver-client', {}, ['digital signature'], 'missing required usage for client certificate: client auth'],
    ['kube-apiserver-client-kubelet', {}, client, undefined],
    ['kube-apiserver-client-kubelet', {}, [...client, 'key encipherment'], undefined],
    ['kube-apiserver-client-kubelet', { organizations: ['system:nodes', 'x'] }, client, 'subject organization is not system:nodes'],
    ['kube-apiserver-client-kubelet', { commonName: 'n' }, client, 'subject common name does not begin with system:node:'],
    ['kube-apiserver-client-kubelet', { altNames: [dns] }, client, 'DNS subjectAltNames are not allowed'],
    ['kube-apiserver-client-kubelet', { altNames: [{ kind: 'uri', value: 'x:y' }] }, client, 'URI subjectAltNames are not allowed'],
    ['kube-apiserver-client-kubelet', {}, ['client auth'], 'usages did not match [client auth digital signature key encipherment]'],
    ['kubelet-serving', { altNames: [dns] }, serving, undefined],
    ['kubelet-serving', {}, serving, 'DNS or IP subjectAltName is required'],
    ['kubelet-serving', { altNames: [dns, { kind: 'email', value: 'a@b' }] }, serving, 'Email subjectAltNames are not allowed'],
    ['kubelet-serving', { altNames: [dns] }, client, 'usages did not match [digital signature key encipherment server auth]'],
    ['legacy-unknown', {}, ['cert sign'], undefined],
    ['other', {}, client, 'unrecognized signerName: "kubernetes.io/other"'],
  ])('%s with %j and %j: %s', (signer, change, usages, problem) => {
    expect(signerProblem(`kubernetes.io/${signer}`, { ...node, ...change }, usages)).toBe(problem)
  })
})
