/**
 * The checks of a PKCS #10 request and of certificates in PEM that a CertificateSigningRequest carries.
 *
 * @see RFC 2986
 * @see pkg/apis/certificates/helpers.go, ParseCSR
 * @module
 */
import { createPublicKey, verify, X509Certificate } from 'node:crypto'
import { quote } from '../../api/status.ts'
import { type Element, readInside, readOid, readOne, TAG } from '../../pki/der.ts'

interface PEMBlock {
  type: string
  headers: boolean
  bytes: Buffer
}

const HASHES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
}

const ED25519 = '1.3.101.112'

/** What is wrong with a request; undefined when it is well formed and signed with its own key. */
export function certificateRequestError(pem: string): string | undefined {
  const [block] = pemBlocks(pem)
  if (block?.type !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST'
  try {
    return signatureError(block.bytes)
  } catch {
    return 'x509: malformed certificate request'
  }
}

/** What is wrong with issued certificates; undefined when there are none or all are certificates. */
export function certificateError(pem: string): string | undefined {
  if (pem === '') return undefined
  const blocks = pemBlocks(pem)
  for (const { type, headers, bytes } of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${quote(type)}`
    if (headers) return 'no PEM block headers are permitted'
    if (bytes.length === 0) return 'found CERTIFICATE PEM block containing 0 certificates'
    try {
      void new X509Certificate(bytes)
    } catch {
      return 'x509: malformed certificate'
    }
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined
}

function pemBlocks(text: string): PEMBlock[] {
  const pattern = /-----BEGIN ([^-\n]+)-----\s*\n((?:[^\n:]+: [^\n]*\n)*\n?)([A-Za-z0-9+/=\s]*?)-----END \1-----/g
  return [...text.matchAll(pattern)].map(([, type = '', headers = '', body = '']) => ({
    type,
    headers: headers.includes(':'),
    bytes: Buffer.from(body, 'base64'),
  }))
}

function signatureError(bytes: Buffer): string | undefined {
  const [info, algorithm, signature] = readInside(readOne(bytes), TAG.sequence)
  const [, , spki] = readInside(info, TAG.sequence)
  const [oid] = readInside(algorithm, TAG.sequence)
  const name = readOid(oid)
  const hash = HASHES[name]
  if (hash === undefined && name !== ED25519) return 'x509: cannot verify signature: algorithm unimplemented'
  const key = createPublicKey({ key: encoded(spki), format: 'der', type: 'spki' })
  const value = signature?.contents.subarray(1) ?? Buffer.alloc(0)
  if (verify(hash ?? null, encoded(info), key, value)) return undefined
  return key.asymmetricKeyType === 'rsa'
    ? 'crypto/rsa: verification error'
    : `x509: ${key.asymmetricKeyType === 'ec' ? 'ECDSA' : 'Ed25519'} verification failure`
}

function encoded(element: Element | undefined): Buffer {
  if (element === undefined) throw new RangeError('an element is missing')
  return element.raw
}
