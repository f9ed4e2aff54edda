import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Clock } from '../clock.ts'
import { parseCertificate, parseCertificates } from './certificate.ts'
import { verifyChain } from './chain.ts'
import { createAuthority, ensurePki, issueClient, issueServer, signerOf } from './ensure.ts'
import { issueCertificate } from './issue.ts'
import { OID } from './oids.ts'

const NOW_MS = Date.UTC(2026, 5, 1)
const DAY_MS = 86_400_000
const clockAt = (nowMs: number): Clock => ({ nowMs: () => nowMs, after: () => () => {} })
const dirs: string[] = []
function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'podpass-pki-'))
  dirs.push(dir)
  return dir
}
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true })
})

describe('certificates', () => {
  const authority = createAuthority('test', NOW_MS)
  const roots = parseCertificates(authority.certificate)

  test('of a server are accepted by OpenSSL and name every host and address', () => {
    const dir = newDir()
    const server = issueServer(authority, ['kubernetes.default.svc', 'localhost', '127.0.0.1', '::1', 'fd00:10::1'], NOW_MS)
    writeFileSync(join(dir, 'ca.crt'), authority.certificate)
    writeFileSync(join(dir, 'server.crt'), server.certificate)
    const said = execFileSync(
      'openssl',
      [
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-attime',
        `${NOW_MS / 1000}`,
        '-CAfile',
        join(dir, 'ca.crt'),
        join(dir, 'server.crt'),
      ],
      { encoding: 'utf8' },
    )
    expect(said).toContain('OK')
    expect(new X509Certificate(server.certificate).subjectAltName).toBe(
      'DNS:kubernetes.default.svc, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:FD00:10:0:0:0:0:0:1',
    )
  })

  test('of a client say who it is', () => {
    const client = parseCertificate(
      new X509Certificate(issueClient(authority, { commonName: 'älice', organizations: ['devs', 'ops'] }, NOW_MS).certificate).raw,
    )
    expect(client.subjectAttributes).toEqual([
      { type: OID.organization, value: 'devs' },
      { type: OID.organization, value: 'ops' },
      { type: OID.commonName, value: 'älice' },
    ])
    expect(client.extendedKeyUsages).toEqual([OID.clientAuth])
    expect(verifyChain({ leaf: client, intermediates: [], roots, usage: OID.clientAuth, nowMs: NOW_MS })).toMatchObject({
      ok: true,
      notAfterMs: NOW_MS + 365 * DAY_MS,
    })
  })

  test.each([
    ['for another usage', { usage: OID.serverAuth, nowMs: NOW_MS }, 'incompatible key usage'],
    ['before its time', { usage: OID.clientAuth, nowMs: NOW_MS - DAY_MS }, 'expired or is not yet valid'],
    ['after its time', { usage: OID.clientAuth, nowMs: NOW_MS + 366 * DAY_MS }, 'expired or is not yet valid'],
  ])('are refused %s', (_, at, why) => {
    const [leaf] = parseCertificates(issueClient(authority, { commonName: 'a' }, NOW_MS).certificate)
    const verdict = verifyChain({ leaf: leaf!, intermediates: [], roots, ...at })
    expect(verdict.ok ? '' : verdict.why).toContain(why)
  })

  test('of another authority with the same name are refused', () => {
    const [leaf] = parseCertificates(issueClient(createAuthority('test', NOW_MS), { commonName: 'a' }, NOW_MS).certificate)
    expect(verifyChain({ leaf: leaf!, intermediates: [], roots, usage: OID.clientAuth, nowMs: NOW_MS })).toEqual({
      ok: false,
      why: 'x509: certificate signed by unknown authority',
    })
  })

  test('below a client certificate are refused: it is no authority', () => {
    const client = issueClient(authority, { commonName: 'a' }, NOW_MS)
    const [below] = parseCertificates(
      issueClient(client, { commonName: 'system:admin', organizations: ['system:masters'] }, NOW_MS).certificate,
    )
    const verdict = verifyChain({
      leaf: below!,
      intermediates: parseCertificates(client.certificate),
      roots,
      usage: OID.clientAuth,
      nowMs: NOW_MS,
    })
    expect(verdict).toEqual({ ok: false, why: 'x509: certificate is not authorized to sign other certificates' })
  })

  test('of an intermediate authority are accepted when it is sent along', () => {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const middle = issueCertificate(
      {
        subject: { commonName: 'middle' },
        publicKey: keys.publicKey,
        serial: Buffer.of(1),
        notBeforeMs: NOW_MS,
        notAfterMs: NOW_MS + DAY_MS,
        keyUsages: ['keyCertSign'],
        isCA: true,
      },
      signerOf(authority),
    )
    const parsed = parseCertificate(middle)
    const leafKeys = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const leaf = parseCertificate(
      issueCertificate(
        {
          subject: { commonName: 'x' },
          publicKey: leafKeys.publicKey,
          serial: Buffer.of(2),
          notBeforeMs: NOW_MS,
          notAfterMs: NOW_MS + 2 * DAY_MS,
          keyUsages: ['digitalSignature'],
          extendedKeyUsages: [OID.clientAuth],
        },
        { name: parsed.subject, privateKey: keys.privateKey },
      ),
    )
    const verdict = verifyChain({ leaf, intermediates: [parsed], roots, usage: OID.clientAuth, nowMs: NOW_MS })
    expect(verdict).toMatchObject({ ok: true, notAfterMs: NOW_MS + DAY_MS })
    expect(verifyChain({ leaf, intermediates: [], roots, usage: OID.clientAuth, nowMs: NOW_MS }).ok).toBe(false)
  })
})

