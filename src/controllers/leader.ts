/**
 * Of several servers on one store, one runs the controllers: whoever holds the Lease `kube-system/kube-controller-manager`.
 *
 * Nobody polls: those who wait follow the Lease in their cache and come when it has not been renewed for its duration, or at once when
 * its holder lets go of it.
 *
 * @see client-go/tools/leaderelection/leaderelection.go
 * @module
 */
import { isStatusError } from '../api/status.ts'
import type { Lease } from '../api/types/coordination/v1.ts'
import type { ResourceCache } from '../cache/cache.ts'
import type { Client } from '../client/client.ts'
import { type Clock, rfc3339Micro } from '../clock.ts'

const NAMESPACE = 'kube-system'
const NAME = 'kube-controller-manager'
const KEY = `${NAMESPACE}/${NAME}`
const COLLECTION = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`

/** Others may take it so long after the last renewal that they saw. */
const LEASE_SECONDS = 12
const RENEW_MS = 3000
/** Without a renewal for so long, the holder stops: well before others begin. */
const GIVE_UP_MS = 8000
const RETRY_MS = 1000

export interface LeaderElectionDeps {
  client: Client
  leases: ResourceCache
  /** Unlike any other's. */
  identity: string
  /** For the times in the Lease. */
  clock: Clock
  /** For waiting, which is no matter of the API's time. */
  waitingClock: Pick<Clock, 'after'>
  /** Turned back by nobody. */
  monotonicMs(): number
  random(): number
  log: { info(fields: object, text: string): void; warn(fields: object, text: string): void }
}

/** Calls `run` whenever this server begins to lead; its signal aborts when the lead is lost or `signal` does. */
export function leadByLease(deps: LeaderElectionDeps, run: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): void {
  const { client, leases, identity, clock, waitingClock, monotonicMs, random, log } = deps
  let leading: AbortController | undefined
  /** What was last seen, and when it was first seen so. */
  let seen = { text: '', atMs: monotonicMs() }
  let cancelNext = () => {}
  let cancelGiveUp = () => {}
  let busy = false

  const present = () => leases.get(KEY)?.object as Lease | undefined
  const observe = () => {
    const text = JSON.stringify(present()?.spec ?? null)
    if (text !== seen.text) seen = { text, atMs: monotonicMs() }
  }
  const next = (delayMs: number) => {
    cancelNext()
    if (!signal.aborted) cancelNext = waitingClock.after(delayMs, () => void attempt())
  }
  /** How long the present holder is left in peace; 0 when there is none. */
  const untilFreeMs = () => {
    const { holderIdentity = '', leaseDurationSeconds = LEASE_SECONDS } = present()?.spec ?? {}
    return holderIdentity === '' || holderIdentity === identity ? 0 : seen.atMs + leaseDurationSeconds * 1000 - monotonicMs()
  }

  async function attempt(): Promise<void> {
    if (busy || signal.aborted) return
    observe()
    const waitMs = untilFreeMs()
    if (waitMs > 0) {
      // Somebody else's: whatever was led here is not any more.
      stop('the lease is held by another')
      return next(waitMs)
    }
    busy = true
    const beganMs = monotonicMs()
    try {
      await take(present())
      begin(beganMs)
      next(RENEW_MS)
    } catch (err) {
      if (!isStatusError(err, 'Conflict') && !isStatusError(err, 'AlreadyExists')) log.warn({ err }, 'controllers: lease not taken')
      next(RETRY_MS * (1 + random()))
    } finally {
      busy = false
    }
  }

  async function take(lease: Lease | undefined): Promise<void> {
    const now = rfc3339Micro(clock.nowMs())
    const { holderIdentity, leaseTransitions = 0, acquireTime } = lease?.spec ?? {}
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: LEASE_SECONDS,
      acquireTime: holderIdentity === identity ? acquireTime : now,
      renewTime: now,
      leaseTransitions: lease === undefined || holderIdentity === identity ? leaseTransitions : leaseTransitions + 1,
    }
    if (lease === undefined) {
      const metadata = { name: NAME, namespace: NAMESPACE }
      await client.call({ method: 'POST', path: COLLECTION, body: { kind: 'Lease', apiVersion: 'coordination.k8s.io/v1', metadata, spec } })
    } else await client.call({ method: 'PUT', path: `${COLLECTION}/${NAME}`, body: { ...lease, spec } })
  }

  function begin(sinceMs: number): void {
    const leftMs = sinceMs + GIVE_UP_MS - monotonicMs()
    // An answer that comes too late: others may be about to take over.
    if (signal.aborted || leftMs <= 0) return
    cancelGiveUp()
    cancelGiveUp = waitingClock.after(leftMs, () => stop('the lease could not be renewed'))
    if (leading !== undefined) return
    leading = new AbortController()
    log.info({ identity }, 'controllers: leading')
    run(leading.signal).catch((err) => {
      log.warn({ err }, 'controllers: not started')
      stop('they did not start')
    })
  }

  function stop(why: string): void {
    cancelGiveUp()
    if (leading === undefined) return
    log.info({ identity, why }, 'controllers: not leading any more')
    leading.abort()
    leading = undefined
  }

  /** Whoever waits need not wait for the end of the lease. */
  async function release(): Promise<void> {
    const lease = present()
    if (lease?.spec?.holderIdentity !== identity) return
    const now = rfc3339Micro(clock.nowMs())
    const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now }
    await client.call({ method: 'PUT', path: `${COLLECTION}/${NAME}`, body: { ...lease, spec } })
  }

  const following = leases.follow(({ object, type }) => {
    if (object.key !== KEY) return
    observe()
    const waitMs = type === 'DELETED' ? 0 : untilFreeMs()
    if (waitMs > 0) stop('another has taken the lease')
    // While leading the next renewal comes by itself. Of the others several may see at once that the lease is free.
    if (leading === undefined) next(Math.max(waitMs, 0) + random() * 100)
  })
  signal.addEventListener(
    'abort',
    () => {
      following.close()
      cancelNext()
      const led = leading !== undefined
      stop('the server stops')
      if (led) release().catch(() => {})
    },
    { once: true },
  )
  if (present() === undefined) void attempt()
}
