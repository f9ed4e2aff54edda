/**
 * The certificates and keys that a server starts with: made when missing, renewed when near their end or when the server's names change.
 *
 * Files are readable by their owner alone. The RSA key for tokens takes a tenth of a second and more: it is made on the thread pool,
 * and answered as a promise, so that the rest can start meanwhile.
 *
 * @module
 */
import { createPrivateKey, generateKeyPair, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { type Certificate, parseCertificates } from './certificate.ts'
import { verifyChain } from './chain.ts'
import { type AltName, issueCertificate, pem, type Signer, type SubjectName } from './issue.ts'
import { OID } from './oids.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const AUTHORITY_LIFE_MS = 3650 * DAY_MS
const CERTIFICATE_LIFE_MS = 365 * DAY_MS
/** Clocks of server and clients may differ. */
const BACKDATE_MS = 5 * 60 * 1000

export interface KeyAndCertificate {
  /** PEM. */
  certificate: string
  /** PEM, PKCS#8. */
  key: string
}

export interface Pki {
  /** Trusted for servers and clients alike. */
  authority: KeyAndCertificate
  server: KeyAndCertificate
  /** Of `system:masters`. */
  admin: KeyAndCertificate
  /** Signs tokens. PEM, PKCS#8. */
  serviceAccountKey: Promise<string>
}

export interface PkiNames {
  /** DNS names and IP addresses that the server is reached by. */
  server: readonly string[]
  /** Common name of the administrator; `kubernetes-admin` by default. */
  admin?: string
  /** What a new token key is: RSA, which every relying party accepts, or P-256, which is there at once. */
  tokenKey?: 'RS256' | 'ES256'
}

/** Reads what is in `dir` and makes what is missing, unreadable, of another authority, or in the last third of its life. */
export async function ensurePki(dir: string, names: PkiNames, clock: Clock): Promise<Pki> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const serviceAccountKey = ensureTokenKey(join(dir, 'sa.key'), names.tokenKey ?? 'RS256')
  // Nobody may be listening yet when it fails.
  serviceAccountKey.catch(() => {})
  const nowMs = clock.nowMs()
  const authority = await ensureAuthority(dir, nowMs)
  const server: Wanted = { subject: { commonName: 'kube-apiserver' }, usage: OID.serverAuth, altNames: names.server.map(altName) }
  const admin: Wanted = {
    subject: { commonName: names.admin ?? 'kubernetes-admin', organizations: ['system:masters'] },
    usage: OID.clientAuth,
    altNames: [],
  }
  const [serverPair, adminPair] = await Promise.all([
    ensureIssued(dir, 'apiserver', server, authority, nowMs),
    ensureIssued(dir, 'admin', admin, authority, nowMs),
  ])
  return { authority, server: serverPair, admin: adminPair, serviceAccountKey }
}

/** A certificate for a client, signed by an authority given in PEM. */
export function issueClient(
  authority: KeyAndCertificate,
  subject: SubjectName,
  nowMs: number,
  lifeMs = CERTIFICATE_LIFE_MS,
): KeyAndCertificate {
  return issue(authority, { subject, usage: OID.clientAuth, altNames: [] }, nowMs, lifeMs)
}

/** A certificate for a server, signed by an authority given in PEM. */
export function issueServer(
  authority: KeyAndCertificate,
  names: readonly string[],
  nowMs: number,
  lifeMs = CERTIFICATE_LIFE_MS,
): KeyAndCertificate {
  return issue(
    authority,
    { subject: { commonName: names[0] ?? 'server' }, usage: OID.serverAuth, altNames: names.map(altName) },
    nowMs,
    lifeMs,
  )
}

export function createAuthority(commonName: string, nowMs: number, lifeMs = AUTHORITY_LIFE_MS): KeyAndCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const certificate = issueCertificate(
    {
      subject: { commonName },
      publicKey,
      serial: randomBytes(16),
      notBeforeMs: nowMs - BACKDATE_MS,
      notAfterMs: nowMs + lifeMs,
      keyUsages: ['digitalSignature', 'keyEncipherment', 'keyCertSign'],
      isCA: true,
    },
    { privateKey },
  )
  return { certificate: pem('CERTIFICATE', certificate), key: keyPem(privateKey) }
}

/** What signs in the name of an authority given in PEM. */
export function signerOf(authority: KeyAndCertificate): Signer {
  const [certificate] = parseCertificates(authority.certificate)
  // parseCertificates() throws when there is none.
  const { subject, subjectKeyId } = certificate!
  return { name: subject, privateKey: createPrivateKey(authority.key), ...(subjectKeyId !== undefined && { keyId: subjectKeyId }) }
}

