/**
 * All built-in resources of a server: the plain ones, and those that need what only a running server has.
 *
 * @module
 */
import type { Authenticator } from '../authentication/authenticator.ts'
import type { TokenIssuer } from '../token/issuer.ts'
import { authenticationDefinitions } from './authentication/definitions.ts'
import { authorizationDefinitions } from './authorization/definitions.ts'
import { type ComponentChecks, componentStatuses } from './core/componentstatuses.ts'
import { serviceAccountTokenSubresource } from './core/serviceaccount-token.ts'
import { definitions } from './definitions.ts'
import type { ResourceDefinition } from './resource.ts'

export interface ServedDeps {
  issuer: TokenIssuer
  /** The server's own, which judges the tokens of reviews. */
  chain: Authenticator
  components: ComponentChecks
}

/** Groups in upstream's order of preference: an ambiguous name means the first. */
const GROUP_ORDER = [
  '',
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
]

export function servedDefinitions({ issuer, chain, components }: ServedDeps): ResourceDefinition[] {
  const token = serviceAccountTokenSubresource({ issuer })
  const plain = definitions.map((definition) =>
    definition.group === '' && definition.resource === 'serviceaccounts'
      ? { ...definition, subresources: { ...definition.subresources, token } }
      : definition,
  )
  const all = [
    ...plain,
    componentStatuses(components),
    ...authenticationDefinitions({ chain, apiAudiences: issuer.apiAudiences }),
    ...authorizationDefinitions,
  ]
  const rank = ({ group }: ResourceDefinition) => (GROUP_ORDER.includes(group) ? GROUP_ORDER.indexOf(group) : GROUP_ORDER.length)
  return all.sort((a, b) => rank(a) - rank(b))
}
