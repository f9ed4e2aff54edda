/**
 * How a server knows who asks: keys, tokens, certificates, the ledger of what was issued, and the chain that joins them.
 *
 * @module
 */
import { createPublicKey } from 'node:crypto'
import type { Authenticator } from '../authentication/authenticator.ts'
import { bearerAuthenticator, webSocketAuthenticator } from '../authentication/bearer.ts'
import { bootstrapTokenAuthenticator } from '../authentication/bootstraptoken.ts'
import { authenticationChain } from '../authentication/chain.ts'
import { requestHeaderAuthenticator } from '../authentication/requestheader.ts'
import { ServiceAccountAuthenticator, type TokenCounter } from '../authentication/serviceaccount.ts'
import { audienceAgnostic, type TokenAuthenticator, tokenUnion } from '../authentication/token.ts'
import { tokenFileAuthenticator } from '../authentication/tokenfile.ts'
import { x509Authenticator } from '../authentication/x509.ts'
import type { Cache } from '../cache/cache.ts'
import type { Clock } from '../clock.ts'
import { parseCertificates } from '../pki/certificate.ts'
import type { RegistryAccess } from '../registry/resource.ts'
import { type IssuedToken, localSigner, type TokenIssuer, type TokenOwner, type TokenSigner, tokenIssuer } from '../token/issuer.ts'
import { KeyFolder } from '../token/key-folder.ts'
import type { KeyLives } from '../token/key-lives.ts'
import {
  type KeySource,
  type SigningKey,
  signingKeyFromPem,
  staticKeySource,
  verificationKey,
  verificationKeysFromPem,
} from '../token/keys.ts'
import { type LedgerStorage, TokenLedger } from '../token/ledger.ts'
import { TokenVerifier } from '../token/verify.ts'
import { type OtherAuthentication, openAuthentication } from './authentication.ts'
import type { Families } from './metrics-families.ts'
import type { ServerLog, ServerOptions } from './options.ts'

export interface Identity {
  keys: KeySource
  issuer: TokenIssuer
  /** Signs the tokens in Secrets, which never expire. */
  secretTokenSigner: TokenSigner
  /** Present when keys are made here and have a life. */
  folder: KeyFolder | undefined
  ledger: TokenLedger | undefined
  chain: Authenticator
  /** Keeps what has not been kept yet. */
  close(): Promise<void>
}

export interface IdentityDeps {
  cache: Cache
  clock: Clock
  log: ServerLog
  /** Of the running server, once it is there. */
  registry(): RegistryAccess
  /** Where the ledger is kept; absent: none is. */
  ledgerStorage?: LedgerStorage
  /** Where all servers keep the lives of signing keys; absent: they are this server's own. */
  keyLives?(): KeyLives
  /** Told when tokens died that nobody deleted: what is open by them has to end. */
  tokensDied(): void
  count?(counter: TokenCounter): void
  families: Families
  /** What metrics tell servers apart by. */
  serverName: string
}

const DAY_MS = 24 * 60 * 60 * 1000

export async function openIdentity(options: ServerOptions, deps: IdentityDeps): Promise<Identity> {
  const { cache, clock, log, ledgerStorage, tokensDied, count } = deps
  const { maxTokenExpirationSeconds, extendExpiration, lookup, strictNodeClaim } = options.serviceAccount
  const source = await signingSource(options, deps)
  const ledger =
    ledgerStorage === undefined
      ? undefined
      : await TokenLedger.open({
          clock,
          storage: ledgerStorage,
          failed: (err) => log.error({ err }, 'the ledger of tokens could not be written; it is tried again'),
          revokedSome: tokensDied,
        })
  const issuer = tokenIssuer({
    // At least one issuer is there: the command line and the defaults see to it.
    issuers: options.serviceAccount.issuers as [string, ...string[]],
    apiAudiences: options.apiAudiences,
    signer: source.signer,
    extendExpiration,
    ...source.limits(maxTokenExpirationSeconds),
    ...(ledger !== undefined && {
      issued: (token: IssuedToken) => ledger.issued(token),
      earliestIssueSeconds: (owners: readonly TokenOwner[], nowSeconds: number) => ledger.earliestIssueSeconds(owners, nowSeconds),
    }),
  })
  const verifier = new TokenVerifier({ keys: source.keys, issuers: issuer.issuers, apiAudiences: issuer.apiAudiences })
  const accounts = new ServiceAccountAuthenticator({
    verifier,
    cache,
    clock,
    lookup,
    strictNodeClaim,
    labelSecret: (secret, labels) => labelSecret(deps, secret, labels),
    ...(ledger !== undefined && { revoked: (claims) => ledger.revoked(claims), used: (claims) => ledger.used(claims) }),
    ...(count !== undefined && { count }),
  })
  const others = await openAuthentication(options, {
    clock,
    log,
    families: deps.families,
    serverName: deps.serverName,
    issuers: options.serviceAccount.issuers,
    apiAudiences: issuer.apiAudiences,
  })
  return {
    keys: source.keys,
    issuer,
    secretTokenSigner: secretTokenSigner(options, source),
    folder: source.folder,
    ledger,
    chain: chainOf(options, { cache, clock, accounts, others, apiAudiences: issuer.apiAudiences }),
    async close() {
      others.close()
      await ledger?.close()
      await source.close()
    },
  }
}

/** Who signs and which keys verify: a file, a folder of keys with a life, or a program beside the server. */
interface SigningSource {
  signer: TokenSigner
  keys: KeySource
  folder: KeyFolder | undefined
  limits(maxSeconds: number | undefined): { maxExpirationSeconds?: number; maxExtendedExpirationSeconds?: number }
  close(): Promise<void>
}

