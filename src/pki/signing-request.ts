/**
 * Certificate requests (PKCS #10) read whole, and signed as kube-controller-manager's signers sign them.
 *
 * @see RFC 2986; pkg/apis/certificates/helpers.go; pkg/controller/certificates/{signer/signer.go,authority/policies.go}
 * @module
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { type NameAttribute, parseCertificates, readExtensions, readName } from './certificate.ts'
import { contextTag, der, type Element, expectTag, oid, readAll, readInside, readOid, readOne, sequence, TAG, utf8String } from './der.ts'
import { type KeyAndCertificate, signerOf } from './ensure.ts'
import { type AltName, type CertificateContent, issueCertificate, pem } from './issue.ts'
import { OID } from './oids.ts'

export interface SigningRequest {
  attributes: readonly NameAttribute[]
  commonName: string
  organizations: readonly string[]
  publicKey: KeyObject
  altNames: readonly AltName[]
  /** Whether it is signed with its own key. */
  proven: boolean
}

/** Throws for what is no request; a wrong signature is said in `proven`. */
export function parseSigningRequest(text: string): SigningRequest {
  const [, label, body = ''] = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/.exec(text) ?? []
  if (label !== 'CERTIFICATE REQUEST') throw new TypeError('PEM block type must be CERTIFICATE REQUEST')
  const [info, algorithm, signature] = readInside(readOne(Buffer.from(body, 'base64')), TAG.sequence)
  const [, subject, spki, attributes] = readInside(info, TAG.sequence)
  const names = readName(expectTag(subject, TAG.sequence))
  const publicKey = createPublicKey({ key: expectTag(spki, TAG.sequence).raw, format: 'der', type: 'spki' })
  const value = expectTag(signature, TAG.bitString).contents.subarray(1)
  return {
    attributes: names,
    commonName: names.findLast(({ type }) => type === OID.commonName)?.value ?? '',
    organizations: names.flatMap(({ type, value: text }) => (type === OID.organization && text !== undefined ? [text] : [])),
    publicKey,
    altNames: requestedAltNames(attributes),
    proven: isSignature(readOid(readInside(algorithm, TAG.sequence)[0]), info!.raw, publicKey, value),
  }
}

const CLIENT = 'kubernetes.io/kube-apiserver-client'
const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet'
const KUBELET_SERVING = 'kubernetes.io/kubelet-serving'
const LEGACY_UNKNOWN = 'kubernetes.io/legacy-unknown'

/** The signers that sign here. */
export const SIGNERS: readonly string[] = [CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY_UNKNOWN]

/** Why a signer refuses a request (the message of condition Failed); undefined when it signs. */
export function signerProblem(signerName: string, request: SigningRequest, usages: readonly string[]): string | undefined {
  switch (signerName) {
    case CLIENT:
      return clientProblem(usages)
    case KUBELET_CLIENT:
      return kubeletClientProblem(request, usages)
    case KUBELET_SERVING:
      return kubeletServingProblem(request, usages)
    case LEGACY_UNKNOWN:
      return undefined
    default:
      return `unrecognized signerName: ${JSON.stringify(signerName)}`
  }
}

/** As `system:node:…` of `system:nodes`, for a client; what the approver approves by itself. */
export function kubeletClientProblem(request: SigningRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return ORGANIZATION
  const has = (kind: AltName['kind']) => request.altNames.some((name) => name.kind === kind)
  if (has('dns')) return 'DNS subjectAltNames are not allowed'
  if (has('email')) return 'Email subjectAltNames are not allowed'
  if (has('ip')) return 'IP subjectAltNames are not allowed'
  if (has('uri')) return 'URI subjectAltNames are not allowed'
  if (!request.commonName.startsWith(NODE_PREFIX)) return COMMON_NAME
  return usagesProblem(usages, 'client auth')
}

function kubeletServingProblem(request: SigningRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return ORGANIZATION
  const has = (kind: AltName['kind']) => request.altNames.some((name) => name.kind === kind)
  if (!has('dns') && !has('ip')) return 'DNS or IP subjectAltName is required'
  if (has('email')) return 'Email subjectAltNames are not allowed'
  if (has('uri')) return 'URI subjectAltNames are not allowed'
  return usagesProblem(usages, 'server auth') ?? (request.commonName.startsWith(NODE_PREFIX) ? undefined : COMMON_NAME)
}

