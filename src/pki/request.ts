/**
 * Whom a certificate request (PKCS #10) is for.
 *
 * @see RFC 2986
 * @module
 */
import { type NameAttribute, readName } from './certificate.ts'
import { expectTag, readInside, readOne, TAG } from './der.ts'

/** Attributes of the subject. Throws for what is no request; its signature is not looked at. */
export function requestSubject(pem: string): NameAttribute[] {
  const [, body] = /-----BEGIN CERTIFICATE REQUEST-----([\s\S]*?)-----END CERTIFICATE REQUEST-----/.exec(pem) ?? []
  if (body === undefined) throw new TypeError('PEM block type must be CERTIFICATE REQUEST')
  const [info] = readInside(readOne(Buffer.from(body, 'base64')), TAG.sequence)
  const [, subject] = readInside(info, TAG.sequence)
  return readName(expectTag(subject, TAG.sequence))
}