describe('ensurePki()', () => {
  const names = { server: ['localhost', '127.0.0.1'], tokenKey: 'ES256' as const }

  test('makes files that only their owner can read, and finds them again', async () => {
    const dir = newDir()
    const first = await ensurePki(dir, names, clockAt(NOW_MS))
    expect(createPublicKey(await first.serviceAccountKey).asymmetricKeyType).toBe('ec')
    expect(readdirSync(dir).sort()).toEqual(['admin.crt', 'admin.key', 'apiserver.crt', 'apiserver.key', 'ca.crt', 'ca.key', 'sa.key'])
    for (const file of readdirSync(dir)) expect(statSync(join(dir, file)).mode & 0o777).toBe(0o600)
    const second = await ensurePki(dir, names, clockAt(NOW_MS + 100 * DAY_MS))
    expect({ ...second, serviceAccountKey: await second.serviceAccountKey }).toEqual({
      ...first,
      serviceAccountKey: await first.serviceAccountKey,
    })
  })

  test('renews what nears its end and what lacks a name, under the same authority', async () => {
    const dir = newDir()
    const first = await ensurePki(dir, names, clockAt(NOW_MS))
    const later = await ensurePki(dir, names, clockAt(NOW_MS + 300 * DAY_MS))
    expect(later.authority).toEqual(first.authority)
    expect(later.admin).not.toEqual(first.admin)
    const renamed = await ensurePki(dir, { ...names, server: ['podpass.example'] }, clockAt(NOW_MS + 300 * DAY_MS))
    expect(renamed.server).not.toEqual(later.server)
    expect(renamed.admin).toEqual(later.admin)
    await renamed.serviceAccountKey
  })

  test('replaces a damaged certificate', async () => {
    const dir = newDir()
    await (await ensurePki(dir, names, clockAt(NOW_MS))).serviceAccountKey
    writeFileSync(join(dir, 'admin.crt'), 'not a certificate')
    const { admin } = await ensurePki(dir, names, clockAt(NOW_MS))
    expect(readFileSync(join(dir, 'admin.crt'), 'utf8')).toBe(admin.certificate)
  })
})
