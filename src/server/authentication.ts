/**
 * Who is believed beside the server itself: issuers elsewhere, by flags or by a file that may change while it runs, and a webhook; and
 * where requests without credentials are let in.
 *
 * @see pkg/kubeapiserver/authenticator/config.go; pkg/kubeapiserver/options/authentication.go, ApplyTo
 * @module
 */
import { anonymousAuthenticator } from '../authentication/anonymous.ts'
import type { Authenticator } from '../authentication/authenticator.ts'
import type { AnonymousDocument } from '../authentication/configured.ts'
import type { OidcFlags } from '../authentication/oidc-flags.ts'
import type { TokenAuthenticator } from '../authentication/token.ts'
import { type Clock, systemClock } from '../clock.ts'
import { type ConfigurationFile, followFile } from './followed-file.ts'
import type { Families } from './metrics-families.ts'
import type { ServerLog, ServerOptions } from './options.ts'

export interface AuthenticationDeps {
  clock: Clock
  log: ServerLog
  families: Families
  /** What metrics tell servers apart by. */
  serverName: string
  issuers: readonly string[]
  apiAudiences: readonly string[]
}

export interface OtherAuthentication {
  /** In the order in which they are asked. */
  tokens: TokenAuthenticator[]
  anonymous: Authenticator | undefined
  close(): void
}

/** @throws ConfigurationError where a file or flags cannot be used */
export async function openAuthentication(options: ServerOptions, deps: AuthenticationDeps): Promise<OtherAuthentication> {
  const issuers = options.oidc === undefined && options.authenticationConfig === undefined ? undefined : await openIssuers(options, deps)
  const webhook = options.tokenWebhook === undefined ? undefined : await openWebhook(options.tokenWebhook, deps)
  const anonymous: AnonymousDocument = issuers?.anonymous ?? { enabled: options.anonymousAuth }
  return {
    tokens: [issuers, webhook].flatMap((one) => one?.authenticator ?? []),
    anonymous: anonymous.enabled === true ? anonymousAuthenticator((anonymous.conditions ?? []).map(({ path = '' }) => path)) : undefined,
    close() {
      issuers?.close()
      webhook?.close()
    },
  }
}

interface Opened {
  authenticator: TokenAuthenticator
  close(): void
}

async function openIssuers(
  { oidc, authenticationConfig: file }: ServerOptions,
  deps: AuthenticationDeps,
): Promise<Opened & { anonymous?: AnonymousDocument | undefined }> {
  const [{ IssuerSets }, loading, { ReloadMetrics }] = await Promise.all([
    import('./issuer-sets.ts'),
    import('./authentication-file.ts'),
    import('./reload-metrics.ts'),
  ])
  const { issuers, log } = deps
  const sets = new IssuerSets(deps, oidc?.signingAlgorithms)
  if (file === undefined) {
    // One of the two is there.
    sets.start(await loading.loadOidcFlags(oidc as OidcFlags, { issuers }))
    return { authenticator: sets.authenticator, close: () => sets.close() }
  }
  let bytes = file.read()
  const first = await loading.loadAuthenticationFile(bytes, file.path, { issuers })
  sets.start(first)
  const metrics = new ReloadMetrics('authentication', deps.serverName, deps)
  metrics.uses(bytes)
  async function look({ path, read }: ConfigurationFile): Promise<void> {
    try {
      const found = read()
      if (found.equals(bytes)) return
      const fresh = await loading.loadAuthenticationFile(found, path, { issuers, before: first }).catch((error) => {
        // What is wrong with it stays wrong: it is not read again before it changes.
        bytes = found
        throw error
      })
      // An issuer that cannot be found may come back: it is tried again.
      await sets.replace(fresh)
      bytes = found
      metrics.succeeded(found)
      log.info({ path }, 'the authentication configuration was read again')
    } catch (err) {
      metrics.failed()
      log.error({ err, path }, 'the authentication configuration cannot be used; the one before stays in use')
    }
  }
  let looking = Promise.resolve()
  const stop = followFile(file, deps.clock, () => {
    looking = looking.then(() => look(file))
  })
  return {
    authenticator: sets.authenticator,
    anonymous: first.anonymous,
    close() {
      stop()
      sets.close()
    },
  }
}

async function openWebhook(settings: NonNullable<ServerOptions['tokenWebhook']>, deps: AuthenticationDeps): Promise<Opened> {
  const [{ webhookAuthenticator }, { reviewWebhook }, { reviewClient }] = await Promise.all([
    import('../authentication/webhook.ts'),
    import('../client/review-webhook.ts'),
    import('../client/kubeconfig.ts'),
  ])
  const { kubeConfigFile, timeoutMs, version, cacheSeconds } = settings
  const { clock, apiAudiences } = deps
  const webhook = reviewWebhook({
    client: reviewClient(kubeConfigFile),
    timeoutMs,
    clock,
    random: Math.random,
    pause: (ms) => new Promise((resolve) => systemClock.after(ms, resolve)),
  })
  return {
    authenticator: webhookAuthenticator({ webhook, version, cacheSeconds, apiAudiences, clock }),
    close: () => webhook.close(),
  }
}
