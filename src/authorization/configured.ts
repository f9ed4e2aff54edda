/**
 * The authorizers of a server as flags or a file have them.
 *
 * @see apiserver/pkg/apis/apiserver/types.go
 * @module
 */

export const AUTHORIZER_TYPES = ['ABAC', 'AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook'] as const
export type AuthorizerType = (typeof AUTHORIZER_TYPES)[number]

/** One authorizer; `name` is what metrics call it. */
export type ConfiguredAuthorizer =
  | { type: Exclude<AuthorizerType, 'Webhook'>; name: string }
  | { type: 'Webhook'; name: string; webhook: ConfiguredWebhook }

export interface ConfiguredWebhook {
  timeoutMs: number
  authorizedMs: number
  unauthorizedMs: number
  version: 'v1' | 'v1beta1'
  failurePolicy: 'NoOpinion' | 'Deny'
  /** Undefined: the account of the pod that the server runs in. */
  kubeConfigFile: string | undefined
  /** CEL over `request`; all have to hold. */
  matchConditions: readonly string[]
}
