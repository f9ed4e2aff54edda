/**
 * Service account tokens: bound ones of TokenRequest, and legacy ones out of secrets.
 *
 * A signature may have been proven earlier; whether account, pod, secret and node still live is looked up in the cache at every request,
 * in constant time, so that deletion and revocation are in effect for the next one (Kubernetes: within 10 s).
 *
 * @see pkg/serviceaccount/claims.go, legacy.go; pkg/controller/serviceaccount/tokengetter.go
 * @module
 */
import { timingSafeEqual } from 'node:crypto'
import type { KubeObject } from '../api/object.ts'
import type { Cache, CachedObject } from '../cache/cache.ts'
import type { Clock } from '../clock.ts'
import { INVALID_SINCE_LABEL, type Rejection, TokenRejectedError } from '../token/rejection.ts'
import {
  type BoundClaims,
  LEEWAY_MS,
  type LegacyClaims,
  type Proof,
  type TokenVerifier,
  type Verification,
  type VerifiedClaims,
} from '../token/verify.ts'
import type { Authentication } from './authenticator.ts'
import { accountUser, splitAccountUsername } from './serviceaccount-user.ts'
import type { TokenAuthenticator, TokenContext } from './token.ts'
import type { UserInfo } from './user.ts'

export const LAST_USED_LABEL = 'kubernetes.io/legacy-token-last-used'

export type TokenCounter =
  | 'serviceaccount_legacy_tokens_total'
  | 'serviceaccount_stale_tokens_total'
  | 'serviceaccount_valid_tokens_total'
  | 'serviceaccount_legacy_manual_token_uses_total'
  | 'serviceaccount_legacy_auto_token_uses_total'
  | 'serviceaccount_invalid_legacy_auto_token_uses_total'

export interface ServiceAccountAuthenticatorDeps {
  verifier: TokenVerifier
  cache: Cache
  clock: Clock
  /** `--service-account-lookup`: legacy tokens only; bound ones are always looked up. */
  lookup?: boolean
  /** `--strict-node-claim`: a pod's token dies with the node in it too. Kubernetes never looks that up (KEP-4193). */
  strictNodeClaim?: boolean
  /** Whether somebody revoked the token or all tokens of its account, pod or node. O(1). */
  revoked?(claims: BoundClaims): boolean
  /** Told of every accepted bound token, for the ledger's last use. Must cost next to nothing. */
  used?(claims: BoundClaims): void
  /** Sets labels of a secret, at its uid. Awaited once a day and secret; failures are its own to log. */
  labelSecret?(secret: { namespace: string; name: string; uid: string }, labels: Record<string, string>): Promise<void>
  count?(counter: TokenCounter): void
}

const NONE: Authentication = { outcome: 'none' }

/** What is remembered about a proven token beside its claims. */
interface Seen {
  user: UserInfo
  account: Alive
  pod: Alive
  secret: Alive
  node: Alive
  /** The answer without annotations, for the audiences in it. */
  answer: Authentication | undefined
  audiences: readonly string[] | undefined
}

/** The last state of an object that was found to be the one meant: a state does not change its uid or its deletionTimestamp. */
interface Alive {
  revision: number
  deletedMs: number
}

interface OfConnection {
  token: string
  proof: Proof
}

export class ServiceAccountAuthenticator implements TokenAuthenticator {
  readonly name = 'serviceaccount'
  readonly #deps: ServiceAccountAuthenticatorDeps
  readonly #seen = new WeakMap<VerifiedClaims, Seen>()
  readonly #connections = new WeakMap<object, OfConnection>()
  readonly #labelling = new Map<string, Promise<void>>()

  constructor(deps: ServiceAccountAuthenticatorDeps) {
    this.#deps = deps
  }

