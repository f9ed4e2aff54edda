/**
 * kube-apiserver's flags for issuers elsewhere and the token webhook, and what the server makes of them. What is wrong is said in its words.
 *
 * @see pkg/kubeapiserver/options/authentication.go
 * @module
 */
import { quote } from '../api/quote.ts'
import type { OidcFlags } from '../authentication/oidc-flags.ts'
import { KubeconfigError, reviewClient } from '../client/kubeconfig.ts'
import type { AuthorizationMode, ServerOptions } from '../server/options.ts'
import type { Flags, Parsed } from './flags.ts'

const AUTHENTICATION = 'Authentication'

export const AUTHENTICATION_FLAGS = {
  'anonymous-auth': { category: AUTHENTICATION, type: 'bool', default: true, help: 'A request without credentials is system:anonymous.' },
  'authentication-config': {
    category: AUTHENTICATION,
    type: 'string',
    value: 'file',
    help: 'An AuthenticationConfiguration: issuers elsewhere, and where anonymous requests are let in; read again when it changes.',
  },
  'oidc-issuer-url': { category: AUTHENTICATION, type: 'string', value: 'url', help: 'An OpenID Connect issuer whose tokens count.' },
  'oidc-client-id': { category: AUTHENTICATION, type: 'string', help: 'The audience that tokens of --oidc-issuer-url have to be for.' },
  'oidc-ca-file': {
    category: AUTHENTICATION,
    type: 'string',
    value: 'file',
    help: "Who signed the certificate of --oidc-issuer-url; the platform's authorities when not given.",
  },
  'oidc-username-claim': { category: AUTHENTICATION, type: 'string', default: 'sub', help: 'The claim that is the user name.' },
  'oidc-username-prefix': {
    category: AUTHENTICATION,
    type: 'string',
    help: 'What user names begin with; the issuer and a # when not given and the claim is not email. - for nothing.',
  },
  'oidc-groups-claim': { category: AUTHENTICATION, type: 'string', help: 'The claim that holds groups.' },
  'oidc-groups-prefix': { category: AUTHENTICATION, type: 'string', help: 'What groups begin with.' },
  'oidc-signing-algs': {
    category: AUTHENTICATION,
    type: 'strings',
    default: ['RS256'],
    help: 'Algorithms that tokens may be signed with.',
  },
  'oidc-required-claim': {
    category: AUTHENTICATION,
    type: 'stringArray',
    default: [],
    value: 'key=value, repeatable',
    help: 'A claim that has to have this value.',
  },
  'authentication-token-webhook-config-file': {
    category: AUTHENTICATION,
    type: 'string',
    value: 'file',
    help: 'A kubeconfig of a webhook that judges tokens nobody else knows.',
  },
  'authentication-token-webhook-version': {
    category: AUTHENTICATION,
    type: 'string',
    default: 'v1beta1',
    help: 'The version of the TokenReview that the webhook is sent: v1 or v1beta1.',
  },
  'authentication-token-webhook-cache-ttl': {
    category: AUTHENTICATION,
    type: 'duration',
    default: 120,
    help: 'How long an answer of the webhook counts.',
  },
} as const satisfies Flags

type Values = Parsed<typeof AUTHENTICATION_FLAGS>['values']

const CONFIG = 'authentication-config'
const WEBHOOK = 'authentication-token-webhook-config-file'
/** Of the webhook. @see apiserver/pkg/util/webhook/webhook.go, defaultRequestTimeout */
const TIMEOUT_MS = 30_000

export interface AuthenticationSurroundings {
  given: ReadonlySet<string>
  /** The server's own. */
  issuers: readonly string[]
  modes: readonly AuthorizationMode[]
  /** Says what is wrong itself. */
  read(flag: string, path: string | undefined): string | undefined
  /** Throws as `readFileSync` does. */
  readFile(path: string): string
  problems: string[]
  notices: string[]
}

type Authentication = Pick<ServerOptions, 'anonymousAuth' | 'oidc' | 'authenticationConfig' | 'tokenWebhook'>

