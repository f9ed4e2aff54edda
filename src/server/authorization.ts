/**
 * How a server knows what somebody may do: the authorizers of its flags or of a configuration file, which may change while it runs.
 *
 * @see pkg/kubeapiserver/authorizer/{config,reload}.go
 * @module
 */
import { abacAuthorizer } from '../authorization/abac.ts'
import { alwaysAllowAuthorizer } from '../authorization/alwaysallow.ts'
import { alwaysDenyAuthorizer } from '../authorization/alwaysdeny.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import type { AuthorizerType, ConfiguredAuthorizer, ConfiguredWebhook } from '../authorization/configured.ts'
import { nodeAuthorizer } from '../authorization/node.ts'
import { NodeGraph } from '../authorization/node-graph.ts'
import { rbacAuthorizer } from '../authorization/rbac.ts'
import { systemMastersAuthorizer } from '../authorization/systemmasters.ts'
import { unionAuthorizer } from '../authorization/union.ts'
import type { WebhookObserver } from '../authorization/webhook.ts'
import type { Cache } from '../cache/cache.ts'
import type { ReviewWebhook } from '../client/review-webhook.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { RbacIndex } from '../rbac/index.ts'
import { followFile } from './followed-file.ts'
import type { Cell, Families, Family } from './metrics-families.ts'
import type { ServerLog, ServerOptions } from './options.ts'
import { ReloadMetrics } from './reload-metrics.ts'

export interface AuthorizationDeps {
  cache: Cache
  index: RbacIndex
  clock: Clock
  log: ServerLog
  families: Families
  /** What metrics tell servers apart by. */
  serverName: string
}

export interface RunningAuthorization {
  authorizer: Authorizer
  close(): void
}

/** @throws ConfigurationError where the file cannot be used */
export async function openAuthorization(options: ServerOptions, deps: AuthorizationDeps): Promise<RunningAuthorization> {
  const { authorizationConfig: file } = options
  const builder = new Builder(options, deps)
  if (file === undefined) {
    await builder.use(configuredByFlags(options))
    // It stays the same: one step less at each decision.
    return { authorizer: builder.current, close: () => builder.close() }
  }
  const { loadAuthorizationFile } = await import('./authorization-file.ts')
  let bytes = file.read()
  let loaded = await loadAuthorizationFile(bytes, file.path)
  builder.keepTypes(loaded)
  await builder.use(loaded)
  const metrics = new ReloadMetrics('authorization', deps.serverName, deps)
  metrics.uses(bytes)
  let looking = Promise.resolve()
  const look = async () => {
    try {
      const found = file.read()
      if (found.equals(bytes)) return
      bytes = found
      const fresh = await loadAuthorizationFile(found, file.path, builder.kept)
      if (JSON.stringify(fresh) === JSON.stringify(loaded)) return
      loaded = fresh
      await builder.use(fresh)
      metrics.succeeded(found)
      deps.log.info({ path: file.path }, 'the authorization configuration was read again')
    } catch (err) {
      metrics.failed()
      deps.log.error({ err, path: file.path }, 'the authorization configuration cannot be used; the one before stays in use')
    }
  }
  const stop = followFile(file, deps.clock, () => {
    looking = looking.then(look)
  })
  return {
    authorizer: builder.authorizer,
    close() {
      stop()
      builder.close()
    },
  }
}

/** @see pkg/kubeapiserver/options/authorization.go, buildAuthorizationConfiguration */
function configuredByFlags({ authorizationModes, authorizationWebhook }: ServerOptions): ConfiguredAuthorizer[] {
  return authorizationModes.map((type): ConfiguredAuthorizer => {
    if (type !== 'Webhook') return { type, name: type.toLowerCase() }
    if (authorizationWebhook === undefined) throw new TypeError('the mode Webhook needs the settings of a webhook')
    return { type, name: 'default', webhook: authorizationWebhook }
  })
}

/** Makes authorizers; those that follow the store are made once. */
class Builder {
  readonly #options: ServerOptions
  readonly #deps: AuthorizationDeps
  readonly #lasting = new Map<AuthorizerType, Authorizer>()
  readonly #decisions: Family
  #webhooks: ReviewWebhook[] = []
  #observer: ((name: string) => WebhookObserver) | undefined
  #current: Authorizer = alwaysDenyAuthorizer
  /** Types that the file may not lose; undefined: there is no file. */
  kept: ReadonlySet<AuthorizerType> | undefined
  readonly authorizer: Authorizer = {
    name: 'Server',
    authorize: (attributes) => this.#current.authorize(attributes),
    rulesFor: (user, namespace) =>
      this.#current.rulesFor?.(user, namespace) ?? { resourceRules: [], nonResourceRules: [], incomplete: true },
  }