  authenticateToken(token: string, context: TokenContext): Authentication | Promise<Authentication> {
    const { verifier, clock } = this.#deps
    const nowMs = clock.nowMs()
    const options = { nowMs, audiences: context.audiences }
    const { connection } = context
    const last = connection === undefined ? undefined : this.#connections.get(connection)
    const again = last !== undefined && last.token === token ? verifier.verifyAgain(last.proof, options) : undefined
    const verification = again ?? verifier.verifyToken(token, options)
    if (!verification.ok && verification.rejection.reason === 'UnknownKey') {
      const refreshed = verifier.refreshKeys()
      if (refreshed !== undefined) return refreshed.then(() => this.#judge(token, context, verifier.verifyToken(token, options), nowMs))
    }
    return this.#judge(token, context, verification, nowMs)
  }

  #judge(token: string, { connection }: TokenContext, verification: Verification, nowMs: number): Authentication | Promise<Authentication> {
    if (!verification.ok) return verification.rejection.reason === 'NotOurs' ? NONE : refused(verification.rejection)
    const { claims, audiences, proof } = verification
    if (connection !== undefined && this.#connections.get(connection)?.proof !== proof) this.#connections.set(connection, { token, proof })
    if (!this.#deps.cache.trustworthy) return refused({ reason: 'OutOfTouch' })
    return claims.kind === 'bound' ? this.#bound(claims, audiences, nowMs) : this.#legacy(claims, token, audiences, nowMs)
  }

  #bound(claims: BoundClaims & VerifiedClaims, audiences: readonly string[], nowMs: number): Authentication | Promise<Authentication> {
    const seen = this.#remember(claims)
    const rejection = this.#boundRejection(claims, seen, nowMs)
    if (rejection === undefined) return this.#accept(claims, seen, audiences, nowMs)
    const fresh = this.#deps.cache.fresh()
    if (fresh === undefined) return refused(rejection)
    // On a shared store the account may have been made elsewhere a moment ago.
    return fresh.then(() => {
      const now = this.#boundRejection(claims, seen, nowMs)
      return now === undefined ? this.#accept(claims, seen, audiences, nowMs) : refused(now)
    })
  }

  #boundRejection(claims: BoundClaims, seen: Seen, nowMs: number): Rejection | undefined {
    const { namespace, account, secret, pod } = claims
    if (account.name === '') return { reason: 'AccountNameMissing' }
    const uid = this.#lookUp('v1/serviceaccounts', `${namespace}/${account.name}`, account.uid, seen.account)
    if (uid === undefined) return { reason: 'AccountGone', namespace, name: account.name }
    if (uid !== account.uid) return { reason: 'AccountReplaced', uid, claimedUid: account.uid }
    const deletedBefore = nowMs - LEEWAY_MS
    if (seen.account.deletedMs < deletedBefore) return { reason: 'AccountDeleted', namespace, name: account.name }
    const dead =
      (secret && this.#dead('Secret', 'v1/secrets', `${namespace}/${secret.name}`, secret.uid, seen.secret, deletedBefore)) ??
      (pod && this.#dead('Pod', 'v1/pods', `${namespace}/${pod.name}`, pod.uid, seen.pod, deletedBefore)) ??
      this.#deadNode(claims, seen.node, deletedBefore)
    if (dead !== undefined) return dead
    return this.#deps.revoked?.(claims) === true ? { reason: 'Revoked' } : undefined
  }

  /** With a pod the node is information only: it may even be one that does not exist. */
  #deadNode({ node, pod }: BoundClaims, alive: Alive, deletedBefore: number): Rejection | undefined {
    if (node === undefined || (pod !== undefined && this.#deps.strictNodeClaim !== true)) return undefined
    return this.#dead('Node', 'v1/nodes', node.name, node.uid, alive, deletedBefore)
  }

  #dead(
    kind: 'Pod' | 'Secret' | 'Node',
    id: string,
    key: string,
    claimedUid: string,
    alive: Alive,
    deletedBefore: number,
  ): Rejection | undefined {
    const uid = this.#lookUp(id, key, claimedUid, alive)
    if (uid === undefined) return { reason: 'BoundObjectGone', kind, uid: claimedUid }
    if (uid !== claimedUid) return { reason: 'BoundObjectReplaced', kind, uid, claimedUid }
    return alive.deletedMs < deletedBefore ? { reason: 'BoundObjectGone', kind, uid } : undefined
  }

  /** The uid of the object as it is now; undefined when there is none. Looks into a state of it only once. */
  #lookUp(id: string, key: string, claimedUid: string, alive: Alive): string | undefined {
    const found = this.#deps.cache.resource(id)?.get(key)
    if (found === undefined) return undefined
    if (found.revision === alive.revision) return claimedUid
    const { uid = '', deletionTimestamp } = found.object.metadata ?? {}
    if (uid === claimedUid) {
      alive.revision = found.revision
      alive.deletedMs = deletionTimestamp === undefined ? Number.POSITIVE_INFINITY : Date.parse(deletionTimestamp)
    }
    return uid
  }

  #accept(claims: BoundClaims, seen: Seen, audiences: readonly string[], nowMs: number): Authentication {
    const { count, used } = this.#deps
    used?.(claims)
    if (claims.audiences.length > 0 && claims.warnAfterSeconds === 0) {
      if (seen.answer === undefined || seen.audiences !== audiences) {
        seen.answer = { outcome: 'user', user: seen.user, audiences }
        seen.audiences = audiences
      }
      return seen.answer
    }
    const auditAnnotations: Record<string, string> = {}
    if (claims.audiences.length === 0) {
      auditAnnotations['authentication.k8s.io/legacy-token'] = claims.subject
      count?.('serviceaccount_legacy_tokens_total')
    }
    if (claims.warnAfterSeconds !== 0) {
      const stale = nowMs > claims.warnAfterSeconds * 1000
      if (stale) {
        const seconds = Math.floor(nowMs / 1000) - claims.warnAfterSeconds
        auditAnnotations['authentication.k8s.io/stale-token'] = `subject: ${claims.subject}, seconds after warning threshold: ${seconds}`
      }
      count?.(stale ? 'serviceaccount_stale_tokens_total' : 'serviceaccount_valid_tokens_total')
    }
    return { outcome: 'user', user: seen.user, audiences, auditAnnotations }
  }