const NODE_PREFIX = 'system:node:'
const ORGANIZATION = 'subject organization is not system:nodes'
const COMMON_NAME = 'subject common name does not begin with system:node:'

function isOfNodes({ organizations }: SigningRequest): boolean {
  return organizations.length === 1 && organizations[0] === 'system:nodes'
}

function usagesProblem(usages: readonly string[], purpose: string): string | undefined {
  const asked = [...new Set(usages)].filter((usage) => usage !== 'key encipherment').sort()
  return asked.join() === [purpose, 'digital signature'].sort().join()
    ? undefined
    : `usages did not match [${[purpose, 'digital signature', 'key encipherment'].sort().join(' ')}]`
}

function clientProblem(usages: readonly string[]): string | undefined {
  const odd = usages.find((usage) => !['digital signature', 'key encipherment', 'client auth'].includes(usage))
  if (odd !== undefined) return `invalid usage for client certificate: ${odd}`
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth'
}

const BACKDATE_MS = 5 * 60 * 1000
const SHORT_MS = 8 * 60 * 60 * 1000
const MIN_LIFE_SECONDS = 10 * 60

export interface SigningOptions {
  authority: KeyAndCertificate
  /** `spec.usages`. */
  usages: readonly string[]
  /** `spec.expirationSeconds`. */
  expirationSeconds?: number | undefined
  /** `--cluster-signing-duration`. */
  maxSeconds: number
  nowMs: number
  /** 16 bytes. */
  serial: Uint8Array
}

/** PEM of the certificate. Throws when the request is not its own key's, or the authority is at its end. */
export function signRequest(request: SigningRequest, options: SigningOptions): string {
  if (!request.proven) throw new TypeError('unable to verify certificate request signature')
  const { authority, nowMs, maxSeconds, expirationSeconds } = options
  const [authorityCertificate] = parseCertificates(authority.certificate)
  // parseCertificates() throws when there is none.
  const { notAfterMs: authorityEndMs } = authorityCertificate!
  if (nowMs >= authorityEndMs)
    throw new RangeError(`refusing to sign a certificate that expired in the past: NotAfter=${new Date(authorityEndMs).toISOString()}`)
  const lifeMs = 1000 * (expirationSeconds === undefined ? maxSeconds : Math.min(maxSeconds, Math.max(expirationSeconds, MIN_LIFE_SECONDS)))
  const content: CertificateContent = {
    subject: subjectOf(request.attributes),
    publicKey: request.publicKey,
    serial: options.serial,
    notBeforeMs: nowMs - BACKDATE_MS,
    notAfterMs: Math.min(authorityEndMs, nowMs + lifeMs - (lifeMs < SHORT_MS ? 0 : BACKDATE_MS)),
    altNames: request.altNames,
    ...usagesOf(options.usages),
  }
  return pem('CERTIFICATE', issueCertificate(content, signerOf(authority)))
}

/** The API's words for bits of keyUsage. */
const KEY_USAGES: Readonly<Record<string, CertificateContent['keyUsages'][number]>> = {
  signing: 'digitalSignature',
  'digital signature': 'digitalSignature',
  'content commitment': 'nonRepudiation',
  'key encipherment': 'keyEncipherment',
  'key agreement': 'keyAgreement',
  'data encipherment': 'dataEncipherment',
  'cert sign': 'keyCertSign',
  'crl sign': 'crlSign',
  'encipher only': 'encipherOnly',
  'decipher only': 'decipherOnly',
}

/** The API's words for extended usages, in the order in which they are written. */
const EXTENDED_KEY_USAGES: readonly [usage: string, oid: string][] = [
  ['any', OID.anyExtendedKeyUsage],
  ['server auth', OID.serverAuth],
  ['client auth', OID.clientAuth],
  ['code signing', '1.3.6.1.5.5.7.3.3'],
  ['email protection', '1.3.6.1.5.5.7.3.4'],
  ['s/mime', '1.3.6.1.5.5.7.3.4'],
  ['ipsec end system', '1.3.6.1.5.5.7.3.5'],
  ['ipsec tunnel', '1.3.6.1.5.5.7.3.6'],
  ['ipsec user', '1.3.6.1.5.5.7.3.7'],
  ['timestamping', '1.3.6.1.5.5.7.3.8'],
  ['ocsp signing', '1.3.6.1.5.5.7.3.9'],
  ['microsoft sgc', '1.3.6.1.4.1.311.10.3.3'],
  ['netscape sgc', '2.16.840.1.113730.4.1'],
]

