/**
 * kube-apiserver's flags for who decides what somebody may do, and what the server makes of them. What is wrong is said in its words.
 *
 * @see pkg/kubeapiserver/options/authorization.go
 * @module
 */
import { quote } from '../api/quote.ts'
import { type AbacPolicy, parseAbacPolicies } from '../authorization/abac.ts'
import { AUTHORIZER_TYPES, type AuthorizerType, type ConfiguredWebhook } from '../authorization/configured.ts'
import { KubeconfigError, reviewClient } from '../client/kubeconfig.ts'
import type { ServerOptions } from '../server/options.ts'
import type { Flags, Parsed } from './flags.ts'
import { unknownName } from './nearest.ts'

const AUTHORIZATION = 'Authorization and admission'

export const AUTHORIZATION_FLAGS = {
  'authorization-mode': {
    category: AUTHORIZATION,
    type: 'strings',
    default: ['Node', 'RBAC'],
    help: 'Who is asked, in order: Node, RBAC, ABAC, Webhook, AlwaysAllow, AlwaysDeny. kube-apiserver allows everything unless told otherwise; podpass does not.',
  },
  'authorization-policy-file': {
    category: AUTHORIZATION,
    type: 'string',
    value: 'file',
    help: 'The policies of the mode ABAC, a JSON object a line.',
  },
  'authorization-config': {
    category: AUTHORIZATION,
    type: 'string',
    value: 'file',
    help: 'An AuthorizationConfiguration in place of --authorization-mode and --authorization-webhook-*; read again when it changes.',
  },
  'authorization-webhook-config-file': {
    category: AUTHORIZATION,
    type: 'string',
    value: 'file',
    help: 'A kubeconfig of the webhook that is asked in the mode Webhook.',
  },
  'authorization-webhook-version': {
    category: AUTHORIZATION,
    type: 'string',
    default: 'v1beta1',
    help: 'The version of the SubjectAccessReview that the webhook is sent: v1 or v1beta1.',
  },
  'authorization-webhook-cache-authorized-ttl': {
    category: AUTHORIZATION,
    type: 'duration',
    default: 300,
    help: 'How long a yes of the webhook counts.',
  },
  'authorization-webhook-cache-unauthorized-ttl': {
    category: AUTHORIZATION,
    type: 'duration',
    default: 30,
    help: 'How long anything else that the webhook says counts.',
  },
} as const satisfies Flags

type Values = Parsed<typeof AUTHORIZATION_FLAGS>['values']

const CONFIG = 'authorization-config'
const WEBHOOK = 'authorization-webhook-config-file'
/** Flags that a configuration file leaves nothing to say for. */
const REPLACED = [
  'authorization-mode',
  WEBHOOK,
  'authorization-webhook-version',
  'authorization-webhook-cache-authorized-ttl',
  'authorization-webhook-cache-unauthorized-ttl',
]
/** Of the webhook that flags describe. */
const TIMEOUT_MS = 30_000

export interface AuthorizationSurroundings {
  given: ReadonlySet<string>
  /** Says what is wrong itself. */
  read(flag: string, path: string | undefined): string | undefined
  /** Throws as `readFileSync` does. */
  readFile(path: string): string
  problems: string[]
}

type Authorization = Pick<ServerOptions, 'authorizationModes' | 'abacPolicies' | 'authorizationWebhook' | 'authorizationConfig'>

export async function authorizationOptions(values: Values, around: AuthorizationSurroundings): Promise<Authorization> {
  const path = values[CONFIG] ?? ''
  if (path === '') return byFlags(values, around)
  const { given, problems, read, readFile } = around
  if (REPLACED.some((flag) => given.has(flag)))
    problems.push(`--${CONFIG} can not be specified when --authorization-mode or --authorization-webhook-* flags are defined`)
  const file = { path, read: () => Buffer.from(readFile(path)) }
  const text = read(CONFIG, path)
  if (text !== undefined) {
    const [{ ConfigurationError }, { loadAuthorizationFile }] = await Promise.all([
      import('../api/configuration.ts'),
      import('../server/authorization-file.ts'),
    ])
    try {
      await loadAuthorizationFile(Buffer.from(text), path)
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error
      problems.push(`--${CONFIG}: ${error.message}`)
    }
  }
  const policies = values['authorization-policy-file'] ?? ''
  return {
    authorizationModes: [],
    abacPolicies: policies === '' ? [] : abacPolicies(policies, around),
    authorizationConfig: file,
  }
}

function byFlags(values: Values, around: AuthorizationSurroundings): Authorization {
  const { problems } = around
  const modes = values['authorization-mode']
  if (modes.length === 0) problems.push('at least one authorization-mode must be passed')
  for (const mode of modes)
    if (!(AUTHORIZER_TYPES as readonly string[]).includes(mode))
      problems.push(`authorization-mode ${quote(mode)} is not a valid mode: ${unknownName(mode, AUTHORIZER_TYPES)}`)
  if (new Set(modes).size < modes.length)
    problems.push(`authorization-mode [${modes.map(quote).join(' ')}] has mode specified more than once`)
  const policies = values['authorization-policy-file'] ?? ''
  if (modes.includes('ABAC') && policies === '') problems.push("authorization-mode ABAC's authorization policy file not passed")
  if (!modes.includes('ABAC') && policies !== '') problems.push('cannot specify --authorization-policy-file without mode ABAC')
  const webhook = values[WEBHOOK] ?? ''
  if (modes.includes('Webhook') && webhook === '') problems.push("authorization-mode Webhook's authorization config file not passed")
  if (!modes.includes('Webhook') && webhook !== '') problems.push(`cannot specify --${WEBHOOK} without mode Webhook`)
  return {
    // Those that are none stand among the problems.
    authorizationModes: modes as readonly AuthorizerType[],
    abacPolicies: policies === '' ? [] : abacPolicies(policies, around),
    ...(webhook === '' ? {} : { authorizationWebhook: webhookOf(values, webhook, problems) }),
  }
}

/** @see pkg/kubeapiserver/options/authorization.go, buildAuthorizationConfiguration */
function webhookOf(values: Values, kubeConfigFile: string, problems: string[]): ConfiguredWebhook {
  const version = values['authorization-webhook-version']
  if (version !== 'v1' && version !== 'v1beta1')
    problems.push(`unsupported webhook authorizer version ${quote(version)}, supported versions are "v1", "v1beta1"`)
  try {
    reviewClient(kubeConfigFile)
  } catch (error) {
    if (!(error instanceof KubeconfigError)) throw error
    problems.push(`--${WEBHOOK}: ${error.message}`)
  }
  return {
    timeoutMs: TIMEOUT_MS,
    authorizedMs: values['authorization-webhook-cache-authorized-ttl'] * 1000,
    unauthorizedMs: values['authorization-webhook-cache-unauthorized-ttl'] * 1000,
    version: version as ConfiguredWebhook['version'],
    failurePolicy: 'NoOpinion',
    kubeConfigFile,
    matchConditions: [],
  }
}

function abacPolicies(path: string, { read, problems }: AuthorizationSurroundings): readonly AbacPolicy[] {
  try {
    return parseAbacPolicies(path, read('authorization-policy-file', path) ?? '')
  } catch (error) {
    problems.push(`--authorization-policy-file: ${(error as Error).message}`)
    return []
  }
}