  #legacy(
    claims: LegacyClaims & VerifiedClaims,
    token: string,
    audiences: readonly string[],
    nowMs: number,
  ): Authentication | Promise<Authentication> {
    this.#deps.count?.('serviceaccount_legacy_tokens_total')
    const missing = missingClaim(claims)
    if (missing !== undefined) return refused({ reason: 'LegacyClaimMissing', claim: missing })
    const subject = splitAccountUsername(claims.subject)
    if (subject?.namespace !== claims.namespace || subject.name !== claims.accountName) return refused({ reason: 'LegacySubjectInvalid' })
    const { user } = this.#remember(claims)
    const auditAnnotations: Record<string, string> = { 'authentication.k8s.io/legacy-token': claims.subject }
    if (this.#deps.lookup === false) return { outcome: 'user', user, audiences, auditAnnotations }
    const decide = () => this.#legacyLive(claims, token, { user, audiences, auditAnnotations }, nowMs)
    const fresh = this.#legacyObjects(claims) === undefined ? this.#deps.cache.fresh() : undefined
    return fresh === undefined ? decide() : fresh.then(decide)
  }

  #legacyObjects({ namespace, secretName, accountName }: LegacyClaims): { secret: CachedObject; account: CachedObject } | undefined {
    const { cache } = this.#deps
    const secret = cache.resource('v1/secrets')?.get(`${namespace}/${secretName}`)
    const account = cache.resource('v1/serviceaccounts')?.get(`${namespace}/${accountName}`)
    return secret === undefined || account === undefined ? undefined : { secret, account }
  }

  #legacyLive(
    claims: LegacyClaims,
    token: string,
    answer: { user: UserInfo; audiences: readonly string[]; auditAnnotations: Record<string, string> },
    nowMs: number,
  ): Authentication | Promise<Authentication> {
    const { namespace, secretName, accountName, accountUid } = claims
    const { cache, count } = this.#deps
    const secret = cache.resource('v1/secrets')?.get(`${namespace}/${secretName}`)?.object
    if (secret === undefined || secret.metadata?.deletionTimestamp !== undefined) return refused({ reason: 'LegacySecretGone' })
    if (!holds(secret, token)) return refused({ reason: 'LegacySecretDiffers' })
    const account = cache.resource('v1/serviceaccounts')?.get(`${namespace}/${accountName}`)?.object
    if (account === undefined) return refused({ reason: 'AccountGone', namespace, name: accountName })
    if (account.metadata?.deletionTimestamp !== undefined) return refused({ reason: 'LegacyAccountDeleted', namespace, name: accountName })
    const uid = account.metadata?.uid ?? ''
    if (uid !== accountUid) return refused({ reason: 'LegacyAccountReplaced', uid, claimedUid: accountUid })
    const labelled = this.#labelLastUsed(secret, nowMs)
    if ((secret.metadata?.labels?.[INVALID_SINCE_LABEL] ?? '') !== '') {
      count?.('serviceaccount_invalid_legacy_auto_token_uses_total')
      const rejected = refused({ reason: 'LegacyMarkedInvalid', namespace, secret: secretName, account: accountName })
      return labelled === undefined ? rejected : labelled.then(() => rejected)
    }
    const references: { name?: string }[] = account['secrets'] ?? []
    const generated = references.some(({ name }) => name === secretName)
    count?.(generated ? 'serviceaccount_legacy_auto_token_uses_total' : 'serviceaccount_legacy_manual_token_uses_total')
    answer.auditAnnotations[`authentication.k8s.io/legacy-token-${generated ? 'autogenerated' : 'manual'}-secret`] = secretName
    const accepted: Authentication = { outcome: 'user', ...answer, ...(generated && { warnings: [GENERATED_WARNING] }) }
    return labelled === undefined ? accepted : labelled.then(() => accepted)
  }

  /** Once a day; the day before a clock's midnight counts too, as servers' clocks differ. */
  #labelLastUsed(secret: KubeObject, nowMs: number): Promise<void> | undefined {
    const { labelSecret } = this.#deps
    const today = dateOf(nowMs)
    const { namespace = '', name = '', uid = '', labels } = secret.metadata ?? {}
    const lastUsed = labels?.[LAST_USED_LABEL]
    if (labelSecret === undefined || lastUsed === today || lastUsed === dateOf(nowMs + 86_400_000)) return undefined
    const key = `${namespace}/${name}`
    let running = this.#labelling.get(key)
    if (running === undefined) {
      running = labelSecret({ namespace, name, uid }, { [LAST_USED_LABEL]: today }).finally(() => this.#labelling.delete(key))
      this.#labelling.set(key, running)
    }
    return running
  }

  #remember(claims: VerifiedClaims): Seen {
    let seen = this.#seen.get(claims)
    if (seen === undefined) {
      seen = {
        user: accountUser(claims),
        account: unseen(),
        pod: unseen(),
        secret: unseen(),
        node: unseen(),
        answer: undefined,
        audiences: undefined,
      }
      this.#seen.set(claims, seen)
    }
    return seen
  }
}

const GENERATED_WARNING =
  'Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens.'

function unseen(): Alive {
  return { revision: -1, deletedMs: Number.POSITIVE_INFINITY }
}

function refused(rejection: Rejection): Authentication {
  return { outcome: 'refused', error: new TokenRejectedError(rejection) }
}

function missingClaim(claims: LegacyClaims) {
  if (claims.subject === '') return 'sub'
  if (claims.namespace === '') return 'namespace'
  if (claims.secretName === '') return 'secretName'
  if (claims.accountName === '') return 'serviceAccountName'
  return claims.accountUid === '' ? 'serviceAccountUID' : undefined
}

/** In constant time: the secret's token is a credential. */
function holds(secret: KubeObject, token: string): boolean {
  const stored = Buffer.from(String(secret['data']?.token ?? ''), 'base64')
  const presented = Buffer.from(token)
  return stored.length === presented.length && timingSafeEqual(stored, presented)
}

function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
