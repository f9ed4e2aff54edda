/**
 * Why a bearer token was refused: a value, because being refused is an ordinary answer.
 *
 * The caller of the API learns 401 and nothing more; TokenReview and the operator's log see the text. Neither ever holds the token.
 *
 * @see pkg/serviceaccount/{jwt,claims,legacy}.go for the texts
 * @module
 */
import { quote } from '../api/status.ts'

export type BoundKind = 'Pod' | 'Secret' | 'Node'

export type Rejection =
  /** No compact JWS, or none with an issuer of ours: somebody else's credential, if any. */
  | { reason: 'NotOurs'; detail: string }
  | { reason: 'UnknownKey' }
  | { reason: 'BadSignature'; detail: string }
  /** The signature is ours and the claims are not what they must be. */
  | { reason: 'BadClaims'; detail: string }
  | { reason: 'AudienceMismatch'; audiences: readonly string[]; wanted: readonly string[] }
  | { reason: 'NotYetValid'; validFromSeconds: number }
  | { reason: 'Expired'; expiredAtSeconds: number }
  | { reason: 'IssuedInFuture'; issuedAtSeconds: number }
  | { reason: 'Revoked' }
  | { reason: 'AccountNameMissing' }
  | { reason: 'AccountGone'; namespace: string; name: string }
  | { reason: 'AccountReplaced'; uid: string; claimedUid: string }
  | { reason: 'AccountDeleted'; namespace: string; name: string }
  | { reason: 'BoundObjectGone'; kind: BoundKind; uid: string }
  | { reason: 'BoundObjectReplaced'; kind: BoundKind; uid: string; claimedUid: string }
  | { reason: 'LegacyClaimMissing'; claim: 'sub' | 'namespace' | 'secretName' | 'serviceAccountName' | 'serviceAccountUID' }
  | { reason: 'LegacySubjectInvalid' }
  | { reason: 'LegacySecretGone' }
  | { reason: 'LegacySecretDiffers' }
  | { reason: 'LegacyAccountDeleted'; namespace: string; name: string }
  | { reason: 'LegacyAccountReplaced'; uid: string; claimedUid: string }
  | { reason: 'LegacyMarkedInvalid'; namespace: string; secret: string; account: string }
  /** The live copy is too old to tell whether anything still exists. */
  | { reason: 'OutOfTouch' }

export function rejectionText(rejection: Rejection): string {
  switch (rejection.reason) {
    case 'NotOurs':
      return 'invalid bearer token'
    case 'UnknownKey':
      return 'invalid signature, no keys found'
    case 'BadSignature':
      return 'go-jose/go-jose: error in cryptographic primitive'
    case 'BadClaims':
      return `service account token claims could not be read: ${rejection.detail}`
    case 'AudienceMismatch':
      return `token audiences ${quoteList(rejection.audiences)} is invalid for the target audiences ${quoteList(rejection.wanted)}`
    case 'NotYetValid':
      return 'service account token is not valid yet'
    case 'Expired':
      return 'service account token has expired'
    case 'IssuedInFuture':
      return 'service account token is issued in the future'
    case 'Revoked':
    case 'BoundObjectGone':
      return 'service account token has been invalidated'
    case 'AccountNameMissing':
      return 'resource name may not be empty'
    case 'AccountGone':
      return `serviceaccounts ${quote(rejection.name)} not found`
    case 'AccountReplaced':
      return `service account UID (${rejection.uid}) does not match claim (${rejection.claimedUid})`
    case 'AccountDeleted':
      return `service account ${rejection.namespace}/${rejection.name} has been deleted`
    case 'BoundObjectReplaced': {
      const kind = rejection.kind.toLowerCase()
      return `${kind} UID (${rejection.uid}) does not match service account ${kind} ref claim (${rejection.claimedUid})`
    }
    case 'LegacyClaimMissing':
      return `${rejection.claim} claim is missing`
    case 'LegacySubjectInvalid':
      return 'sub claim is invalid'
    case 'LegacySecretGone':
      return 'Token has been invalidated'
    case 'LegacySecretDiffers':
      return "Token does not match server's copy"
    case 'LegacyAccountDeleted':
      return `ServiceAccount ${rejection.namespace}/${rejection.name} has been deleted`
    case 'LegacyAccountReplaced':
      return `ServiceAccount UID (${rejection.uid}) does not match claim (${rejection.claimedUid})`
    case 'LegacyMarkedInvalid':
      return `the token in secret ${rejection.namespace}/${rejection.secret} for service account ${rejection.namespace}/${rejection.account} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${INVALID_SINCE_LABEL}' label from the secret to temporarily allow use of this token`
    case 'OutOfTouch':
      return 'the state of the cluster is out of date, liveness of the token cannot be told'
  }
}

/** Set by the legacy token cleaner on a secret whose token is refused from then on. */
export const INVALID_SINCE_LABEL = 'kubernetes.io/legacy-token-invalid-since'

/** Carries a rejection to the log; the message is what TokenReview shows. */
export class TokenRejectedError extends Error {
  readonly rejection: Rejection
  constructor(rejection: Rejection) {
    // Being refused is an ordinary answer: where in the code that was found out tells nobody anything, and costs microseconds.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(rejectionText(rejection))
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'TokenRejectedError'
    this.rejection = rejection
  }
}

/** Go's `%q` of a list of strings. */
function quoteList(list: readonly string[]): string {
  return `[${list.map(quote).join(' ')}]`
}
