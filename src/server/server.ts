/**
 * A whole server from its options: store, cache, registry, identity, access, listener.
 *
 * @module
 */
import { randomInt, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { admissionChain } from '../admission/chain.ts'
import { mutatingAdmissionPolicy } from '../admission/mutatingpolicy.ts'
import type { ServedAs } from '../admission/ownerreferencespermission.ts'
import { defaultAdmissionPlugins } from '../admission/plugins.ts'
import { validatingAdmissionPolicy } from '../admission/validatingpolicy.ts'
import type { WebhookDeps } from '../admission/webhook.ts'
import { webhookClient } from '../admission/webhook-client.ts'
import { mutatingAdmissionWebhook } from '../admission/webhook-mutating.ts'
import { resolveService } from '../admission/webhook-service.ts'
import { validatingAdmissionWebhook } from '../admission/webhook-validating.ts'
import type { KubeObject } from '../api/object.ts'
import { decodeProtobuf } from '../api/protobuf.ts'
import { builtinSchemas } from '../api/schemas.ts'
import { isStatusError } from '../api/status.ts'
import type { ResourceQuota } from '../api/types/core/v1.ts'
import { alwaysDenyAuthorizer } from '../authorization/alwaysdeny.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { Impersonator } from '../authorization/impersonation.ts'
import type { Cache, ResourceCache } from '../cache/cache.ts'
import { layoutCodec } from '../cache/layout.ts'
import { openCache } from '../cache/live-cache.ts'
import type { ClientFactory } from '../client/client.ts'
import { type Clock, systemClock } from '../clock.ts'
import { startControllers } from '../controllers/controllers.ts'
import { servedResources } from '../controllers/served-resources.ts'
import { RbacIndex } from '../rbac/index.ts'
import { registryAccess } from '../registry/access.ts'
import { Registry } from '../registry/endpoint.ts'
import { podpassDefinitions } from '../registry/podpass/definitions.ts'
import { withPodpassSchemas } from '../registry/podpass/schemas.ts'
import type { RegistryAccess, ResourceDefinition, World } from '../registry/resource.ts'
import { servedDefinitions } from '../registry/served.ts'
import type { Verbs } from '../registry/verbs/context.ts'
import { KeyedQueue } from '../registry/verbs/keyed-queue.ts'
import { openEmbeddedStore } from '../storage/embedded/embedded-store.ts'
import type { Store } from '../storage/store.ts'
import { legacyTokenClaims } from '../token/claims.ts'
import type { KeyLives } from '../token/key-lives.ts'
import type { LedgerStorage } from '../token/ledger.ts'
import { LedgerFile } from '../token/ledger-file.ts'
import { impersonation } from './access.ts'
import { objectInterfaces } from './admission-objects.ts'
import { auditTrail } from './audit.ts'
import { openAuthorization } from './authorization.ts'
import { identityName } from './bootstrap/identity-lease.ts'
import { announce, bootstrap } from './bootstrap.ts'
import { componentChecks } from './components.ts'
import { corsFor } from './cors.ts'
import { Discovery } from './discovery.ts'
import type { Fairness } from './fairness.ts'
import { followFlowControl } from './fairness-config.ts'
import { PriorityAndFairness } from './fairness-control.ts'
import { inflightLimits } from './fairness-inflight.ts'
import { createHandler, createInternalHandler, type Handle } from './handler.ts'
import { healthChecks } from './health.ts'
import { openIdentity } from './identity.ts'
import { listen } from './listener.ts'
import { localClients } from './local-client.ts'
import { LongRunning } from './long-running.ts'
import { metricsRoute, readOffMetrics, ServerMetrics } from './metrics.ts'
import { AdmissionMetrics, policyChecks } from './metrics-admission.ts'
import { Families } from './metrics-families.ts'
import { healthMetrics } from './metrics-health.ts'
import { impersonationMetrics } from './metrics-impersonation.ts'
import { measuredStore } from './metrics-store.ts'
import { tokenCounts } from './metrics-tokens.ts'
import { oidcRoutes } from './oidc-routes.ts'
import { OpenAPIDocuments } from './openapi-documents.ts'
import { openapiRoutes } from './openapi-routes.ts'
import { controllerSelected, type ServerLog, type ServerOptions, type StoreOptions } from './options.ts'
import type { HandlerDeps } from './request.ts'
import type { RequestInfo } from './request-info.ts'
import { pathRoutes } from './routes.ts'
import { enabledDefinitions } from './runtime-config.ts'
import { statuszRoute } from './statusz.ts'
import { traceRoute } from './trace.ts'

const SAFE_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
const SILENT: ServerLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export interface RunningServer {
  /** `https://127.0.0.1:6443`. */
  readonly url: string
  readonly port: number
  readonly handler: Handle
  readonly clients: ClientFactory
  readonly cache: Cache
  /** Resolves when nothing more is being written because of what happened so far: for clocks that are turned by hand. */
  settled(): Promise<void>
  /** Lets requests finish for `graceMs`, then stops everything. */
  close(graceMs: number): Promise<void>
}

/** Leaves nothing behind where it fails. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const opened: (() => unknown)[] = []
  try {
    return await openServer(options, opened)
  } catch (error) {
    for (const close of opened.reverse()) await close()
    throw error
  }
}

async function openServer(options: ServerOptions, opened: (() => unknown)[]): Promise<RunningServer> {
  const clock = options.clock ?? systemClock
  const log = options.log ?? SILENT
  const ended = new AbortController()
  opened.push(() => ended.abort())
  const { store, ledgerStorage, keyLives } = await openStore(options.store, clock)
  opened.push(() => store.close())
  const compaction = options.store.kind === 'etcd' ? { compactionIntervalMs: options.store.compactionIntervalSeconds * 1000 } : {}
  const cache = await openCache(store, clock, { ...compaction, report: (err) => log.error({ err }, 'cache problem') })
  opened.push(() => cache.close())

  const families = new Families()
  const serverName = identityName(hostname())
  const longRunning: { current: LongRunning | undefined } = { current: undefined }
  const tokensDied = () => longRunning.current?.recheck()
  const identity = await openIdentity(options, {
    cache,
    clock,
    log,
    registry: () => access,
    ...(options.serviceAccount.ledger ? { ledgerStorage: ledgerStorage() } : {}),
    ...(keyLives === undefined ? {} : { keyLives }),
    tokensDied,
    count: tokenCounts(families),
    families,
    serverName,
  })
  const { keys, issuer, chain } = identity
  const registry = new Registry(withPodpassSchemas(builtinSchemas))
  const authorizer: { current: Authorizer } = { current: alwaysDenyAuthorizer }
  const world: World = {
    cache,
    clock,
    newUid: randomUUID,
    randomSuffix: (length) => Array.from({ length }, () => SAFE_ALPHABET[randomInt(SAFE_ALPHABET.length)]).join(''),
    authorizer: {
      name: 'Server',
      authorize: (attributes) => authorizer.current.authorize(attributes),
      rulesFor: (user, namespace) =>
        authorizer.current.rulesFor?.(user, namespace) ?? { resourceRules: [], nonResourceRules: [], incomplete: true },
    },
    emulatedMinor: options.emulatedMinor,
    features: {
      serviceClusterIPRanges: options.network.serviceClusterIPRanges,
      nodePortRange: options.network.nodePortRange,
      allowPrivileged: options.allowPrivileged,
      eventTTLSeconds: options.eventTtlSeconds,
    },
  }
  const served = enabledDefinitions(
    servedDefinitions({ issuer, chain, components: componentChecks(store, options.controllers.selection.includes('*')) }),
    options.runtimeConfig,
  )
  await registerAll(registry, cache, [
    ...served,
    ...podpassDefinitions({ ...identity, retired: tokensDied, ...(options.turnableClock && { turnableClock: options.turnableClock }) }),
  ])
  const index = new RbacIndex()
  index.follow(cache)
  const authorization = await openAuthorization(options, { cache, index, clock, log, families, serverName })
  opened.push(() => authorization.close())
  authorizer.current = authorization.authorizer
  world.rbac = index

  const access = registryAccess(() => verbs)
  world.registry = access
  world.resourceOfKind = (apiVersion, kind) => servedAs(registry, apiVersion, kind)[0]?.resource
  const webhooks = webhookClient((service) => resolveService(cache, service, Math.random))
  const webhookDeps: WebhookDeps = {
    cache,
    objects: objectInterfaces(registry),
    authorizer: world.authorizer,
    client: webhooks,
    newUid: world.newUid,
    checked: policyChecks(families),
    failedOpen: (webhook, err) => log.warn({ webhook, err }, 'admission webhook failed, its policy is to go on'),
  }
  const admissionMetrics = new AdmissionMetrics(families)
  const plugins = defaultAdmissionPlugins(
    {
      cache,
      clock,
      waitingClock: systemClock,
      authorizer: world.authorizer,
      randomSuffix: world.randomSuffix,
      servedAs: (apiVersion, kind) => servedAs(registry, apiVersion, kind),
      updateQuotaStatus: (key, change) => updateQuotaStatus(access, key, change),
      more: [
        mutatingAdmissionPolicy(webhookDeps),
        mutatingAdmissionWebhook(webhookDeps),
        validatingAdmissionPolicy(webhookDeps),
        validatingAdmissionWebhook(webhookDeps),
      ],
      tolerationSeconds: {
        notReady: options.admission.defaultNotReadyTolerationSeconds,
        unreachable: options.admission.defaultUnreachableTolerationSeconds,
      },
    },
    options.admission,
  )
  const admission = admissionMetrics.chain(admissionChain(plugins.map((plugin) => admissionMetrics.plugin(plugin))))
  const verbs: Verbs = { registry, store: measuredStore(store, registry, families), world, admission, queue: new KeyedQueue(), access }
  const discovery = new Discovery(registry)
  const readiness = { ready: false, stopping: false }
  const checks = healthChecks(cache, readiness)
  const healthFigures = healthMetrics()
  let port = options.securePort
  const address = () => `${options.externalHostname ?? options.bindAddress}:${port}`
  const fair = options.enablePriorityAndFairness ? priorityAndFairness(options, registry, clock, families) : undefined
  const fairness: Fairness = fair ?? inflightLimits(options.maxRequestsInflight, options.maxMutatingRequestsInflight)
  readOffMetrics(families, { registry, cache, emulatedMinor: options.emulatedMinor })
  const impersonations = impersonationMetrics(families)
  const deps: HandlerDeps = {
    verbs,
    authenticator: chain,
    authorizer: world.authorizer,
    impersonate: impersonation(new Impersonator(impersonations.counted(world.authorizer)), impersonations),
    fairness,
    cors: corsFor(options.corsAllowedOrigins),
    observer: new ServerMetrics(registry, families),
    audit: options.audit === undefined ? undefined : auditTrail(options.audit, { clock, log, families }),
    paths: pathRoutes({
      discovery,
      serverAddress: address,
      emulatedMinor: options.emulatedMinor,
      checks,
      observeHealth: healthFigures.observe,
      extra: [
        traceRoute,
        metricsRoute(families),
        metricsRoute(healthFigures.families, '/metrics/slis'),
        statuszRoute(options.emulatedMinor, ['/healthz', '/livez', '/metrics', '/readyz', '/statusz', '/version']),
        ...openapiRoutes(new OpenAPIDocuments(registry)),
        ...oidcRoutes(
          {
            issuer: issuer.issuer,
            jwksUri: options.serviceAccount.jwksURI,
            get externalAddress() {
              return address()
            },
            keys,
          },
          log,
        ),
      ],
    }),
    clock,
    log,
    requestTimeoutMs: options.requestTimeoutSeconds * 1000,
    minWatchTimeoutMs: options.minRequestTimeoutSeconds * 1000,
    random: Math.random,
    longRunning: new LongRunning(chain, cache),
  }
  longRunning.current = deps.longRunning
  const handler = createHandler(deps)
  const internal = createInternalHandler(deps)
  const clients = localClients(() => internal)
  const system = {
    registry: access,
    cache,
    client: clients.as({ username: 'system:apiserver', groups: ['system:masters'] }, 'kube-apiserver'),
    clock,
    log,
    signal: ended.signal,
  }
  await bootstrap(system, options, servedGroupVersions(registry))
  if (fair !== undefined) followFlowControl(cache, fair, ended.signal)
  const listener = await listen({
    host: options.bindAddress,
    port: options.securePort,
    tls: options.tls,
    requestTimeoutMs: options.requestTimeoutSeconds * 1000,
    handle: handler,
  })
  opened.push(() => listener.close(0))
  port = listener.port
  const announcement = await announce(system, options, port, store)
  await startControllers(
    {
      cache,
      clients,
      clock,
      random: Math.random,
      newUid: randomUUID,
      log,
      rootCA: options.controllers.rootCA ?? options.tls.certificate,
      resources: servedResources(registry),
      config: {
        signLegacyToken: (of) => identity.secretTokenSigner.sign(legacyTokenClaims(of)),
        sharedStore: options.store.kind === 'etcd',
        ...(options.controllers.clusterSigning === undefined ? {} : { clusterSigning: options.controllers.clusterSigning }),
        legacyTokens: options.controllers.legacyTokens,
        legacyTokenCleanUpSeconds: options.controllers.legacyTokenCleanUpSeconds,
        concurrency: options.controllers.concurrency,
        clusterSigningDurationSeconds: options.controllers.clusterSigningDurationSeconds,
      },
    },
    (name) => controllerSelected(name, options.controllers.selection),
    ended.signal,
  )
  readiness.ready = true
  return {
    url: `https://${options.bindAddress.includes(':') ? `[${options.bindAddress}]` : options.bindAddress}:${port}`,
    port,
    handler,
    clients,
    cache,
    settled: () => settled(store, cache),
    async close(graceMs) {
      readiness.stopping = true
      // Load balancers see it, and send nobody any more.
      if (options.shutdownDelaySeconds > 0) await sleep(options.shutdownDelaySeconds * 1000)
      ended.abort()
      await announcement.withdraw()
      deps.longRunning.closeAll()
      await listener.close(graceMs)
      await identity.close()
      webhooks.close()
      authorization.close()
      await deps.audit?.close()
      await cache.close()
      await store.close()
    },
  }
}

async function settled(store: Store, cache: Cache): Promise<void> {
  for (;;) {
    const { revision } = cache
    await fewTurns()
    // Comes back when the writes before it have.
    await store.sizeBytes()
    await fewTurns()
    if (cache.revision === revision) return
  }
}

/** Promises, immediates and what they queue. */
async function fewTurns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** The ledger of tokens, and what servers share of their keys, are kept beside the objects, never among them. */
async function openStore(
  options: StoreOptions,
  clock: Clock,
): Promise<{ store: Store; ledgerStorage: () => LedgerStorage; keyLives?: () => KeyLives }> {
  if (options.kind === 'embedded') {
    const store = await openEmbeddedStore({ dir: options.dataDir, clock })
    return { store, ledgerStorage: () => new LedgerFile(join(options.dataDir, 'issued-tokens')) }
  }
  // Loaded only here: grpc is heavy, and an embedded store needs none of it.
  const [{ openEtcdStore }, { etcdLedger }, { etcdKeyLives }] = await Promise.all([
    import('../storage/etcd/etcd-store.ts'),
    import('../token/ledger-etcd.ts'),
    import('../token/key-lives-etcd.ts'),
  ])
  const { servers, prefix, ca, certificate, key } = options
  const store = await openEtcdStore({
    servers,
    prefix,
    clock,
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
  })
  return { store, ledgerStorage: () => etcdLedger(store, prefix), keyLives: () => etcdKeyLives(store, prefix) }
}

/** Versions of one object share one cache, under the name of the first. */
async function registerAll(registry: Registry, cache: Cache, definitions: readonly ResourceDefinition[]): Promise<void> {
  const caches = new Map<string, Promise<ResourceCache>>()
  for (const { storage, group, version, resource } of definitions) {
    if (storage === undefined || caches.has(storage.prefix)) continue
    const id = group === '' ? `${version}/${resource}` : `${group}/${version}/${resource}`
    caches.set(storage.prefix, cache.register(id, storage.prefix, layoutCodec({ decodeForeign })))
  }
  for (const definition of definitions)
    registry.add(definition, definition.storage === undefined ? undefined : await caches.get(definition.storage.prefix))
}

/** What kube-apiserver wrote into the same etcd. */
function decodeForeign(value: Uint8Array): KubeObject {
  const object = decodeProtobuf(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
  if (object === undefined) throw new TypeError('a stored object is of a kind that is not known')
  return object
}

function priorityAndFairness(options: ServerOptions, registry: Registry, clock: Clock, families: Families): PriorityAndFairness {
  return new PriorityAndFairness({
    totalSeats: options.maxRequestsInflight + options.maxMutatingRequestsInflight,
    clock,
    monotonicMs: () => performance.now(),
    requestTimeoutMs: options.requestTimeoutSeconds * 1000,
    objectsListed: ({ group, version, resource, namespace }: RequestInfo) =>
      registry
        .endpoint(group, version, resource)
        ?.cache?.snapshot()
        .count(namespace === '' ? '' : `${namespace}/`) ?? 0,
    families,
  })
}

function servedGroupVersions(registry: Registry): { group: string; version: string }[] {
  const found = new Map<string, { group: string; version: string }>()
  for (const { gvk, apiVersion } of registry.endpoints()) found.set(apiVersion, { group: gvk.group, version: gvk.version })
  return [...found.values()]
}

function servedAs(registry: Registry, apiVersion: string, kind: string): ServedAs[] {
  const found: ServedAs[] = []
  for (const { gvk, gr, definition, apiVersion: served } of registry.endpoints()) {
    if (served === apiVersion && gvk.kind === kind)
      found.push({ group: gr.group, version: gvk.version, resource: gr.resource, namespaced: definition.namespaced })
  }
  return found
}

async function updateQuotaStatus(
  access: RegistryAccess,
  key: { namespace: string; name: string },
  change: (quota: ResourceQuota) => void,
): Promise<void> {
  try {
    await access.update('v1/resourcequotas', key, change, { subresource: 'status' })
  } catch (error) {
    if (!isStatusError(error, 'NotFound')) throw error
  }
}
