/**
 * How a server knows who asks: keys, tokens, certificates, and the chain that joins them.
 *
 * @module
 */
import { createPublicKey } from 'node:crypto'
import { anonymousAuthenticator } from '../authentication/anonymous.ts'
import type { Authenticator } from '../authentication/authenticator.ts'
import { bearerAuthenticator, webSocketAuthenticator } from '../authentication/bearer.ts'
import { bootstrapTokenAuthenticator } from '../authentication/bootstraptoken.ts'
import { authenticationChain } from '../authentication/chain.ts'
import { requestHeaderAuthenticator } from '../authentication/requestheader.ts'
import { ServiceAccountAuthenticator } from '../authentication/serviceaccount.ts'
import { type TokenAuthenticator, tokenUnion } from '../authentication/token.ts'
import { tokenFileAuthenticator } from '../authentication/tokenfile.ts'
import { x509Authenticator } from '../authentication/x509.ts'
import type { Cache } from '../cache/cache.ts'
import type { Clock } from '../clock.ts'
import { parseCertificates } from '../pki/certificate.ts'
import { localSigner, type TokenIssuer, tokenIssuer } from '../token/issuer.ts'
import { type KeySource, signingKeyFromPem, staticKeySource, verificationKey, verificationKeysFromPem } from '../token/keys.ts'
import { TokenVerifier } from '../token/verify.ts'
import type { ServerOptions } from './options.ts'

export interface Identity {
  keys: KeySource
  issuer: TokenIssuer
  chain: Authenticator
}

export function identityOf(options: ServerOptions, cache: Cache, clock: Clock): Identity {
  const signing = signingKeyFromPem(options.serviceAccount.signingKey)
  const accepted = options.serviceAccount.keys.flatMap(verificationKeysFromPem)
  const keys = staticKeySource(accepted.length > 0 ? accepted : [verificationKey(createPublicKey(signing.privateKey))])
  const { maxTokenExpirationSeconds, extendExpiration, lookup } = options.serviceAccount
  const issuer = tokenIssuer({
    // At least one issuer is there: the command line and the defaults see to it.
    issuers: options.serviceAccount.issuers as [string, ...string[]],
    apiAudiences: options.apiAudiences,
    signer: localSigner(() => signing),
    extendExpiration,
    ...(maxTokenExpirationSeconds === undefined ? {} : { maxExpirationSeconds: maxTokenExpirationSeconds }),
  })
  const verifier = new TokenVerifier({ keys, issuers: issuer.issuers, apiAudiences: issuer.apiAudiences })
  const accounts = new ServiceAccountAuthenticator({ verifier, cache, clock, lookup })
  return { keys, issuer, chain: chainOf(options, { cache, clock, accounts, apiAudiences: issuer.apiAudiences }) }
}

/** In upstream's order: front proxy, certificates, tokens, nobody. */
function chainOf(options: ServerOptions, parts: { cache: Cache; clock: Clock; accounts: TokenAuthenticator; apiAudiences: readonly string[] }): Authenticator {
  const { cache, clock, accounts, apiAudiences } = parts
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
  if (options.staticTokens.length > 0) tokens.push(tokenFileAuthenticator(new Map(options.staticTokens.map(({ token, username, uid, groups }) => [token, { username, uid, groups }]))))
  tokens.push(accounts, bootstrapTokenAuthenticator({ cache, clock }))
  const union = tokenUnion(tokens)
  members.push(bearerAuthenticator(union), webSocketAuthenticator(union))
  return authenticationChain({ members, apiAudiences, ...(options.anonymousAuth ? { anonymous: anonymousAuthenticator() } : {}) })
}