interface Wanted {
  subject: SubjectName
  usage: string
  altNames: readonly AltName[]
}

function issue(authority: KeyAndCertificate, { subject, usage, altNames }: Wanted, nowMs: number, lifeMs: number): KeyAndCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const certificate = issueCertificate(
    {
      subject,
      publicKey,
      serial: randomBytes(16),
      notBeforeMs: nowMs - BACKDATE_MS,
      notAfterMs: nowMs + lifeMs,
      altNames,
      keyUsages: ['digitalSignature', 'keyEncipherment'],
      extendedKeyUsages: [usage],
    },
    signerOf(authority),
  )
  return { certificate: pem('CERTIFICATE', certificate), key: keyPem(privateKey) }
}

async function ensureAuthority(dir: string, nowMs: number): Promise<KeyAndCertificate> {
  const found = await readPair(dir, 'ca')
  if (found?.parsed.isCA && !nearItsEnd(found.parsed, nowMs)) return found.pair
  const made = createAuthority('podpass', nowMs)
  await writePair(dir, 'ca', made)
  return made
}

async function ensureIssued(
  dir: string,
  file: string,
  wanted: Wanted,
  authority: KeyAndCertificate,
  nowMs: number,
): Promise<KeyAndCertificate> {
  const found = await readPair(dir, file)
  if (found !== undefined && serves(found.parsed, wanted, authority, nowMs)) return found.pair
  const made = issue(authority, wanted, nowMs, CERTIFICATE_LIFE_MS)
  await writePair(dir, file, made)
  return made
}

function serves(certificate: Certificate, { subject, usage, altNames }: Wanted, authority: KeyAndCertificate, nowMs: number): boolean {
  if (nearItsEnd(certificate, nowMs)) return false
  const roots = parseCertificates(authority.certificate)
  if (!verifyChain({ leaf: certificate, intermediates: [], roots, usage, nowMs }).ok) return false
  const { x509, subjectAttributes } = certificate
  const values = subjectAttributes.map(({ value }) => value)
  if (![...(subject.organizations ?? []), subject.commonName].every((value, index) => values[index] === value)) return false
  return altNames.every(
    ({ kind, value }) => (kind === 'ip' ? x509.checkIP(value) : x509.checkHost(value, { subject: 'never' })) !== undefined,
  )
}

function nearItsEnd({ notBeforeMs, notAfterMs }: Certificate, nowMs: number): boolean {
  return nowMs < notBeforeMs || nowMs > notAfterMs - (notAfterMs - notBeforeMs) / 3
}

function altName(value: string): AltName {
  return { kind: isIP(value) === 0 ? 'dns' : 'ip', value }
}

async function ensureTokenKey(path: string, kind: 'RS256' | 'ES256'): Promise<string> {
  const found = await readIfThere(path)
  if (found !== undefined) return found
  const made = keyPem(kind === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : await rsaKey())
  await writePrivately(path, made)
  return made
}

function rsaKey(): Promise<KeyObject> {
  return new Promise((resolve, reject) => {
    generateKeyPair('rsa', { modulusLength: 2048 }, (error, _, privateKey) => {
      if (error) reject(error)
      else resolve(privateKey)
    })
  })
}

async function readPair(dir: string, file: string): Promise<{ pair: KeyAndCertificate; parsed: Certificate } | undefined> {
  const [certificate, key] = await Promise.all([readIfThere(join(dir, `${file}.crt`)), readIfThere(join(dir, `${file}.key`))])
  if (certificate === undefined || key === undefined) return undefined
  try {
    const [parsed] = parseCertificates(certificate)
    // parseCertificates() throws when there is none. A certificate beside another key is as good as none.
    return parsed!.x509.checkPrivateKey(createPrivateKey(key)) ? { pair: { certificate, key }, parsed: parsed! } : undefined
  } catch {
    return undefined
  }
}

/** The key first: a certificate without its key is made anew, never the other way round. */
async function writePair(dir: string, file: string, { certificate, key }: KeyAndCertificate): Promise<void> {
  await writePrivately(join(dir, `${file}.key`), key)
  await writePrivately(join(dir, `${file}.crt`), certificate)
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Whole or not at all, and never readable by others in between. */
async function writePrivately(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(4).toString('hex')}`
  await writeFile(draft, text, { mode: 0o600, flag: 'wx' })
  await rename(draft, path)
}

function keyPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString()
}
