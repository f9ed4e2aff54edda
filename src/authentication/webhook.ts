/**
 * Bearer tokens judged by somebody else's TokenReview endpoint (`--authentication-token-webhook-config-file`).
 *
 * @see apiserver/plugin/pkg/authenticator/token/webhook/webhook.go; apiserver/pkg/authentication/token/cache/cached_token_authenticator.go
 * @module
 */
import { hash } from 'node:crypto'
import type { TokenReview } from '../api/types/authentication/v1.ts'
import type { ReviewWebhook } from '../client/review-webhook.ts'
import type { Clock } from '../clock.ts'
import type { Authentication } from './authenticator.ts'
import type { TokenAuthenticator } from './token.ts'
import type { UserInfo } from './user.ts'

export interface WebhookSettings {
  webhook: Pick<ReviewWebhook, 'ask'>
  /** `--authentication-token-webhook-version`. */
  version: 'v1' | 'v1beta1'
  apiAudiences: readonly string[]
  clock: Clock
  /** `--authentication-token-webhook-cache-ttl`; 0: nothing is remembered. */
  cacheSeconds: number
  /** Remembered answers. */
  cacheEntries?: number
}

const NONE: Authentication = { outcome: 'none' }

interface Remembered {
  answer: Authentication
  untilMs: number
}

export function webhookAuthenticator(settings: WebhookSettings): TokenAuthenticator {
  const { clock, apiAudiences, cacheSeconds, cacheEntries = 4096 } = settings
  const remembered = new Map<string, Remembered>()
  const asking = new Map<string, Promise<Authentication>>()

  function remember(key: string, answer: Authentication): void {
    if (cacheSeconds === 0) return
    const nowMs = clock.nowMs()
    // Answers are put in by their time: those at the front end first.
    for (const [old, { untilMs }] of remembered) {
      if (untilMs > nowMs && remembered.size < cacheEntries) break
      remembered.delete(old)
    }
    remembered.set(key, { answer, untilMs: nowMs + cacheSeconds * 1000 })
  }

  return {
    name: 'webhook',
    authenticateToken(token, context) {
      const audiences = context.audiences ?? apiAudiences
      const key = hash('sha256', JSON.stringify([token, audiences]), 'base64')
      const known = remembered.get(key)
      if (known !== undefined && clock.nowMs() < known.untilMs) return known.answer
      let asked = asking.get(key)
      if (asked === undefined) {
        asked = ask(settings, token, audiences)
          .then((answer) => {
            // What went wrong on the way is no answer.
            if (answer.outcome !== 'refused') remember(key, answer)
            return answer
          })
          .finally(() => asking.delete(key))
        asking.set(key, asked)
      }
      return asked
    },
  }
}

async function ask(settings: WebhookSettings, token: string, audiences: readonly string[]): Promise<Authentication> {
  const review = {
    kind: 'TokenReview',
    apiVersion: `authentication.k8s.io/${settings.version}`,
    metadata: {},
    spec: { token, audiences: [...audiences] },
    status: { user: {} },
  }
  let answer: TokenReview
  try {
    answer = await settings.webhook.ask(review)
  } catch (error) {
    return { outcome: 'refused', error: error instanceof Error ? error : new Error(String(error)) }
  }
  const { authenticated, error, user = {}, audiences: said = [] } = answer.status ?? {}
  const meantFor = said.length > 0 ? said : settings.apiAudiences
  const common = audiences.filter((audience) => meantFor.includes(audience))
  if (common.length === 0) return NONE
  if (authenticated !== true) return error === undefined || error === '' ? NONE : { outcome: 'refused', error: new Error(error) }
  const found = userOf(user)
  return found.username === ''
    ? { outcome: 'refused', error: new Error('the token webhook names no user') }
    : { outcome: 'user', user: found, audiences: common }
}

function userOf({ username = '', uid = '', groups = [], extra = {} }: NonNullable<NonNullable<TokenReview['status']>['user']>): UserInfo {
  return { username, ...(uid !== '' && { uid }), groups, ...(Object.keys(extra).length > 0 && { extra }) }
}
