/**
 * The issuers elsewhere whose tokens count, all at once: they are replaced together, once every new one has been found.
 *
 * @see pkg/kubeapiserver/authenticator/config.go, newJWTAuthenticator and updateAuthenticationConfig
 * @module
 */
import { aggregateErrors } from '../api/aggregate.ts'
import type { ConfiguredAuthentication } from '../authentication/configuration.ts'
import type { ConfiguredJwt } from '../authentication/configured.ts'
import { claimResolver } from '../authentication/distributed-claims.ts'
import { httpsDocument, httpsJson } from '../authentication/https-json.ts'
import { jwtAuthenticator, jwtSet, TokenMemory, verifyToken } from '../authentication/jwt.ts'
import { jwtMapping } from '../authentication/jwt-mapping.ts'
import { RemoteKeys, SIGNING_ALGORITHMS } from '../authentication/remote-keys.ts'
import { audienceAgnostic, type TokenAuthenticator } from '../authentication/token.ts'
import { systemClock } from '../clock.ts'
import type { AuthenticationDeps } from './authentication.ts'
import { type IssuerObserver, issuerMetrics } from './metrics-authentication.ts'

/** How long a new set may take to be found. */
const READY_MS = 60_000
const LOOK_MS = 100

interface IssuerSet {
  authenticator: TokenAuthenticator
  keys: RemoteKeys[]
}

export class IssuerSets {
  readonly #deps: AuthenticationDeps
  readonly #algorithms: readonly string[]
  readonly #observer: (issuer: string) => IssuerObserver
  #current: IssuerSet = { authenticator: jwtSet([]), keys: [] }
  #closed = false
  readonly authenticator: TokenAuthenticator = {
    name: 'jwt',
    authenticateToken: (token, context) => this.#current.authenticator.authenticateToken(token, context),
  }

  /** @param algorithms of signatures; any that is known when undefined */
  constructor(deps: AuthenticationDeps, algorithms: readonly string[] = SIGNING_ALGORITHMS) {
    this.#deps = deps
    this.#algorithms = algorithms
    this.#observer = issuerMetrics(deps.serverName, deps)
  }

  /** From now on; each is looked for until it is found. */
  start(configured: ConfiguredAuthentication): void {
    this.#current = this.#open(configured)
  }

  /** From when all of them have been found. Throws, and changes nothing, where they are not. */
  async replace(configured: ConfiguredAuthentication): Promise<void> {
    const fresh = this.#open(configured)
    const endMs = performance.now() + READY_MS
    for (;;) {
      const failures = fresh.keys.flatMap(({ failure }) => failure ?? [])
      if (failures.length === 0) break
      if (performance.now() > endMs || this.#closed) {
        close(fresh)
        throw new Error(aggregateErrors(failures.map(({ message }) => message)))
      }
      await new Promise<void>((resolve) => systemClock.after(LOOK_MS, resolve))
    }
    close(this.#current)
    this.#current = fresh
  }

  close(): void {
    this.#closed = true
    close(this.#current)
  }

  #open({ jwt }: ConfiguredAuthentication): IssuerSet {
    const { clock, apiAudiences } = this.#deps
    const keys: RemoteKeys[] = []
    const memory = new TokenMemory(clock)
    const members = jwt.map((one) => this.#member(one, keys, memory))
    return { authenticator: audienceAgnostic(jwtSet(members, memory), apiAudiences), keys }
  }

  #member(one: ConfiguredJwt, keys: RemoteKeys[], memory: TokenMemory): TokenAuthenticator {
    const { clock, log } = this.#deps
    const { url = '', discoveryURL, certificateAuthority, audiences = [] } = one.document.issuer ?? {}
    const observer = this.#observer(url)
    const fetchJson = httpsJson(certificateAuthority)
    const look = (remote: RemoteKeys, issuer: string): RemoteKeys => {
      remote.start((err) => log.error({ err, issuer }, 'an issuer of tokens could not be found; it is tried again'))
      return remote
    }
    const remote = new RemoteKeys({
      issuer: url,
      ...(discoveryURL !== undefined && discoveryURL !== '' && { discoveryUrl: discoveryURL }),
      fetchJson,
      // Others have their own time.
      clock: systemClock,
      fetched: (document) => observer.fetched(document),
    })
    keys.push(look(remote, url))
    const settings = { audiences, signingAlgorithms: this.#algorithms, clock }
    const groups = one.document.claimMappings?.groups?.claim
    return jwtAuthenticator({
      issuer: url,
      ...settings,
      keys: remote,
      memory,
      took: (result, seconds) => observer.took(result, seconds),
      ...(groups !== undefined && {
        expand: claimResolver({
          claim: groups,
          fetchDocument: httpsDocument(certificateAuthority),
          keysOf: (issuer) => look(new RemoteKeys({ issuer, fetchJson, clock: systemClock }), issuer),
          verify: (token, others) => verifyToken({ ...settings, keys: others }, token),
        }),
      }),
      ...jwtMapping(one),
    })
  }
}

function close({ keys }: IssuerSet): void {
  for (const one of keys) one.close()
}
