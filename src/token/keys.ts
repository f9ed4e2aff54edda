/**
 * Keys that sign and verify service account tokens: read from PEM in every form that kube-apiserver takes, named as it names them.
 *
 * @see staging/src/k8s.io/client-go/util/keyutil/key.go; pkg/serviceaccount/jwt.go, keyIDFromPublicKey
 * @module
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { type Algorithm, headerPart } from './jwt.ts'

/** Members in the order in which kube-apiserver publishes them. @see RFC 7517, RFC 7518 section 6 */
export type Jwk =
  | { use: 'sig'; kty: 'RSA'; kid: string; alg: Algorithm; n: string; e: string }
  | { use: 'sig'; kty: 'EC'; kid: string; crv: string; alg: Algorithm; x: string; y: string }

export interface VerificationKey {
  kid: string
  algorithm: Algorithm
  publicKey: KeyObject
  jwk: Jwk
  /** Only an external signer says so. */
  excludeFromDiscovery?: boolean
}

export interface SigningKey {
  kid: string
  algorithm: Algorithm
  privateKey: KeyObject
  /** First part of every token of this key. */
  headerPart: string
}

/** The keys of the moment; what depends on them asks for `generation` before it trusts what it remembers. */
export interface KeySource {
  /** Grows whenever the set of accepted keys changes. */
  readonly generation: number
  /** In the order in which they are published. */
  all(): readonly VerificationKey[]
  /** `''` answers all: a token without a kid may be of any key. */
  byKid(kid: string): readonly VerificationKey[]
  /** How long a relying party may keep the published keys. */
  readonly maxAgeSeconds: number
  /** Looks for keys that are new elsewhere, because a token named an unknown one; undefined when there is no point. */
  refresh?(): Promise<void> | undefined
}

/** How long published keys may be cached: so long before its first signature a key has to be published. */
export const JWKS_MAX_AGE_SECONDS = 3600

export function staticKeySource(keys: readonly VerificationKey[]): KeySource {
  const byKid = Map.groupBy(keys, (key) => key.kid)
  return {
    generation: 1,
    all: () => keys,
    byKid: (kid) => (kid === '' ? keys : (byKid.get(kid) ?? [])),
    maxAgeSeconds: JWKS_MAX_AGE_SECONDS,
  }
}

/** `kid`: base64url of the SHA-256 of the public key's SubjectPublicKeyInfo. */
export function keyId(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('base64url')
}

/** The first private key of a `--service-account-signing-key-file`. Throws when there is none, or of a kind that cannot sign. */
export function signingKeyFromPem(pem: string): SigningKey {
  for (const block of pemBlocks(pem)) {
    const privateKey = privateKeyOf(block)
    if (privateKey !== undefined) return signingKey(privateKey)
  }
  throw new TypeError('data does not contain a valid RSA or ECDSA private key')
}

export function signingKey(privateKey: KeyObject): SigningKey {
  const { kid, algorithm } = verificationKey(createPublicKey(privateKey))
  return { kid, algorithm, privateKey, headerPart: headerPart(algorithm, kid) }
}

/** Every key of a `--service-account-key-file`, in its order, duplicates included; private ones give their public half. */
export function verificationKeysFromPem(pem: string): VerificationKey[] {
  const keys: VerificationKey[] = []
  for (const block of pemBlocks(pem)) {
    const publicKey = publicKeyOf(block.der)
    if (publicKey !== undefined) keys.push(verificationKey(publicKey))
  }
  if (keys.length === 0) throw new TypeError('data does not contain any valid RSA or ECDSA public keys')
  return keys
}

/** Throws TypeError for a key that no algorithm of ours fits. */
export function verificationKey(publicKey: KeyObject): VerificationKey {
  const algorithm = algorithmOf(publicKey)
  // Through JWK an EC point becomes uncompressed, whatever form it was read in: the kid depends on it.
  const canonical = algorithm === 'RS256' ? publicKey : createPublicKey({ key: publicKey.export({ format: 'jwk' }), format: 'jwk' })
  const kid = keyId(canonical)
  return { kid, algorithm, publicKey: canonical, jwk: jwkOf(canonical, kid, algorithm) }
}

const CURVES: Readonly<Record<string, Algorithm>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }

/** The key decides: RS256 for any RSA key, one algorithm for each curve. */
export function algorithmOf(key: KeyObject): Algorithm {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return 'RS256'
    case 'ec': {
      const algorithm = CURVES[key.asymmetricKeyDetails?.namedCurve ?? '']
      if (algorithm === undefined) throw new TypeError('unknown private key curve, must be 256, 384, or 521')
      return algorithm
    }
    default:
      throw new TypeError(
        `unknown private key type ${key.asymmetricKeyType}, must be *rsa.PrivateKey, *ecdsa.PrivateKey, or jose.OpaqueSigner`,
      )
  }
}

function jwkOf(publicKey: KeyObject, kid: string, alg: Algorithm): Jwk {
  const { n, e, crv, x, y } = publicKey.export({ format: 'jwk' })
  // An exported RSA key has n and e, an EC key crv, x and y.
  return alg === 'RS256' ? { use: 'sig', kty: 'RSA', kid, alg, n: n!, e: e! } : { use: 'sig', kty: 'EC', kid, crv: crv!, alg, x: x!, y: y! }
}

interface PemBlock {
  label: string
  der: Buffer
}

function* pemBlocks(pem: string): Iterable<PemBlock> {
  for (const [, label = '', body = ''] of pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g)) {
    yield { label, der: Buffer.from(body, 'base64') }
  }
}

function privateKeyOf({ label, der }: PemBlock): KeyObject | undefined {
  switch (label) {
    case 'EC PRIVATE KEY':
      return attempt(() => createPrivateKey({ key: der, format: 'der', type: 'sec1' }))
    case 'RSA PRIVATE KEY':
      return attempt(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs1' }))
    case 'PRIVATE KEY':
      return attempt(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
    default:
      return undefined
  }
}

/** Labels are ignored, contents tried, in kube-apiserver's order; an EC key counts as private only in its SEC1 form. */
function publicKeyOf(der: Buffer): KeyObject | undefined {
  const rsaPrivate =
    attempt(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs1' })) ??
    attempt(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  if (rsaPrivate?.asymmetricKeyType === 'rsa') return createPublicKey(rsaPrivate)
  if (isSec1(der)) {
    const ecPrivate = attempt(() => createPrivateKey({ key: der, format: 'der', type: 'sec1' }))
    if (ecPrivate !== undefined) return createPublicKey(ecPrivate)
  }
  const found =
    attempt(() => createPublicKey({ key: der, format: 'der', type: 'spki' })) ?? attempt(() => new X509Certificate(der).publicKey)
  return found?.asymmetricKeyType === 'rsa' || found?.asymmetricKeyType === 'ec' ? found : undefined
}

/** ECPrivateKey is SEQUENCE { INTEGER 1, OCTET STRING, … }; PKCS#8 goes on with a SEQUENCE. @see RFC 5915 section 3 */
function isSec1(der: Buffer): boolean {
  const body = der[1]! & 0x80 ? 2 + (der[1]! & 0x7f) : 2
  return der[0] === 0x30 && der[body] === 0x02 && der[body + 1] === 1 && der[body + 2] === 1 && der[body + 3] === 0x04
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
