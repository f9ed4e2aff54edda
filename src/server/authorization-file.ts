/**
 * `--authorization-config`, read and checked with what it names.
 *
 * @see pkg/kubeapiserver/authorizer/config.go, LoadAndValidateData
 * @module
 */
import { aggregateErrors } from '../api/aggregate.ts'
import { ConfigurationError } from '../api/configuration.ts'
import { expressionCompiler } from '../authentication/expressions.ts'
import { conditionProblem } from '../authorization/conditions.ts'
import { authorizationConfiguration } from '../authorization/configuration.ts'
import type { AuthorizerType, ConfiguredAuthorizer } from '../authorization/configured.ts'
import { KubeconfigError, reviewClient } from '../client/kubeconfig.ts'

/**
 * @param path for the message
 * @param kept the types that were there at the start: none of them may be missing, and no other that follows the store may come
 * @throws ConfigurationError with file, path and reason
 */
export async function loadAuthorizationFile(
  bytes: Buffer,
  path: string,
  kept?: ReadonlySet<AuthorizerType>,
): Promise<ConfiguredAuthorizer[]> {
  const failed = (why: string, cause?: unknown) => new ConfigurationError(`${path}: ${why}`, { cause })
  try {
    const configured = authorizationConfiguration(bytes, conditionProblem(await expressionCompiler()))
    if (kept !== undefined) checkKept(configured, kept)
    for (const one of configured) if (one.type === 'Webhook') reviewClient(one.webhook.kubeConfigFile)
    return configured
  } catch (error) {
    if (error instanceof ConfigurationError || error instanceof KubeconfigError) throw failed(error.message, error)
    throw error
  }
}

const FREE_TO_COME: ReadonlySet<AuthorizerType> = new Set(['AlwaysAllow', 'AlwaysDeny', 'Webhook'])

function checkKept(configured: readonly ConfiguredAuthorizer[], kept: ReadonlySet<AuthorizerType>): void {
  const types = new Set(configured.map(({ type }) => type))
  const missing = [...kept].filter((type) => !types.has(type)).sort()
  if (missing.length > 0) throw new ConfigurationError(aggregateErrors([`missing required types: [${missing.join(' ')}]`]))
  for (const type of types)
    if (!kept.has(type) && !FREE_TO_COME.has(type))
      throw new ConfigurationError(`authorizer type ${type} is not allowed if it was not enabled at initial server startup`)
}
