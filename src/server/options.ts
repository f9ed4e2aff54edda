/**
 * What a server is started with: kube-apiserver's settings as data, read from no flag and no file.
 *
 * Whoever starts a server (the command line, a test) fills this in; files are read before, so that nothing here is a path except the
 * data folder and configuration that is followed while the server runs. PEM members are text.
 *
 * @see cmd/kube-apiserver/app/options/options.go
 * @module
 */

import type { BatchSettings } from '../audit/batch.ts'
import type { LogFormat } from '../audit/log-backend.ts'
import type { LogFileSettings } from '../audit/log-file.ts'
import type { Policy } from '../audit/policy.ts'
import type { OidcFlags } from '../authentication/oidc-flags.ts'
import type { AbacPolicy } from '../authorization/abac.ts'
import type { AuthorizerType, ConfiguredWebhook } from '../authorization/configured.ts'
import type { ClientConfig } from '../client/kubeconfig.ts'
import type { Clock, TurnableClock } from '../clock.ts'
import type { ConfigurationFile } from './followed-file.ts'

export interface ServerOptions {
  /** The address that is listened on; `127.0.0.1` unless asked otherwise. */
  bindAddress: string
  /** `0`: any free port. */
  securePort: number
  /** What the `kubernetes` Service's endpoints say; the bind address when undefined. */
  advertiseAddress?: string
  tls: TlsOptions
  /** PEM bundle; a client certificate signed by one of these names its user. Undefined: client certificates are not asked for. */
  clientCA?: string
  /** A front proxy that has authenticated somebody else; undefined: its headers mean nothing. */
  requestHeader?: RequestHeaderOptions
  /** Requests without credentials are `system:anonymous` instead of refused. */
  anonymousAuth: boolean
  /** Secrets of their type in `kube-system` authenticate (`--enable-bootstrap-token-auth`). */
  bootstrapTokenAuth: boolean
  /** One issuer elsewhere whose tokens count (`--oidc-*`). */
  oidc?: OidcFlags
  /** Several issuers, and where anonymous requests are let in (`--authentication-config`). */
  authenticationConfig?: ConfigurationFile
  /** Asked last about a token (`--authentication-token-webhook-*`). */
  tokenWebhook?: { kubeConfigFile: string; version: 'v1' | 'v1beta1'; cacheSeconds: number; timeoutMs: number }
  /** Static tokens (`--token-auth-file`); empty unless somebody asked for them by an unsafe flag. */
  staticTokens: readonly StaticToken[]
  serviceAccount: ServiceAccountOptions
  /** Audiences that a token for this server may carry; the first issuer when empty. */
  apiAudiences: readonly string[]
  /** In the order they are asked. */
  authorizationModes: readonly AuthorizationMode[]
  /** Of the mode `ABAC`. */
  abacPolicies: readonly AbacPolicy[]
  /** Of the mode `Webhook`. */
  authorizationWebhook?: ConfiguredWebhook
  /** In place of the modes (`--authorization-config`). */
  authorizationConfig?: ConfigurationFile
  admission: AdmissionOptions
  store: StoreOptions
  network: NetworkOptions
  controllers: ControllerOptions
  /** Whose table columns are printed: `34` is Kubernetes 1.34. */
  emulatedMinor: number
  /** How long an Event is kept, seconds. */
  eventTtlSeconds: number
  /** Longest non-watch request (`--request-timeout`), seconds. */
  requestTimeoutSeconds: number
  /** A watch that names no time-out gets a random one of at least this (`--min-request-timeout`), seconds. */
  minRequestTimeoutSeconds: number
  /** Between the signal to stop and the closing of the listener (`--shutdown-delay-duration`), seconds. */
  shutdownDelaySeconds: number
  maxRequestsInflight: number
  maxMutatingRequestsInflight: number
  /** Priority and fairness (flow schemas) instead of the two numbers alone. */
  enablePriorityAndFairness: boolean
  /** Origins (regular expressions) that browsers may call from. */
  corsAllowedOrigins: readonly string[]
  /** The host in URLs that the server says of itself; the bind address when undefined. */
  externalHostname?: string
  /** Whether privileged containers are accepted. */
  allowPrivileged: boolean
  /** `'<group>/<version>': true|false`, `api/all`, `'<group>/<version>/<resource>'` (`--runtime-config`). */
  runtimeConfig: Readonly<Record<string, boolean>>
  /** What is recorded of requests, and where; undefined: nothing. */
  audit?: AuditOptions
  /** Wall time and deadlines; the system's unless a test turns it. */
  clock?: Clock
  /** The same clock, where administrators may turn it (`--clock=virtual`). */
  turnableClock?: TurnableClock
  /** Where log lines go: one call per line. Undefined: nowhere. */
  log?: ServerLog
}

