/**
 * Bearer tokens judged by somebody else's TokenReview endpoint (`--authentication-token-webhook-config-file`).
 *
 * @see apiserver/plugin/pkg/authenticator/token/webhook/webhook.go; apiserver/pkg/util/webhook/webhook.go, WithExponentialBackoff
 * @module
 */
import { hash } from 'node:crypto'
import type { TokenReview } from '../api/types/authentication/v1.ts'
import type { Clock } from '../clock.ts'
import type { Authentication } from './authenticator.ts'
import type { TokenAuthenticator } from './token.ts'
import type { UserInfo } from './user.ts'

export interface WebhookSettings {
  /** POSTs a review. Rejects when nobody answers; every HTTP answer resolves. */
  post(review: TokenReview): Promise<{ status: number; body: unknown }>
  /** `--authentication-token-webhook-version`. */
  version: 'v1' | 'v1beta1'
  apiAudiences: readonly string[]
  clock: Clock
  /** `--authentication-token-webhook-cache-ttl`; 0: nothing is remembered. */
  cacheSeconds: number
  /** Resolves after so long, of real time. */
  pause(ms: number): Promise<void>
  /** In [0, 1). */
  random(): number
  /** Remembered answers. */
  cacheEntries?: number
}

const ATTEMPTS = 5
const FIRST_PAUSE_MS = 500
const FACTOR = 1.5
const JITTER = 0.2

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
  const review: TokenReview = {
    kind: 'TokenReview',
    apiVersion: `authentication.k8s.io/${settings.version}`,
    metadata: {},
    spec: { token, audiences: [...audiences] },
    status: { user: {} },
  }
  let answer: Partial<TokenReview>
  try {
    answer = await postRepeatedly(settings, review)
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

async function postRepeatedly(settings: WebhookSettings, review: TokenReview): Promise<Partial<TokenReview>> {
  let pauseMs = FIRST_PAUSE_MS
  for (let attempt = 1; ; attempt++) {
    const outcome = await settings.post(review).catch((error: unknown) => error as Error)
    if (!(outcome instanceof Error)) {
      const { status, body } = outcome
      if (status >= 200 && status < 300 && body !== null && typeof body === 'object') return body
      if (status !== 429 && status < 500) throw new Error(`the token webhook answers ${status}`)
      if (attempt === ATTEMPTS) throw new Error(`the token webhook answers ${status}`)
    } else if (attempt === ATTEMPTS) throw outcome
    await settings.pause(pauseMs * (1 + JITTER * settings.random()))
    pauseMs *= FACTOR
  }
}

/** Whatever the webhook says, a user is made of texts and lists of texts. */
function userOf(user: NonNullable<NonNullable<TokenReview['status']>['user']>): UserInfo {
  const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [])
  const { username, uid, groups, extra } = user as Record<string, unknown>
  const pairs =
    extra !== null && typeof extra === 'object'
      ? Object.entries(extra).map(([key, values]): [string, string[]] => [key, texts(values)])
      : []
  return {
    username: typeof username === 'string' ? username : '',
    ...(typeof uid === 'string' && uid !== '' && { uid }),
    groups: texts(groups),
    ...(pairs.length > 0 && { extra: Object.fromEntries(pairs) }),
  }
}
