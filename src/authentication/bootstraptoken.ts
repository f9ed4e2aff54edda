/**
 * Bootstrap tokens: secrets of kube-system that let a new node ask for its certificate.
 *
 * @see plugin/pkg/auth/authenticator/token/bootstrap/bootstrap.go; staging/src/k8s.io/cluster-bootstrap/token
 * @module
 */
import { timingSafeEqual } from 'node:crypto'
import type { Secret } from '../api/types/core/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { Clock } from '../clock.ts'
import type { Authentication } from './authenticator.ts'
import type { TokenAuthenticator } from './token.ts'

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/
const SECRET_TYPE = 'bootstrap.kubernetes.io/token'
const BOOTSTRAPPERS = 'system:bootstrappers'
const EXTRA_GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/

const NONE: Authentication = { outcome: 'none' }

/** Whatever is wrong with a token, this authenticator has no opinion, as upstream. Wrap it in `audienceAgnostic`. */
export function bootstrapTokenAuthenticator({ cache, clock }: { cache: Cache; clock: Clock }): TokenAuthenticator {
  function judge(id: string, token: string): Authentication {
    const secret: Secret | undefined = cache.resource('v1/secrets')?.get(`kube-system/bootstrap-token-${id}`)?.object
    const groups = secret === undefined ? undefined : groupsOf(secret, id, token, clock.nowMs())
    return groups === undefined ? NONE : { outcome: 'user', user: { username: `system:bootstrap:${id}`, groups } }
  }
  return {
    name: 'bootstraptoken',
    authenticateToken(presented) {
      const [, id, token] = TOKEN.exec(presented) ?? []
      if (id === undefined || token === undefined) return NONE
      const outcome = judge(id, token)
      const fresh = outcome.outcome === 'none' ? cache.fresh() : undefined
      return fresh === undefined ? outcome : fresh.then(() => judge(id, token))
    },
  }
}

/** The groups of a token that is in order; undefined for any other. */
function groupsOf(secret: Secret, id: string, token: string, nowMs: number): string[] | undefined {
  const data = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8')
  if (secret.metadata?.deletionTimestamp !== undefined || secret.type !== SECRET_TYPE) return undefined
  if (!same(data('token-secret'), token) || data('token-id') !== id) return undefined
  if (data('usage-bootstrap-authentication') !== 'true' || expired(data('expiration'), nowMs)) return undefined
  const extra = data('auth-extra-groups')
  const groups = extra === '' ? [] : extra.split(',')
  if (!groups.every((group) => EXTRA_GROUP.test(group))) return undefined
  return [...new Set([BOOTSTRAPPERS, ...groups])].sort()
}

function same(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** What is no time counts as over. */
function expired(expiration: string, nowMs: number): boolean {
  if (expiration === '') return false
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(expiration)) return true
  const at = Date.parse(expiration)
  return Number.isNaN(at) || at <= nowMs
}
