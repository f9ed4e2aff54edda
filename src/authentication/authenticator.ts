/**
 * The contract of one way to prove an identity.
 *
 * @see apiserver/pkg/authentication/authenticator/interfaces.go
 * @module
 */
import type { UserInfo } from './user.ts'

/** What an authenticator may look at. */
export interface Credentials {
  /** Lower-case header names, as Node gives them; repeated ones joined by `, ` except where Node keeps lists. */
  headers: Readonly<Record<string, string | string[] | undefined>>
  /** DER certificates of a TLS client that presented some, leaf first; the chain is NOT yet verified. Made on demand. */
  clientCertificates?: () => readonly Uint8Array[]
  /** Stays the same object for all requests of one connection: memory for what was verified about it. */
  connection: object
  remoteAddress?: string
  /** Values of repeated headers kept apart, lower-case names; where absent, a header's text counts as one value. */
  distinctHeaders?: () => Readonly<Record<string, readonly string[] | undefined>>
  /** The URL's path, for anonymous access by path. */
  path?: string
  /** Audiences the request must be meant for; undefined: the server's own. */
  audiences?: readonly string[]
}

export type Authentication =
  /** Not this authenticator's kind of credential. */
  | { outcome: 'none'; warnings?: readonly string[] }
  /** Its kind, and refused. Never holds the credential. */
  | { outcome: 'refused'; error: Error }
  | {
      outcome: 'user'
      user: UserInfo
      audiences?: readonly string[]
      warnings?: readonly string[]
      auditAnnotations?: Readonly<Record<string, string>>
    }

export interface Authenticator {
  readonly name: string
  /** Synchronous where nothing has to be awaited: the hot path. */
  authenticate(credentials: Credentials): Authentication | Promise<Authentication>
}