function usagesOf(usages: readonly string[]): Pick<CertificateContent, 'keyUsages' | 'extendedKeyUsages'> {
  const extended = EXTENDED_KEY_USAGES.filter(([usage]) => usages.includes(usage)).map(([, id]) => id)
  const unknown = usages.filter((usage) => KEY_USAGES[usage] === undefined && !EXTENDED_KEY_USAGES.some(([known]) => known === usage))
  if (unknown.length > 0) throw new TypeError(`unrecognized usage values: [${unknown.map((usage) => JSON.stringify(usage)).join(' ')}]`)
  return { keyUsages: usages.flatMap((usage) => KEY_USAGES[usage] ?? []), extendedKeyUsages: [...new Set(extended)] }
}

/**
 * What a signer carries over, in Go's order: the well-known attributes, each kind once. Anything else (a uid, which authentication believes)
 * is left behind.
 */
const CARRIED = ['2.5.4.6', '2.5.4.10', '2.5.4.11', '2.5.4.7', '2.5.4.8', '2.5.4.9', '2.5.4.17', '2.5.4.3', '2.5.4.5'] as const
const SINGLE: ReadonlySet<string> = new Set(['2.5.4.3', '2.5.4.5'])

function subjectOf(attributes: readonly NameAttribute[]): Buffer {
  const sets = CARRIED.flatMap((type) => {
    const values = attributes.flatMap((attribute) =>
      attribute.type === type && attribute.value !== undefined && attribute.value !== '' ? [attribute.value] : [],
    )
    const kept = SINGLE.has(type) ? values.slice(-1) : values
    if (kept.length === 0) return []
    return [der(TAG.set, ...kept.map((value) => sequence(oid(type), directoryString(value))).sort(Buffer.compare))]
  })
  return sequence(...sets)
}

function directoryString(text: string): Buffer {
  return /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text) ? der(TAG.printableString, Buffer.from(text, 'latin1')) : utf8String(text)
}

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

function requestedAltNames(attributes: Element | undefined): AltName[] {
  if (attributes?.tag !== contextTag(0)) return []
  for (const attribute of readAll(attributes.contents)) {
    const [type, values] = readInside(attribute, TAG.sequence)
    if (readOid(type) !== EXTENSION_REQUEST) continue
    const [list] = readInside(values, TAG.set)
    const value = list === undefined ? undefined : readExtensions({ ...list, contents: list.raw }).get(OID.subjectAltName)?.value
    if (value !== undefined) return readInside(readOne(value), TAG.sequence).flatMap(altName)
  }
  return []
}

function altName({ tag, contents }: Element): AltName[] {
  switch (tag) {
    case contextTag(1, false):
      return [{ kind: 'email', value: contents.toString('latin1') }]
    case contextTag(2, false):
      return [{ kind: 'dns', value: contents.toString('latin1') }]
    case contextTag(6, false):
      return [{ kind: 'uri', value: contents.toString('latin1') }]
    case contextTag(7, false):
      return [{ kind: 'ip', value: addressText(contents) }]
    default:
      // Other kinds of names are not carried over.
      return []
  }
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) throw new RangeError('an address of a length that no address has')
  return (bytes.toString('hex').match(/.{4}/g) ?? []).map((group) => Number.parseInt(group, 16).toString(16)).join(':')
}

/** Go takes SHA-1 in a request: it proves possession of a key, nothing more. */
const HASHES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.5': 'sha1',
  [OID.sha256WithRsa]: 'sha256',
  [OID.sha384WithRsa]: 'sha384',
  [OID.sha512WithRsa]: 'sha512',
  '1.2.840.10045.4.1': 'sha1',
  [OID.ecdsaWithSha256]: 'sha256',
  [OID.ecdsaWithSha384]: 'sha384',
  [OID.ecdsaWithSha512]: 'sha512',
}

function isSignature(algorithm: string, signed: Buffer, publicKey: KeyObject, signature: Buffer): boolean {
  const hash = HASHES[algorithm]
  if (hash === undefined && algorithm !== OID.ed25519) return false
  try {
    return verify(hash ?? null, signed, publicKey, signature)
  } catch {
    return false
  }
}