async function signingSource({ serviceAccount }: ServerOptions, deps: IdentityDeps): Promise<SigningSource> {
  if (serviceAccount.signingEndpoint !== undefined) return externalSource(serviceAccount.signingEndpoint, deps)
  const { signingKey: firstKey, keyFolder } = serviceAccount
  if (firstKey === undefined) throw new TypeError('neither a signing key nor a signing endpoint is given')
  const accepted = serviceAccount.keys.flatMap(verificationKeysFromPem)
  if (keyFolder !== undefined) return folderSource(keyFolder, firstKey, accepted, deps)
  const signing = signingKeyFromPem(firstKey)
  return {
    signer: localSigner(() => signing),
    keys: staticKeySource(accepted.length > 0 ? accepted : [verificationKey(createPublicKey(signing.privateKey))]),
    folder: undefined,
    limits: ownLimits,
    close: async () => {},
  }
}

async function externalSource(endpoint: string, { clock, log }: IdentityDeps): Promise<SigningSource> {
  // Loaded only here: grpc is heavy.
  const { ExternalSigner } = await import('../token/external-signer.ts')
  const failed = (err: unknown) => log.error({ err }, 'the keys of the external signer could not be fetched; those known stay in use')
  const signer = await ExternalSigner.open({ endpoint, clock, failed })
  return {
    signer,
    keys: signer,
    folder: undefined,
    limits: (maxSeconds) => ({
      maxExpirationSeconds: Math.min(maxSeconds ?? Number.POSITIVE_INFINITY, signer.maxExpirationSeconds),
      maxExtendedExpirationSeconds: signer.maxExtendedExpirationSeconds,
    }),
    close: async () => signer.close(),
  }
}

async function folderSource(
  dir: string,
  firstKey: string,
  accepted: readonly ReturnType<typeof verificationKey>[],
  { clock, log, keyLives, tokensDied }: IdentityDeps,
): Promise<SigningSource> {
  const others = accepted.map((verification) => ({ verification }))
  const shared = keyLives === undefined ? {} : { sharedLives: keyLives() }
  const folder = await KeyFolder.open(dir, { clock, firstKey, others, log, endedElsewhere: tokensDied, ...shared })
  const failed = (err: unknown) => log.error({ err, dir }, 'keys whose time is over could not be removed')
  let cancel = () => {}
  const clean = () => {
    folder.clean().catch(failed)
    cancel = clock.after(DAY_MS, clean)
  }
  clean()
  return {
    signer: folder,
    keys: folder.ring,
    folder,
    limits: ownLimits,
    async close() {
      cancel()
      await folder.close()
    },
  }
}

function ownLimits(maxSeconds: number | undefined): { maxExpirationSeconds?: number } {
  return maxSeconds === undefined ? {} : { maxExpirationSeconds: maxSeconds }
}

/** A key of their own where there is one. */
function secretTokenSigner({ controllers }: ServerOptions, { signer }: SigningSource): TokenSigner {
  if (controllers.secretTokenKey === undefined) return signer
  const key: SigningKey = signingKeyFromPem(controllers.secretTokenKey)
  return localSigner(() => key)
}

async function labelSecret(
  { registry, log }: IdentityDeps,
  { namespace, name, uid }: { namespace: string; name: string; uid: string },
  labels: Record<string, string>,
): Promise<void> {
  try {
    await registry().update(
      'v1/secrets',
      { namespace, name },
      (secret) => {
        if (secret.metadata?.uid !== uid) throw new Error('it was replaced by another of its name')
        secret.metadata.labels = { ...secret.metadata.labels, ...labels }
      },
      { fieldManager: 'kube-apiserver' },
    )
  } catch (err) {
    log.warn({ err, namespace, secret: name }, 'the last use of a token secret could not be noted')
  }
}

/** In upstream's order: front proxy, certificates, tokens, nobody. */
function chainOf(
  options: ServerOptions,
  parts: { cache: Cache; clock: Clock; accounts: TokenAuthenticator; others: OtherAuthentication; apiAudiences: readonly string[] },
): Authenticator {
  const { cache, clock, accounts, others, apiAudiences } = parts
  const members: Authenticator[] = []
  if (options.requestHeader !== undefined) {
    const { clientCA, ...settings } = options.requestHeader
    const authorities = parseCertificates(clientCA)
    members.push(requestHeaderAuthenticator({ authorities: () => authorities, clock, ...settings }))
  }
  if (options.clientCA !== undefined) {
    const authorities = parseCertificates(options.clientCA)
    members.push(x509Authenticator({ authorities: () => authorities, clock }))
  }
  const tokens: TokenAuthenticator[] = []
  if (options.staticTokens.length > 0) {
    const users = new Map(options.staticTokens.map(({ token, username, uid, groups }) => [token, { username, uid, groups }]))
    tokens.push(audienceAgnostic(tokenFileAuthenticator(users), apiAudiences))
  }
  tokens.push(accounts)
  if (options.bootstrapTokenAuth) tokens.push(audienceAgnostic(bootstrapTokenAuthenticator({ cache, clock }), apiAudiences))
  tokens.push(...others.tokens)
  const union = tokenUnion(tokens)
  members.push(bearerAuthenticator(union), webSocketAuthenticator(union))
  return authenticationChain({ members, apiAudiences, ...(others.anonymous === undefined ? {} : { anonymous: others.anonymous }) })
}
