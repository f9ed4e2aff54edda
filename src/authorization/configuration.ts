/**
 * AuthorizationConfiguration: which authorizers are asked, in which order, and how those elsewhere are reached.
 *
 * @see apiserver/pkg/apis/apiserver/{types.go,validation/validation.go}; pkg/kubeapiserver/authorizer/config.go
 * @module
 */
import { statSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { aggregateErrors } from '../api/aggregate.ts'
import { ConfigurationError, type ConfigurationKind, decodeConfiguration } from '../api/configuration.ts'
import { duplicate, type FieldError, fieldErrorText, invalidValue, notSupported, required, tooMany } from '../api/field.ts'
import { goDurationMs, goDurationText } from '../api/goduration.ts'
import { dns1123SubdomainErrors } from '../api/names.ts'
import { AUTHORIZER_TYPES, type AuthorizerType, type ConfiguredAuthorizer } from './configured.ts'

const MAX_TIMEOUT_MS = 30_000
const MAX_CONDITIONS = 64
const AUTHORIZED_TTL = '5m0s'
const UNAUTHORIZED_TTL = '30s'

const KIND: ConfigurationKind = {
  kind: 'AuthorizationConfiguration',
  group: 'apiserver.config.k8s.io',
  versions: ['v1', 'v1beta1', 'v1alpha1'],
  scheme: 'k8s.io/apiserver/pkg/apis/apiserver/load/load.go:32',
  structs: {
    AuthorizationConfiguration: { kind: 'string', apiVersion: 'string', authorizers: '[AuthorizerConfiguration]' },
    AuthorizerConfiguration: { type: 'string', name: 'string', webhook: 'WebhookConfiguration' },
    WebhookConfiguration: {
      authorizedTTL: 'duration',
      cacheAuthorizedRequests: '*boolean',
      unauthorizedTTL: 'duration',
      cacheUnauthorizedRequests: '*boolean',
      timeout: 'duration',
      subjectAccessReviewVersion: 'string',
      matchConditionSubjectAccessReviewVersion: 'string',
      failurePolicy: 'string',
      connectionInfo: 'WebhookConnectionInfo',
      matchConditions: '[WebhookMatchCondition]',
    },
    WebhookConnectionInfo: { type: 'string', kubeConfigFile: '*string' },
    WebhookMatchCondition: { expression: 'string' },
  },
}

interface WebhookDocument {
  authorizedTTL?: string
  cacheAuthorizedRequests?: boolean
  unauthorizedTTL?: string
  cacheUnauthorizedRequests?: boolean
  timeout?: string
  subjectAccessReviewVersion?: string
  matchConditionSubjectAccessReviewVersion?: string
  failurePolicy?: string
  connectionInfo?: { type?: string; kubeConfigFile?: string }
  matchConditions?: { expression?: string }[]
}

interface Document {
  authorizers?: { type?: string; name?: string; webhook?: WebhookDocument }[]
}

const DURATIONS = ['authorizedTTL', 'unauthorizedTTL', 'timeout'] as const

/** What is wrong with an expression; undefined when it is a condition. */
export type ConditionProblem = (expression: string) => string | undefined

/**
 * The authorizers of a file, in their order.
 *
 * @param conditionProblem compiles a match condition
 * @throws ConfigurationError with everything that is wrong, each by its path
 */
export function authorizationConfiguration(bytes: Buffer, conditionProblem: ConditionProblem): ConfiguredAuthorizer[] {
  let document: Document = {}
  try {
    if (bytes.length > 0) document = decodeConfiguration(bytes, KIND, checkDurations)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    throw new ConfigurationError(`failed to load AuthorizationConfiguration from file: ${error.message}`, { cause: error })
  }
  const errors = validate(document, conditionProblem).map(fieldErrorText)
  if (errors.length === 0) errors.push(...misnamed(document))
  if (errors.length > 0) throw new ConfigurationError(aggregateErrors(errors))
  return (document.authorizers ?? []).map(configured)
}

function checkDurations({ authorizers = [] }: Document): void {
  for (const { webhook = {} } of authorizers) {
    for (const name of DURATIONS) {
      const read = goDurationMs(webhook[name] ?? '0')
      if (typeof read === 'string') throw new ConfigurationError(read)
    }
  }
}

function configured({ type, name = '', webhook }: NonNullable<Document['authorizers']>[number]): ConfiguredAuthorizer {
  if (type !== 'Webhook' || webhook === undefined) return { type: type as Exclude<AuthorizerType, 'Webhook'>, name }
  const { cacheAuthorizedRequests = true, cacheUnauthorizedRequests = true, connectionInfo = {}, matchConditions = [] } = webhook
  return {
    type,
    name,
    webhook: {
      timeoutMs: milliseconds(webhook.timeout),
      authorizedMs: cacheAuthorizedRequests ? milliseconds(webhook.authorizedTTL) || milliseconds(AUTHORIZED_TTL) : 0,
      unauthorizedMs: cacheUnauthorizedRequests ? milliseconds(webhook.unauthorizedTTL) || milliseconds(UNAUTHORIZED_TTL) : 0,
      // Validated before.
      version: webhook.subjectAccessReviewVersion as 'v1' | 'v1beta1',
      failurePolicy: webhook.failurePolicy as 'NoOpinion' | 'Deny',
      kubeConfigFile: connectionInfo.kubeConfigFile,
      matchConditions: matchConditions.map(({ expression = '' }) => expression),
    },
  }
}

/** Of a text that was checked. */
function milliseconds(text: string | undefined): number {
  return goDurationMs(text ?? '0') as number
}

function validate({ authorizers = [] }: Document, conditionProblem: ConditionProblem): FieldError[] {
  if (authorizers.length === 0) return [required('authorizers', 'at least one authorization mode must be defined')]
  const errors: FieldError[] = []
  const types = new Set<string>()
  const names = new Set<string>()
  authorizers.forEach(({ type = '', name = '', webhook }, index) => {
    const at = `authorizers[${index}]`
    if (type === '') errors.push(required(`${at}.type`))
    else if (!(AUTHORIZER_TYPES as readonly string[]).includes(type)) errors.push(notSupported(`${at}.type`, type, AUTHORIZER_TYPES))
    else if (types.has(type) && type !== 'Webhook') errors.push(duplicate(`${at}.type`, type))
    else {
      types.add(type)
      const problems = dns1123SubdomainErrors(name)
      if (name === '') errors.push(required(`${at}.name`))
      else if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
      else if (problems.length > 0) errors.push(invalidValue(`${at}.name`, name, `authorizer name is invalid: ${problems.join(', ')}`))
      names.add(name)
      if (type !== 'Webhook') {
        if (webhook !== undefined) errors.push(invalidValue(`${at}.webhook`, 'non-null', 'may only be specified when type=Webhook'))
      } else if (webhook === undefined) errors.push(required(`${at}.webhook`, 'required when type=Webhook'))
      else errors.push(...validateWebhook(webhook, at, conditionProblem))
    }
  })
  return errors
}

function validateWebhook(webhook: WebhookDocument, at: string, conditionProblem: ConditionProblem): FieldError[] {
  const errors: FieldError[] = []
  const timeoutMs = milliseconds(webhook.timeout)
  if (timeoutMs === 0) errors.push(required(`${at}.timeout`))
  else if (timeoutMs > MAX_TIMEOUT_MS || timeoutMs < 0)
    errors.push(invalidValue(`${at}.timeout`, goDurationText(timeoutMs), 'must be > 0s and <= 30s'))
  for (const name of ['authorizedTTL', 'unauthorizedTTL'] as const) {
    const ms = milliseconds(webhook[name])
    if (ms < 0) errors.push(invalidValue(`${at}.${name}`, goDurationText(ms), 'must be > 0s'))
  }
  errors.push(
    ...oneOf(`${at}.subjectAccessReviewVersion`, webhook.subjectAccessReviewVersion, ['v1', 'v1beta1'], ''),
    ...oneOf(
      `${at}.matchConditionSubjectAccessReviewVersion`,
      webhook.matchConditionSubjectAccessReviewVersion,
      ['v1'],
      (webhook.matchConditions ?? []).length > 0 ? 'required if match conditions are specified' : undefined,
    ),
    ...oneOf(`${at}.failurePolicy`, webhook.failurePolicy, ['NoOpinion', 'Deny'], ''),
    ...validateConnection(webhook.connectionInfo ?? {}, `${at}.connectionInfo`),
    ...validateConditions(webhook.matchConditions ?? [], `${at}.matchConditions`, conditionProblem),
  )
  return errors
}

/** @param missing the detail where there is nothing; undefined: then nothing is wrong */
function oneOf(at: string, value: string | undefined, allowed: readonly string[], missing: string | undefined): FieldError[] {
  if (value === undefined || value === '') return missing === undefined ? [] : [required(at, missing)]
  return allowed.includes(value) ? [] : [notSupported(at, value, allowed)]
}

function validateConnection(connection: { type?: string; kubeConfigFile?: string }, at: string): FieldError[] {
  const { type = '', kubeConfigFile: path } = connection
  const file = `${at}.kubeConfigFile`
  switch (type) {
    case '':
      return [required(`${at}.type`)]
    case 'InClusterConfig':
      return path === undefined ? [] : [invalidValue(file, path, 'can only be set when type=KubeConfigFile')]
    case 'KubeConfigFile': {
      if (path === undefined || path === '') return [required(file)]
      if (!isAbsolute(path)) return [invalidValue(file, path, 'must be an absolute path')]
      const found = statSync(path, { throwIfNoEntry: false })
      if (found === undefined) return [invalidValue(file, path, `error loading file: stat ${path}: no such file or directory`)]
      return found.isFile() ? [] : [invalidValue(file, path, 'must be a regular file')]
    }
    default:
      // Upstream prints the whole struct.
      return [notSupported(`${at}.type`, { Type: type, KubeConfigFile: path ?? null }, ['InClusterConfig', 'KubeConfigFile'])]
  }
}

function validateConditions(conditions: readonly { expression?: string }[], at: string, problemOf: ConditionProblem): FieldError[] {
  if (conditions.length > MAX_CONDITIONS) return [tooMany(at, conditions.length, MAX_CONDITIONS)]
  const seen = new Set<string>()
  return conditions.flatMap(({ expression = '' }, index) => {
    const field = `${at}[${index}].expression`
    if (expression.trim() === '') return [required(field)]
    if (seen.has(expression)) return [duplicate(field, expression)]
    seen.add(expression)
    const problem = problemOf(expression)
    return problem === undefined ? [] : [invalidValue(field, expression, problem)]
  })
}

/** Types that are there once have the name that metrics know them by. */
function misnamed({ authorizers = [] }: Document): string[] {
  return authorizers.flatMap(({ type = '', name = '' }) =>
    type === 'Webhook' || name === type.toLowerCase()
      ? []
      : [`expected name ${type.toLowerCase()} for authorizer ${type} instead of ${name}`],
  )
}