export interface AuditOptions {
  policy: Policy
  log?: Omit<LogFileSettings, 'nowMs' | 'problem'> & {
    format: LogFormat
    /** `blocking-strict`: a request that cannot be recorded is not served. */
    mode: 'batch' | 'blocking' | 'blocking-strict'
    batch: BatchSettings
    /** A larger event loses its objects; undefined: it is kept as it is. */
    maxEventBytes?: number | undefined
  }
  webhook?: { client: ClientConfig; initialBackoffMs: number; batch: BatchSettings; maxEventBytes?: number | undefined }
}

export interface TlsOptions {
  /** PEM: leaf first, then the intermediates. */
  certificate: string
  key: string
  /** More certificates, chosen by the name that the client asks for. */
  sni: readonly { certificate: string; key: string; names: readonly string[] }[]
  /** `TLSv1.2` or `TLSv1.3`. */
  minVersion: 'TLSv1.2' | 'TLSv1.3'
  /** IANA names; empty: the platform's. */
  cipherSuites: readonly string[]
}

export interface RequestHeaderOptions {
  clientCA: string
  /** Common names that may speak for others; empty: any that the CA signed. */
  allowedNames: readonly string[]
  usernameHeaders: readonly string[]
  groupHeaders: readonly string[]
  uidHeaders: readonly string[]
  extraHeaderPrefixes: readonly string[]
}

export interface StaticToken {
  token: string
  username: string
  uid: string
  groups: readonly string[]
}

export interface ServiceAccountOptions {
  /** The first one issues, all are accepted. */
  issuers: readonly string[]
  /** PEM of the private key that signs. Undefined: `signingEndpoint` does. */
  signingKey?: string
  /** The socket of a program that signs and keeps the key elsewhere (`--service-account-signing-endpoint`, KEP-740). */
  signingEndpoint?: string
  /** Keys with a life are kept in this folder: `signingKey` is the first, and each may be rotated to another. Undefined: it signs for good. */
  keyFolder?: string
  /** PEMs (public or private) that verify; the signing key's own when empty. One text may hold several keys. */
  keys: readonly string[]
  /** `jwks_uri` of the discovery document; the server's own when undefined. */
  jwksURI?: string
  /** Longest life that is given, seconds; undefined: no limit but the API's. */
  maxTokenExpirationSeconds?: number
  /** Injected tokens of about an hour live a year, with a warning claim. */
  extendExpiration: boolean
  /** Whether the bound objects of a token are looked up (`--service-account-lookup`). */
  lookup: boolean
  /** A pod's token dies with the node that it names too (`--strict-node-claim`); Kubernetes never looks that up. */
  strictNodeClaim: boolean
  /** Whether issued tokens are remembered and can be revoked (`--token-ledger`). */
  ledger: boolean
}

export type AuthorizationMode = AuthorizerType

export interface AdmissionOptions {
  /** Added to the plugins that are on by default. */
  enable: readonly string[]
  /** Taken from them. */
  disable: readonly string[]
  defaultNotReadyTolerationSeconds: number
  defaultUnreachableTolerationSeconds: number
}

