/**
 * Leases for keys with a time to live. One lease serves many keys written shortly after each other, as kube-apiserver does it: etcd would
 * otherwise carry one lease per event.
 *
 * @see apiserver/pkg/storage/etcd3/lease_manager.go
 * @module
 */
import { randomInt } from 'node:crypto'
import { leaseGrant } from './messages.ts'
import type { EtcdTransport } from './transport.ts'

/** A lease is shared for at most so long … */
const SHARED_SECONDS = 60
/** … and for at most this part of the time to live. */
const SHARED_PART = 0.05
const KEYS_PER_LEASE = 1000

interface Lease {
  id: Promise<number>
  sharedUntilMs: number
  keys: number
}

export class Leases {
  readonly #transport: EtcdTransport
  /** By time to live. */
  readonly #latest = new Map<number, Lease>()

  constructor(transport: EtcdTransport) {
    this.#transport = transport
  }

  /** A lease on which a key lives for `ttlSeconds`, or a little longer. */
  async lease(ttlSeconds: number): Promise<number> {
    const nowMs = performance.now()
    const latest = this.#latest.get(ttlSeconds)
    if (latest !== undefined && nowMs < latest.sharedUntilMs && latest.keys < KEYS_PER_LEASE) {
      latest.keys++
      return latest.id
    }
    const sharedSeconds = Math.floor(Math.min(SHARED_SECONDS, ttlSeconds * SHARED_PART))
    const id = this.#grant(ttlSeconds + sharedSeconds)
    const lease = { id, sharedUntilMs: nowMs + sharedSeconds * 1000, keys: 1 }
    this.#latest.set(ttlSeconds, lease)
    id.catch(() => {
      if (this.#latest.get(ttlSeconds) === lease) this.#latest.delete(ttlSeconds)
    })
    return id
  }

  async #grant(ttlSeconds: number): Promise<number> {
    // Chosen here, so that it fits a number.
    const { id } = await this.#transport.write(leaseGrant, { ttlSeconds, id: randomInt(1, 2 ** 48 - 1) })
    return id
  }
}
