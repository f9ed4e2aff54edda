/**
 * Streams that are open: they end when the server stops, and when the identity that opened them is no longer one.
 *
 * kube-apiserver lets a watch run on after its account, pod, secret or node is gone; here it ends (decision 0012).
 *
 * @module
 */
import type { Authenticator, Credentials } from '../authentication/authenticator.ts'
import type { Cache, CacheEvent, Subscription } from '../cache/cache.ts'

/** What a service account token lives by. */
const LIVED_BY = ['v1/serviceaccounts', 'v1/secrets', 'v1/pods', 'v1/nodes'] as const
const ACCOUNT_PREFIX = 'system:serviceaccount:'

interface Open {
  credentials: Credentials
  username: string
  close(): void
}

export class LongRunning {
  readonly #open = new Set<Open>()
  readonly #authenticator: Authenticator
  readonly #following: Subscription[]
  #checking = false

  constructor(authenticator: Authenticator, cache: Pick<Cache, 'resource'>) {
    this.#authenticator = authenticator
    this.#following = LIVED_BY.flatMap((id) => cache.resource(id)?.follow((event) => this.#lost(event)) ?? [])
  }

  get size(): number {
    return this.#open.size
  }

  /** The answer takes it off the list again. */
  add(username: string, credentials: Credentials, close: () => void): () => void {
    const open = { username, credentials, close }
    this.#open.add(open)
    // Between its authentication and now it may have died.
    if (username.startsWith(ACCOUNT_PREFIX)) void this.#check(open)
    return () => this.#open.delete(open)
  }

  /** Somebody's tokens were revoked, or keys retired. */
  recheck(): void {
    if (this.#checking || this.#open.size === 0) return
    this.#checking = true
    // After all events of this moment have been seen.
    setImmediate(() => {
      this.#checking = false
      for (const open of this.#open) if (open.username.startsWith(ACCOUNT_PREFIX)) void this.#check(open)
    })
  }

  closeAll(): void {
    for (const subscription of this.#following) subscription.close()
    for (const open of this.#open) open.close()
  }

  #lost({ type, object }: CacheEvent): void {
    if (this.#open.size === 0) return
    if (type === 'DELETED' || (type === 'MODIFIED' && object.object.metadata?.deletionTimestamp !== undefined)) this.recheck()
  }

  async #check(open: Open): Promise<void> {
    const outcome = await this.#authenticator.authenticate(open.credentials)
    if (outcome.outcome !== 'user' || outcome.user.username !== open.username) open.close()
  }
}