export type StoreOptions =
  /** node:sqlite in this folder. */
  | { kind: 'embedded'; dataDir: string }
  | {
      kind: 'etcd'
      /** `http://…` or `https://…`; several are one cluster. */
      servers: readonly string[]
      ca?: string
      certificate?: string
      key?: string
      /** `/registry` unless asked otherwise. */
      prefix: string
      /** How often old revisions are dropped (`--etcd-compaction-interval`), seconds; 0: never. */
      compactionIntervalSeconds: number
    }

export interface NetworkOptions {
  /** CIDRs for cluster IPs; the first is the primary one. */
  serviceClusterIPRanges: readonly string[]
  nodePortRange: { from: number; to: number }
}

export interface ControllerOptions {
  /** Exactly `--controllers`: names, `*` and `-name`, in order. `['*']` is everything that is on by default, `['-*']` nothing. */
  selection: readonly string[]
  /** PEM in `kube-root-ca.crt`; the serving certificate's own chain when undefined. */
  rootCA?: string
  /** PEM; undefined: certificate signing requests are not signed. */
  clusterSigning?: { certificate: string; key: string }
  clusterSigningDurationSeconds: number
  /** PEM of the private key that signs the tokens in token Secrets (`--service-account-private-key-file`); the issuing key when undefined. */
  secretTokenKey?: string
  /** Every account gets a token Secret of its own accord, as until Kubernetes 1.23 (`--legacy-tokens`). */
  legacyTokens: boolean
  legacyTokenCleanUpSeconds: number
  /** Objects handled at once, by controller name. */
  concurrency: Readonly<Record<string, number>>
}

export interface ServerLog {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

/** kube-apiserver's defaults for all that has one; certificates, keys and the store have none. */
export function defaultServerOptions(
  needed: Pick<ServerOptions, 'tls' | 'store'> & {
    serviceAccount: Pick<ServiceAccountOptions, 'signingKey'> & Partial<ServiceAccountOptions>
  },
): ServerOptions {
  return {
    bindAddress: '127.0.0.1',
    securePort: 6443,
    anonymousAuth: true,
    bootstrapTokenAuth: false,
    staticTokens: [],
    apiAudiences: [],
    authorizationModes: ['Node', 'RBAC'],
    abacPolicies: [],
    admission: { enable: [], disable: [], defaultNotReadyTolerationSeconds: 300, defaultUnreachableTolerationSeconds: 300 },
    network: { serviceClusterIPRanges: ['10.0.0.0/24'], nodePortRange: { from: 30_000, to: 32_767 } },
    controllers: {
      selection: ['*'],
      clusterSigningDurationSeconds: 31_536_000,
      legacyTokens: false,
      legacyTokenCleanUpSeconds: 31_536_000,
      concurrency: {},
    },
    emulatedMinor: 34,
    eventTtlSeconds: 3600,
    requestTimeoutSeconds: 60,
    minRequestTimeoutSeconds: 1800,
    shutdownDelaySeconds: 0,
    maxRequestsInflight: 400,
    maxMutatingRequestsInflight: 200,
    enablePriorityAndFairness: true,
    corsAllowedOrigins: [],
    allowPrivileged: true,
    runtimeConfig: {},
    ...needed,
    serviceAccount: {
      issuers: ['https://kubernetes.default.svc'],
      keys: [],
      extendExpiration: true,
      lookup: true,
      strictNodeClaim: false,
      ledger: true,
      ...needed.serviceAccount,
    },
  }
}

/**
 * Whether a controller runs under a selection: the first word about its name counts, then `*`.
 *
 * @see staging/src/k8s.io/controller-manager/app/helper.go, IsControllerEnabled
 */
export function controllerSelected(name: string, selection: readonly string[], onByDefault = true): boolean {
  let star = false
  for (const word of selection) {
    if (word === name) return true
    if (word === `-${name}`) return false
    if (word === '*') star = true
  }
  return star && onByDefault
}
