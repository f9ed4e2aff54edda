/**
 * What a certificate says, read from its DER: only what decides about trust and identity.
 *
 * @see RFC 5280 section 4
 * @module
 */
import { createHash, X509Certificate } from 'node:crypto'
import { contextTag, type Element, expectTag, readAll, readInside, readOid, readOne, readText, readTime, TAG } from './der.ts'
import { OID } from './oids.ts'

export interface NameAttribute {
  type: string
  /** undefined: not a text. */
  value: string | undefined
}

export interface Certificate {
  der: Buffer
  x509: X509Certificate
  serialNumber: bigint
  /** Raw DER of the names: issuer and subject of a chain have to be equal byte for byte. */
  issuer: Buffer
  subject: Buffer
  subjectAttributes: readonly NameAttribute[]
  notBeforeMs: number
  notAfterMs: number
  signatureAlgorithm: string
  isCA: boolean
  /** Certificates that may follow below; undefined: any number. */
  pathLength: number | undefined
  /** Whether it may sign certificates as far as keyUsage goes. */
  maySign: boolean
  /** undefined: no such extension, any usage. */
  extendedKeyUsages: readonly string[] | undefined
  subjectKeyId: Buffer | undefined
  authorityKeyId: Buffer | undefined
  /** A critical extension that nobody here understands. */
  hasUnknownCritical: boolean
}

const UNDERSTOOD: ReadonlySet<string> = new Set([
  OID.subjectKeyIdentifier,
  OID.keyUsage,
  OID.subjectAltName,
  OID.basicConstraints,
  OID.authorityKeyIdentifier,
  OID.extendedKeyUsage,
])

/** Throws for anything that is not a certificate. */
export function parseCertificate(bytes: Uint8Array): Certificate {
  const der = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const x509 = new X509Certificate(der)
  const [tbs, algorithm] = readInside(readOne(der), TAG.sequence)
  const fields = readInside(tbs, TAG.sequence)
  // version is [0] and may be absent in version 1, which has no extensions and is never a CA here.
  const at = fields[0]?.tag === contextTag(0) ? 1 : 0
  const validity = readInside(fields[at + 3], TAG.sequence)
  const subject = expectTag(fields[at + 4], TAG.sequence)
  const extensions = readExtensions(fields.slice(at + 6).find(({ tag }) => tag === contextTag(3)))
  return {
    der,
    x509,
    serialNumber: BigInt(`0x${expectTag(fields[at], TAG.integer).contents.toString('hex') || '0'}`),
    issuer: expectTag(fields[at + 2], TAG.sequence).raw,
    subject: subject.raw,
    subjectAttributes: readName(subject),
    notBeforeMs: readTime(validity[0]),
    notAfterMs: readTime(validity[1]),
    signatureAlgorithm: readOid(readInside(algorithm, TAG.sequence)[0]),
    ...constraints(extensions.get(OID.basicConstraints)?.value),
    maySign: maySign(extensions.get(OID.keyUsage)?.value),
    extendedKeyUsages: extensions.has(OID.extendedKeyUsage)
      ? readInside(readOne(extensions.get(OID.extendedKeyUsage)!.value), TAG.sequence).map(readOid)
      : undefined,
    subjectKeyId: contentsOf(extensions.get(OID.subjectKeyIdentifier)?.value),
    authorityKeyId: authorityKeyId(extensions.get(OID.authorityKeyIdentifier)?.value),
    hasUnknownCritical: [...extensions].some(([id, { critical }]) => critical && !UNDERSTOOD.has(id)),
  }
}

/** All certificates of a PEM bundle. Throws when there is none, or one that cannot be read. */
export function parseCertificates(pem: string): Certificate[] {
  const found = [...pem.matchAll(/-----BEGIN CERTIFICATE-----([\s\S]*?)-----END CERTIFICATE-----/g)]
  if (found.length === 0) throw new TypeError('data does not contain any valid RSA or ECDSA certificates')
  return found.map(([, body = '']) => parseCertificate(Buffer.from(body, 'base64')))
}

/** Lower-case hex SHA-256 of the DER. */
export function fingerprint(certificate: Certificate): string {
  return createHash('sha256').update(certificate.der).digest('hex')
}

/** Attributes of a Name in their order. */
export function readName(name: Element): NameAttribute[] {
  return readInside(name, TAG.sequence).flatMap((set) =>
    readInside(set, TAG.set).map((attribute) => {
      const [type, value] = readInside(attribute, TAG.sequence)
      return { type: readOid(type), value: value === undefined ? undefined : readText(value) }
    }),
  )
}

export interface Extension {
  critical: boolean
  value: Buffer
}

/** Extensions by identifier; each may be there once. */
export function readExtensions(wrapped: Element | undefined): Map<string, Extension> {
  const extensions = new Map<string, Extension>()
  if (wrapped === undefined) return extensions
  for (const extension of readInside(readOne(wrapped.contents), TAG.sequence)) {
    const [id, ...rest] = readInside(extension, TAG.sequence)
    const critical = rest[0]?.tag === TAG.boolean && rest[0].contents[0] !== 0
    const name = readOid(id)
    if (extensions.has(name)) throw new RangeError('an extension twice')
    extensions.set(name, { critical, value: expectTag(rest.at(-1), TAG.octetString).contents })
  }
  return extensions
}

function constraints(value: Buffer | undefined): { isCA: boolean; pathLength: number | undefined } {
  if (value === undefined) return { isCA: false, pathLength: undefined }
  const parts = readInside(readOne(value), TAG.sequence)
  const isCA = parts[0]?.tag === TAG.boolean && parts[0].contents[0] !== 0
  const length = parts.find(({ tag }) => tag === TAG.integer)
  return { isCA, pathLength: length === undefined ? undefined : length.contents.readUIntBE(0, Math.min(length.contents.length, 4)) }
}

function maySign(value: Buffer | undefined): boolean {
  if (value === undefined) return true
  const { contents } = expectTag(readOne(value), TAG.bitString)
  // Bit 5 of the first byte after the count of unused bits.
  return ((contents[1] ?? 0) & 0x04) !== 0
}

function contentsOf(value: Buffer | undefined): Buffer | undefined {
  return value === undefined ? undefined : readOne(value).contents
}

function authorityKeyId(value: Buffer | undefined): Buffer | undefined {
  if (value === undefined) return undefined
  return readAll(readOne(value).contents).find(({ tag }) => tag === contextTag(0, false))?.contents
}
