/**
 * `--oidc-*`: one issuer, as it would stand in an AuthenticationConfiguration.
 *
 * @see pkg/kubeapiserver/options/authentication.go, ToAuthenticationConfig
 * @module
 */
import type { JwtDocument } from './configured.ts'
import { usernamePrefix } from './jwt.ts'

export interface OidcFlags {
  issuerUrl: string
  clientId: string
  /** PEM. */
  ca?: string
  usernameClaim: string
  /** `-`: none. */
  usernamePrefix: string
  /** Empty: no groups. */
  groupsClaim: string
  groupsPrefix: string
  signingAlgorithms: readonly string[]
  requiredClaims: Readonly<Record<string, string>>
}

export function oidcIssuer(flags: OidcFlags): JwtDocument {
  return {
    issuer: { url: flags.issuerUrl, audiences: [flags.clientId], ...(flags.ca !== undefined && { certificateAuthority: flags.ca }) },
    claimMappings: {
      username: { claim: flags.usernameClaim, prefix: usernamePrefix(flags.usernamePrefix, flags.usernameClaim, flags.issuerUrl) },
      ...(flags.groupsClaim !== '' && { groups: { claim: flags.groupsClaim, prefix: flags.groupsPrefix } }),
    },
    claimValidationRules: Object.entries(flags.requiredClaims).map(([claim, requiredValue]) => ({ claim, requiredValue })),
  }
}
