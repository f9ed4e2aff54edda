/**
 * Client certificates: the common name is the user, every organization a group.
 *
 * A connection's certificate is verified once, for as long as the authorities stay the same and every certificate of its chain is valid.
 *
 * @see apiserver/pkg/authentication/request/x509/x509.go
 * @module
 */
import type { Clock } from '../clock.ts'
import { type Certificate, fingerprint, parseCertificate } from '../pki/certificate.ts'
import { verifyChain } from '../pki/chain.ts'
import { OID } from '../pki/oids.ts'
import type { Authentication, Authenticator, Credentials } from './authenticator.ts'
import { CREDENTIAL_ID_KEY } from './serviceaccount-user.ts'
import type { UserInfo } from './user.ts'

export interface X509Settings {
  /** `--client-ca-file`; another array after a reload; undefined while there is none. */
  authorities(): readonly Certificate[] | undefined
  clock: Clock
}

/** What was found out about the certificate of a connection. */
interface Verified {
  authorities: readonly Certificate[]
  answer: Authentication
  /** The span in which it holds; of a refusal a moment, as it may be one of time. */
  fromMs: number
  untilMs: number
}

/** A refusal is remembered this long: finding it out costs more than most requests. */
const REFUSAL_MS = 1000

const NONE: Authentication = { outcome: 'none' }

export function x509Authenticator({ authorities, clock }: X509Settings): Authenticator {
  const verified = new WeakMap<object, Verified>()
  return {
    name: 'x509',
    authenticate(credentials) {
      const roots = authorities()
      if (roots === undefined) return NONE
      const nowMs = clock.nowMs()
      const known = verified.get(credentials.connection)
      if (known !== undefined && known.authorities === roots && nowMs >= known.fromMs && nowMs <= known.untilMs) return known.answer
      const found = verify(credentials, roots, nowMs)
      verified.set(credentials.connection, found)
      return found.answer
    },
  }
}

/** The verified leaf of a connection, or why there is none; undefined when no certificate was presented. */
export function verifiedLeaf(
  credentials: Credentials,
  roots: readonly Certificate[],
  nowMs: number,
): { leaf: Certificate; notBeforeMs: number; notAfterMs: number } | Error | undefined {
  const presented = credentials.clientCertificates?.() ?? []
  if (presented.length === 0) return undefined
  let leaf: Certificate
  let intermediates: Certificate[]
  try {
    leaf = parseCertificate(presented[0]!)
    intermediates = presented.slice(1).map(parseCertificate)
  } catch {
    return new Error('x509: malformed certificate')
  }
  const verdict = verifyChain({ leaf, intermediates, roots, usage: OID.clientAuth, nowMs })
  if (verdict.ok) return { leaf, notBeforeMs: verdict.notBeforeMs, notAfterMs: verdict.notAfterMs }
  return new Error(`verifying certificate ${identifier(leaf)} failed: ${verdict.why}`)
}

/** The last common name counts, as in Go; `''` without any. */
export function commonName(certificate: Certificate): string {
  return certificate.subjectAttributes.findLast(({ type }) => type === OID.commonName)?.value ?? ''
}

function verify(credentials: Credentials, roots: readonly Certificate[], nowMs: number): Verified {
  const found = verifiedLeaf(credentials, roots, nowMs)
  if (found === undefined) return { authorities: roots, answer: NONE, fromMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY }
  if (found instanceof Error)
    return { authorities: roots, answer: { outcome: 'refused', error: found }, fromMs: nowMs, untilMs: nowMs + REFUSAL_MS }
  return { authorities: roots, answer: userOf(found.leaf), fromMs: found.notBeforeMs, untilMs: found.notAfterMs }
}

function userOf(leaf: Certificate): Authentication {
  const username = commonName(leaf)
  if (username === '') return NONE
  const uids = leaf.subjectAttributes.filter(({ type }) => type === OID.userUid).map(({ value }) => value)
  const [uid] = uids
  if (uids.length > 1) return { outcome: 'refused', error: new Error(`expected 1 UID, but found multiple: [${uids.join(' ')}]`) }
  if (uids.length === 1 && uid === undefined) return { outcome: 'refused', error: new Error('unable to parse UID into a string') }
  if (uid === '') return { outcome: 'refused', error: new Error('UID cannot be an empty string') }
  const groups = leaf.subjectAttributes.flatMap(({ type, value }) => (type === OID.organization && value !== undefined ? [value] : []))
  const user: UserInfo = {
    username,
    ...(uid !== undefined && { uid }),
    groups,
    extra: { [CREDENTIAL_ID_KEY]: [`X509SHA256=${fingerprint(leaf)}`] },
  }
  return { outcome: 'user', user }
}

function identifier({ serialNumber, subjectKeyId, authorityKeyId }: Certificate): string {
  return `SN=${serialNumber}, SKID=${colonHex(subjectKeyId)}, AKID=${colonHex(authorityKeyId)}`
}

function colonHex(bytes: Buffer | undefined): string {
  return (bytes?.toString('hex').toUpperCase().match(/../g) ?? []).join(':')
}