export async function authenticationOptions(values: Values, around: AuthenticationSurroundings): Promise<Authentication> {
  const path = values[CONFIG] ?? ''
  const webhook = values[WEBHOOK] ?? ''
  const oidc = oidcFlags(values, around)
  if (path !== '' || oidc !== undefined) await check(path, oidc, around)
  const { readFile } = around
  return {
    anonymousAuth: anonymousAuth(values, around),
    ...(oidc === undefined ? {} : { oidc }),
    ...(path === '' ? {} : { authenticationConfig: { path, read: () => Buffer.from(readFile(path)) } }),
    ...(webhook === '' ? {} : { tokenWebhook: tokenWebhook(values, webhook, around.problems) }),
  }
}

/** @see pkg/kubeapiserver/options/authentication.go, ApplyAuthorization */
function anonymousAuth(values: Values, { given, modes, notices }: AuthenticationSurroundings): boolean {
  if (!values['anonymous-auth'] || !modes.includes('AlwaysAllow')) return values['anonymous-auth']
  if (given.has('anonymous-auth'))
    notices.push('--anonymous-auth is not allowed with the AlwaysAllow authorizer: anonymous requests are refused')
  return false
}

function oidcFlags(values: Values, { given, read, problems }: AuthenticationSurroundings): OidcFlags | undefined {
  if (![...given].some((flag) => flag.startsWith('oidc-'))) return undefined
  if ((values[CONFIG] ?? '') !== '') {
    problems.push('authentication-config file and oidc-* flags are mutually exclusive')
    return undefined
  }
  const issuerUrl = values['oidc-issuer-url'] ?? ''
  const clientId = values['oidc-client-id'] ?? ''
  if (issuerUrl === '' || clientId === '') {
    problems.push('oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set')
    return undefined
  }
  const requiredClaims: Record<string, string> = {}
  for (const pair of values['oidc-required-claim']) {
    const [, claim = '', value = ''] = /^([^=]*)=(.*)$/s.exec(pair) ?? []
    if (claim === '')
      problems.push(`invalid argument ${quote(pair)} for "--oidc-required-claim" flag: malformed pair, expect string=string`)
    else requiredClaims[claim] = value
  }
  const ca = read('oidc-ca-file', values['oidc-ca-file'])
  return {
    issuerUrl,
    clientId,
    ...(ca === undefined ? {} : { ca }),
    usernameClaim: values['oidc-username-claim'],
    usernamePrefix: values['oidc-username-prefix'] ?? '',
    groupsClaim: values['oidc-groups-claim'] ?? '',
    groupsPrefix: values['oidc-groups-prefix'] ?? '',
    signingAlgorithms: values['oidc-signing-algs'],
    requiredClaims,
  }
}

/** Reads it as the server will: what is wrong is said before anything is started. */
async function check(
  path: string,
  oidc: OidcFlags | undefined,
  { given, issuers, read, problems }: AuthenticationSurroundings,
): Promise<void> {
  const [{ ConfigurationError }, { loadAuthenticationFile, loadOidcFlags }] = await Promise.all([
    import('../api/configuration.ts'),
    import('../server/authentication-file.ts'),
  ])
  try {
    if (oidc !== undefined) await loadOidcFlags(oidc, { issuers })
    const text = read(CONFIG, path)
    if (text === undefined) return
    const { anonymous } = await loadAuthenticationFile(Buffer.from(text), path, { issuers })
    if (anonymous !== undefined && given.has('anonymous-auth'))
      problems.push(
        `--${CONFIG}: ${path}: anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file`,
      )
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    problems.push(oidc === undefined ? `--${CONFIG}: ${error.message}` : error.message)
  }
}

function tokenWebhook(values: Values, kubeConfigFile: string, problems: string[]): NonNullable<ServerOptions['tokenWebhook']> {
  const version = values['authentication-token-webhook-version']
  if (version !== 'v1' && version !== 'v1beta1')
    problems.push(`unsupported authentication webhook version ${quote(version)}, supported versions are "v1", "v1beta1"`)
  try {
    reviewClient(kubeConfigFile)
  } catch (error) {
    if (!(error instanceof KubeconfigError)) throw error
    problems.push(`--${WEBHOOK}: ${error.message}`)
  }
  return {
    kubeConfigFile,
    version: version as 'v1' | 'v1beta1',
    cacheSeconds: values['authentication-token-webhook-cache-ttl'],
    timeoutMs: TIMEOUT_MS,
  }
}
