/**
 * Writes certificates: authorities, servers, clients, and what a certificate signing request asks for.
 *
 * @see RFC 5280
 * @module
 */
import { createHash, type KeyObject, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { bitString, boolean, contextTag, der, integer, octetString, oid, sequence, TAG, time, utf8String } from './der.ts'
import { KEY_USAGE, OID } from './oids.ts'

export type AltName =
  | { kind: 'dns'; value: string }
  | { kind: 'ip'; value: string }
  | { kind: 'email'; value: string }
  | { kind: 'uri'; value: string }

export interface CertificateContent {
  /** DER of a Name, or what to make one from. */
  subject: Uint8Array | SubjectName
  publicKey: KeyObject
  /** 1 to 20 bytes of randomness. */
  serial: Uint8Array
  notBeforeMs: number
  notAfterMs: number
  altNames?: readonly AltName[]
  keyUsages: readonly (keyof typeof KEY_USAGE)[]
  extendedKeyUsages?: readonly string[]
  isCA?: boolean
}

export interface SubjectName {
  commonName: string
  organizations?: readonly string[]
}

export interface Signer {
  /** DER of its subject; undefined: the certificate signs itself. */
  name?: Uint8Array
  privateKey: KeyObject
  /** Its subject key identifier. */
  keyId?: Uint8Array
}

/** DER of the signed certificate. */
export function issueCertificate(content: CertificateContent, signer: Signer): Buffer {
  const subject = 'commonName' in content.subject ? name(content.subject) : content.subject
  const spki = content.publicKey.export({ format: 'der', type: 'spki' })
  const keyId = subjectKeyId(spki)
  const algorithm = signatureAlgorithm(signer.privateKey)
  // The serial number is positive and at most 20 bytes.
  const serial = Buffer.from(content.serial.subarray(0, 20))
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const tbs = sequence(
    der(contextTag(0), integer(Buffer.of(2))),
    integer(serial),
    algorithm.identifier,
    signer.name ?? subject,
    sequence(time(content.notBeforeMs), time(content.notAfterMs)),
    subject,
    spki,
    der(contextTag(3), sequence(...extensions(content, keyId, signer.keyId ?? keyId))),
  )
  return sequence(tbs, algorithm.identifier, bitString(sign(algorithm.hash, tbs, signer.privateKey)))
}

/** SHA-1 of the key's bits: an identifier, not a proof. @see RFC 5280 section 4.2.1.2 */
export function subjectKeyId(spki: Buffer): Buffer {
  return createHash('sha1').update(spki).digest()
}

/** Organizations in order, then the common name, as Go writes names. */
export function name({ commonName, organizations = [] }: SubjectName): Buffer {
  const attributes = [
    ...organizations.map((value) => attribute(OID.organization, value)),
    ...(commonName === '' ? [] : [attribute(OID.commonName, commonName)]),
  ]
  return sequence(...attributes)
}

export function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

function attribute(type: string, value: string): Buffer {
  return der(TAG.set, sequence(oid(type), utf8String(value)))
}

function extensions(content: CertificateContent, keyId: Uint8Array, authority: Uint8Array): Buffer[] {
  const { altNames = [], extendedKeyUsages = [], isCA = false } = content
  const list = [
    ...(content.keyUsages.length === 0 ? [] : [extension(OID.keyUsage, true, keyUsage(content.keyUsages))]),
    extension(OID.basicConstraints, true, isCA ? sequence(boolean(true)) : sequence()),
    extension(OID.subjectKeyIdentifier, false, octetString(keyId)),
    extension(OID.authorityKeyIdentifier, false, sequence(der(contextTag(0, false), authority))),
  ]
  if (extendedKeyUsages.length > 0) list.push(extension(OID.extendedKeyUsage, false, sequence(...extendedKeyUsages.map(oid))))
  if (altNames.length > 0) list.push(extension(OID.subjectAltName, false, sequence(...altNames.map(generalName))))
  return list
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value))
}

function keyUsage(usages: CertificateContent['keyUsages']): Buffer {
  const bits = usages.reduce((sum, usage) => sum | (0x8000 >> KEY_USAGE[usage]), 0)
  const bytes = (bits & 0xff) === 0 ? Buffer.of(bits >> 8) : Buffer.of(bits >> 8, bits & 0xff)
  const last = bytes.at(-1)!
  // DER leaves trailing zero bits out and counts them.
  return bitString(bytes, Math.log2(last & -last))
}

function generalName({ kind, value }: AltName): Buffer {
  switch (kind) {
    case 'email':
      return der(contextTag(1, false), Buffer.from(value, 'latin1'))
    case 'dns':
      return der(contextTag(2, false), Buffer.from(value, 'latin1'))
    case 'uri':
      return der(contextTag(6, false), Buffer.from(value, 'latin1'))
    case 'ip':
      return der(contextTag(7, false), ipBytes(value))
  }
}

function ipBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const all = tail === undefined ? left : [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]))
}

function signatureAlgorithm(key: KeyObject): { hash: string | null; identifier: Buffer } {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return { hash: 'sha256', identifier: sequence(oid(OID.sha256WithRsa), der(TAG.null)) }
    case 'ed25519':
      return { hash: null, identifier: sequence(oid(OID.ed25519)) }
    case 'ec': {
      const curve = key.asymmetricKeyDetails?.namedCurve
      if (curve === 'secp384r1') return { hash: 'sha384', identifier: sequence(oid(OID.ecdsaWithSha384)) }
      if (curve === 'secp521r1') return { hash: 'sha512', identifier: sequence(oid(OID.ecdsaWithSha512)) }
      return { hash: 'sha256', identifier: sequence(oid(OID.ecdsaWithSha256)) }
    }
    default:
      throw new TypeError(`a key of type ${key.asymmetricKeyType} cannot sign certificates`)
  }
}
