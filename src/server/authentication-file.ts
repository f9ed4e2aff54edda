/**
 * `--authentication-config` and `--oidc-*`, read and checked.
 *
 * @see pkg/kubeapiserver/options/authentication.go
 * @module
 */
import { ConfigurationError } from '../api/configuration.ts'
import { quote } from '../api/quote.ts'
import { authenticationDocument, type ConfiguredAuthentication, checkedAuthentication } from '../authentication/configuration.ts'
import type { AuthenticationDocument } from '../authentication/configured.ts'
import { expressionCompiler } from '../authentication/expressions.ts'
import { type OidcFlags, oidcIssuer } from '../authentication/oidc-flags.ts'
import { SIGNING_ALGORITHMS } from '../authentication/remote-keys.ts'

export interface AuthenticationContext {
  /** The server's own issuers. */
  issuers: readonly string[]
  /** When the server started. */
  before?: ConfiguredAuthentication
}

/** @throws ConfigurationError with file, path and reason */
export async function loadAuthenticationFile(
  bytes: Buffer,
  path: string,
  context: AuthenticationContext,
): Promise<ConfiguredAuthentication> {
  let document: AuthenticationDocument
  try {
    document = authenticationDocument(bytes)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    throw new ConfigurationError(`failed to load authentication configuration from file ${quote(path)}: ${error.message}`, { cause: error })
  }
  return checked(document, context, `${path}: `)
}

/** @throws ConfigurationError */
export async function loadOidcFlags(flags: OidcFlags, context: AuthenticationContext): Promise<ConfiguredAuthentication> {
  for (const algorithm of flags.signingAlgorithms)
    if (!(SIGNING_ALGORITHMS as readonly string[]).includes(algorithm))
      throw new ConfigurationError(`oidc: unsupported signing alg: ${quote(algorithm)}`)
  return checked({ jwt: [oidcIssuer(flags)] }, context, '')
}

async function checked(
  document: AuthenticationDocument,
  { issuers, before }: AuthenticationContext,
  where: string,
): Promise<ConfiguredAuthentication> {
  try {
    const compile = await expressionCompiler()
    const configured = checkedAuthentication(document, { compile, disallowedIssuers: issuers, ...(before !== undefined && { before }) })
    for (const { document: one } of configured.jwt) {
      const selector = one.issuer?.egressSelectorType ?? ''
      // There is no configuration of egress that could be looked up.
      if (selector !== '') throw new ConfigurationError(`oidc: egress lookup required with egress selector type ${quote(selector)}`)
    }
    return configured
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    throw new ConfigurationError(`${where}invalid authentication configuration: ${error.message}`, { cause: error })
  }
}
