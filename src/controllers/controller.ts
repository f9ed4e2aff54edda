/**
 * The contract of a loop that makes the world agree with the objects.
 *
 * An event only queues a key; `reconcile(key)` reads the present and may run twice. Failures come back with back-off.
 *
 * @module
 */

import type { Cache, ResourceCache } from '../cache/cache.ts'
import type { Client, ClientFactory } from '../client/client.ts'
import type { Clock } from '../clock.ts'
import type { ServedResources } from './served-resources.ts'

export interface ControllerContext {
  /** Live state, without a copy. Only to be read. */
  cache: Cache
  clients: ClientFactory
  clock: Clock
  /** Draws in [0, 1). */
  random(): number
  newUid(): string
  log: {
    debug(fields: object, text: string): void
    info(fields: object, text: string): void
    warn(fields: object, text: string): void
    error(fields: object, text: string): void
  }
  /** PEM bundle that clients use to trust this server (`--root-ca-file`, else the server's own CA). */
  rootCA: string
  /** What is served, for controllers that work on objects of any kind. */
  resources: ServedResources
  config: ControllerConfig
}

export interface ControllerConfig {
  /** PEM, for CSR signing; undefined: nothing is signed. */
  clusterSigning?: { certificate: string; key: string }
  /** Every account gets a token Secret (`--legacy-tokens`). */
  legacyTokens?: boolean
  /** Period of the legacy token cleaner's view, seconds. */
  legacyTokenCleanUpSeconds: number
  /** How many objects a kind of worker handles at once; default per controller. */
  concurrency?: Readonly<Record<string, number>>
  /** Signs legacy (secret) service account tokens. */
  signLegacyToken?(claims: {
    namespace: string
    secretName: string
    serviceAccountName: string
    serviceAccountUid: string
  }): Promise<string>
  /** kube-controller-manager's `--cluster-signing-duration`, seconds. */
  clusterSigningDurationSeconds: number
  /** Other servers may work on the same store: its controllers run in one of them, which a Lease decides. */
  sharedStore?: boolean
}

export interface Controller {
  /** kube-controller-manager's name: `serviceaccount-controller`, `garbage-collector-controller`. */
  readonly name: string
  /** Runs until the signal aborts; resolves when its watches are set up. */
  start(context: ControllerContext, signal: AbortSignal): Promise<void>
}

/** A client with the controller's own account and rights, as kube-controller-manager's per-controller credentials. */
export function clientOf(context: ControllerContext, account: string): Client {
  return context.clients.as({ username: `system:serviceaccount:kube-system:${account}` }, USER_AGENT)
}

/** A client with the rights of kube-controller-manager itself, for what upstream runs without an account of its own. */
export function managerClient(context: ControllerContext): Client {
  return context.clients.as({ username: 'system:kube-controller-manager' }, USER_AGENT)
}

/** A client as the server's own loops have it, which run whatever controllers are selected. */
export function serverClient(context: ControllerContext): Client {
  return context.clients.as({ username: 'system:apiserver', groups: ['system:masters'] }, 'kube-apiserver')
}

/** How these loops sign their writes in managedFields. */
const USER_AGENT = 'kube-controller-manager'

export function required(context: ControllerContext, id: string): ResourceCache {
  const resource = context.cache.resource(id)
  if (resource === undefined) throw new TypeError(`the cache keeps no ${id}`)
  return resource
}

/** How many objects `name` handles at once: as configured, else `standard`. */
export function concurrencyOf(context: ControllerContext, name: string, standard: number): number {
  return context.config.concurrency?.[name] ?? standard
}

/** Closes what follows a cache, and the queues behind it, with the signal. */
export function closeWith(signal: AbortSignal, ...closed: readonly { close(): void }[]): void {
  signal.addEventListener(
    'abort',
    () => {
      for (const one of closed) one.close()
    },
    { once: true },
  )
}
