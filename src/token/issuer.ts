/**
 * Who issues service account tokens here, and within which bounds.
 *
 * @see pkg/controlplane/apiserver/options/options.go; KEP-740 for signers that keep the key elsewhere
 * @module
 */
import { EXTENDED_EXPIRATION_SECONDS, encodeClaims, type LegacyTokenClaims, type TokenClaims } from './claims.ts'
import { signJws } from './jwt.ts'
import type { SigningKey } from './keys.ts'

/** Turns claims into a token; the key may be in this process or elsewhere. */
export interface TokenSigner {
  sign(claims: TokenClaims | LegacyTokenClaims): Promise<string>
}

/** What is remembered of an issued token. Never the token itself. */
export interface IssuedToken {
  claims: TokenClaims
  requestedBy: string
  remoteAddress: string
  userAgent: string
}

export interface TokenIssuer {
  /** `iss` of new tokens: the first `--service-account-issuer`. */
  issuer: string
  /** All issuers whose tokens are accepted. */
  issuers: readonly string[]
  /** `--api-audiences`, else all issuers: what a token is meant for when it does not say. */
  apiAudiences: readonly string[]
  signer: TokenSigner
  /** `--service-account-max-token-expiration`; 0: none. */
  maxExpirationSeconds: number
  /** `--service-account-extend-token-expiration`. */
  extendExpiration: boolean
  /** How long an extended token is accepted: a year, or what an external signer allows. */
  maxExtendedExpirationSeconds: number
  /** Told of every token before it is handed out; a ledger. Must not throw. */
  issued?(token: IssuedToken): void
  /** The earliest `iat` for what the token belongs to: later than now just after all its tokens were revoked. */
  earliestIssueSeconds?(owners: readonly TokenOwner[], nowSeconds: number): number
}

/** What a token dies with, by uid. */
export interface TokenOwner {
  kind: 'Account' | 'Pod' | 'Node'
  uid: string
}

export interface IssuerSettings {
  issuers: readonly [string, ...string[]]
  apiAudiences?: readonly string[]
  signer: TokenSigner
  maxExpirationSeconds?: number
  extendExpiration?: boolean
  maxExtendedExpirationSeconds?: number
  issued?: (token: IssuedToken) => void
  earliestIssueSeconds?: (owners: readonly TokenOwner[], nowSeconds: number) => number
}

/** Kubernetes' defaults for what is not given. */
export function tokenIssuer(settings: IssuerSettings): TokenIssuer {
  const { issuers, apiAudiences = [], issued, earliestIssueSeconds } = settings
  return {
    issuer: issuers[0],
    issuers,
    apiAudiences: apiAudiences.length > 0 ? apiAudiences : issuers,
    signer: settings.signer,
    maxExpirationSeconds: settings.maxExpirationSeconds ?? 0,
    extendExpiration: settings.extendExpiration ?? true,
    maxExtendedExpirationSeconds: settings.maxExtendedExpirationSeconds ?? EXTENDED_EXPIRATION_SECONDS,
    ...(issued !== undefined && { issued }),
    ...(earliestIssueSeconds !== undefined && { earliestIssueSeconds }),
  }
}

/** Signs with the key that is active at the moment of each call. */
export function localSigner(activeKey: () => SigningKey): TokenSigner {
  return { sign: (claims) => signJws(activeKey(), encodeClaims(claims)) }
}