  get current(): Authorizer {
    return this.#current
  }

  constructor(options: ServerOptions, deps: AuthorizationDeps) {
    this.#options = options
    this.#deps = deps
    this.#decisions = deps.families.counter('apiserver_authorization_decisions_total', 'Decisions that ended a chain of authorizers.', [
      'type',
      'name',
      'decision',
    ])
  }

  keepTypes(configured: readonly ConfiguredAuthorizer[]): void {
    this.kept = new Set(configured.flatMap(({ type }) => (type === 'Webhook' ? [] : [type])))
  }

  /** All of them, or none. */
  async use(configured: readonly ConfiguredAuthorizer[]): Promise<void> {
    const webhooks: ReviewWebhook[] = []
    const members: Authorizer[] = [systemMastersAuthorizer]
    // The privileged group is not counted.
    const count = [() => {}, ...configured.map((one) => this.#counter(one))]
    for (const one of configured) members.push(one.type === 'Webhook' ? await this.#webhook(one, webhooks) : this.#own(one.type))
    this.#current = unionAuthorizer(members, (member, decision) => count[member]?.(decision))
    for (const old of this.#webhooks) old.close()
    this.#webhooks = webhooks
  }

  close(): void {
    for (const webhook of this.#webhooks) webhook.close()
  }

  /** A cell is made by its first decision: what never was is not told of. */
  #counter({ type, name }: ConfiguredAuthorizer): (decision: 'allow' | 'deny') => void {
    const cells: { allow?: Cell; deny?: Cell } = {}
    return (decision) => {
      cells[decision] ??= this.#decisions.cell(type, name, decision === 'allow' ? 'allowed' : 'denied')
      cells[decision].value++
    }
  }

  #own(type: Exclude<AuthorizerType, 'Webhook'>): Authorizer {
    if (type === 'AlwaysAllow') return alwaysAllowAuthorizer
    if (type === 'AlwaysDeny') return alwaysDenyAuthorizer
    let found = this.#lasting.get(type)
    if (found === undefined) {
      found = this.#lastingAuthorizer(type)
      this.#lasting.set(type, found)
    }
    return found
  }

  #lastingAuthorizer(type: 'Node' | 'RBAC' | 'ABAC'): Authorizer {
    const { cache, index } = this.#deps
    switch (type) {
      case 'RBAC':
        return rbacAuthorizer(index)
      case 'ABAC':
        return abacAuthorizer(this.#options.abacPolicies)
      case 'Node': {
        const graph = new NodeGraph()
        graph.follow(cache)
        return nodeAuthorizer(graph)
      }
    }
  }

  async #webhook({ name, webhook: settings }: { name: string; webhook: ConfiguredWebhook }, opened: ReviewWebhook[]): Promise<Authorizer> {
    const [{ webhookAuthorizer }, { matchConditions }, { reviewWebhook }, { reviewClient }, metrics] = await Promise.all([
      import('../authorization/webhook.ts'),
      import('../authorization/conditions.ts'),
      import('../client/review-webhook.ts'),
      import('../client/kubeconfig.ts'),
      import('./metrics-authorization.ts'),
    ])
    const { clock, families } = this.#deps
    this.#observer ??= metrics.webhookMetrics(families)
    const conditions = settings.matchConditions
    const webhook = reviewWebhook({
      client: reviewClient(settings.kubeConfigFile),
      timeoutMs: settings.timeoutMs,
      clock,
      random: Math.random,
      pause: (ms) => new Promise((resolve) => systemClock.after(ms, resolve)),
    })
    opened.push(webhook)
    return webhookAuthorizer({
      webhook,
      version: settings.version,
      authorizedMs: settings.authorizedMs,
      unauthorizedMs: settings.unauthorizedMs,
      onError: settings.failurePolicy === 'Deny' ? 'deny' : 'noOpinion',
      conditions:
        conditions.length === 0
          ? undefined
          : matchConditions(conditions, await (await import('../authentication/expressions.ts')).expressionCompiler()),
      clock,
      observer: this.#observer(name),
    })
  }
}
