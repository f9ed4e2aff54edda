/**
 * MutatingWebhookConfiguration and ValidatingWebhookConfiguration.
 *
 * @see pkg/apis/admissionregistration/validation/validation.go
 * @see apiserver/pkg/util/webhook/validation.go
 * @module
 */

import { duplicate, type FieldError, invalidValue, notSupported, required } from '../../api/field.ts'
import { dns1035LabelErrors, dns1123SubdomainErrors, subdomainName } from '../../api/names.ts'
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ServiceReference,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
  WebhookClientConfig,
} from '../../api/types/admissionregistration/v1.ts'
import { ALL_VERBS, define, type ResourceDefinition, type Strategy, type TableDefinition } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { each, portNumberErrors, semanticEqual, validateFullyQualifiedName, validateLabelSelector } from '../validation.ts'
import { Expressions, loadChecker } from './expressions.ts'
import {
  defaultRules,
  FAILURE_POLICIES,
  MATCH_POLICIES,
  REINVOCATION_POLICIES,
  staticNameWarnings,
  validateMatchConditions,
  validateRule,
} from './rules.ts'

const REVIEW_VERSIONS = ['v1', 'v1beta1']
const SIDE_EFFECTS = ['None', 'NoneOnDryRun', 'Some', 'Unknown']
const NO_SIDE_EFFECTS = ['None', 'NoneOnDryRun']
const FORM = '; desired format: https://host[/path]'

const NO_PARAMS = new Expressions({ params: false, variables: false })

type Webhook = MutatingWebhook & ValidatingWebhook
type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration

/** Mistakes of the stored configuration may stay. */
interface Options {
  skipMatchConditions: boolean
  noSideEffects: boolean
  knownReviewVersion: boolean
  uniqueNames: boolean
  allowInvalidLabelValue: boolean
}

const STRICT: Options = {
  skipMatchConditions: false,
  noSideEffects: true,
  knownReviewVersion: true,
  uniqueNames: true,
  allowInvalidLabelValue: false,
}

type Shared = Pick<ResourceDefinition, 'group' | 'version' | 'namespaced' | 'categories' | 'verbs'>

const shared: Shared = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  namespaced: false,
  categories: ['api-extensions'],
  verbs: ALL_VERBS,
}

const table: TableDefinition<Configuration> = {
  columns: () => [
    NAME_COLUMN,
    column('Webhooks', 'Webhooks indicates the number of webhooks registered in this configuration', { type: 'integer' }),
    AGE_COLUMN,
  ],
  cells: (configuration, { nowMs }) => [nameCell(configuration), hooksOf(configuration).length, ageCell(configuration, nowMs)],
}

export const mutatingWebhookConfigurations = define<MutatingWebhookConfiguration>({
  ...shared,
  resource: 'mutatingwebhookconfigurations',
  singular: 'mutatingwebhookconfiguration',
  kind: 'MutatingWebhookConfiguration',
  schema: 'io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration',
  storage: { prefix: '/registry/mutatingwebhookconfigurations/' },
  strategy: {
    ...webhookStrategy(),
    defaults({ webhooks = [] }) {
      for (const hook of webhooks) {
        defaultWebhook(hook)
        hook.reinvocationPolicy ??= 'Never'
      }
    },
  },
  table,
})

export const validatingWebhookConfigurations = define<ValidatingWebhookConfiguration>({
  ...shared,
  resource: 'validatingwebhookconfigurations',
  singular: 'validatingwebhookconfiguration',
  kind: 'ValidatingWebhookConfiguration',
  schema: 'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration',
  storage: { prefix: '/registry/validatingwebhookconfigurations/' },
  strategy: {
    ...webhookStrategy(),
    defaults({ webhooks = [] }) {
      for (const hook of webhooks) defaultWebhook(hook)
    },
  },
  table,
})

function webhookStrategy(): Strategy<Configuration> {
  return {
    validateName: subdomainName,
    validate: (configuration) => validateHooks(hooksOf(configuration), STRICT),
    validateUpdate: (configuration, old) => validateHooks(hooksOf(configuration), optionsFor(hooksOf(configuration), hooksOf(old))),
    warnings: (configuration) => staticNameWarnings(nameCell(configuration)),
    specChanged: (configuration, old) => !semanticEqual(configuration.webhooks, old.webhooks),
    allowUnconditionalUpdate: false,
    authorizeWrite: ({ webhooks = [] }) =>
      webhooks.some(({ matchConditions = [] }) => matchConditions.length > 0) ? loadChecker() : undefined,
  }
}

function hooksOf(configuration: Configuration): Webhook[] {
  return configuration.webhooks ?? []
}

function defaultWebhook(hook: Webhook): void {
  hook.failurePolicy ??= 'Fail'
  hook.matchPolicy ??= 'Equivalent'
  hook.namespaceSelector ??= {}
  hook.objectSelector ??= {}
  hook.timeoutSeconds ??= 10
  defaultRules(hook.rules)
  if (hook.clientConfig?.service !== undefined) hook.clientConfig.service.port ??= 443
}

function optionsFor(hooks: readonly Webhook[], old: readonly Webhook[]): Options {
  const names = old.map(({ name }) => name)
  return {
    skipMatchConditions:
      hooks.length === old.length && hooks.every((hook, index) => semanticEqual(hook.matchConditions, old[index]?.matchConditions)),
    noSideEffects: old.every(({ sideEffects = '' }) => NO_SIDE_EFFECTS.includes(sideEffects)),
    knownReviewVersion: old.every(
      ({ admissionReviewVersions: versions = [] }) =>
        versions.length === 0 || versions.some((version) => REVIEW_VERSIONS.includes(version)),
    ),
    uniqueNames: new Set(names).size === names.length,
    allowInvalidLabelValue: old.some(
      ({ namespaceSelector, objectSelector }) =>
        validateLabelSelector(namespaceSelector, '').length + validateLabelSelector(objectSelector, '').length > 0,
    ),
  }
}

function validateHooks(hooks: readonly Webhook[], options: Options): FieldError[] {
  const names = new Set<string>()
  return hooks.flatMap((hook, index) => {
    const field = `webhooks[${index}]`
    const { name = '' } = hook
    const errors = [
      ...validateHook(hook, field, options),
      ...validateReviewVersions(hook.admissionReviewVersions ?? [], `${field}.admissionReviewVersions`, options),
    ]
    if (options.uniqueNames && name !== '' && names.has(name)) errors.push(duplicate(`${field}.name`, name))
    names.add(name)
    return errors
  })
}

function validateHook(hook: Webhook, field: string, options: Options): FieldError[] {
  const errors = validateFullyQualifiedName(hook.name ?? '', `${field}.name`)
  const supported = (member: 'failurePolicy' | 'matchPolicy' | 'reinvocationPolicy', values: readonly string[]) => {
    const value = hook[member]
    if (value !== undefined && !values.includes(value)) errors.push(notSupported(`${field}.${member}`, value, values))
  }
  errors.push(...(hook.rules ?? []).flatMap((rule, index) => validateRule(rule, `${field}.rules[${index}]`)))
  supported('failurePolicy', FAILURE_POLICIES)
  supported('matchPolicy', MATCH_POLICIES)
  const sideEffects = options.noSideEffects ? NO_SIDE_EFFECTS : SIDE_EFFECTS
  if (hook.sideEffects === undefined) errors.push(required(`${field}.sideEffects`, `must specify one of ${sideEffects.join(', ')}`))
  else if (!sideEffects.includes(hook.sideEffects)) errors.push(notSupported(`${field}.sideEffects`, hook.sideEffects, sideEffects))
  const { timeoutSeconds } = hook
  if (timeoutSeconds !== undefined && (timeoutSeconds > 30 || timeoutSeconds < 1)) {
    errors.push(invalidValue(`${field}.timeoutSeconds`, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds'))
  }
  errors.push(...validateLabelSelector(hook.namespaceSelector, `${field}.namespaceSelector`, options))
  errors.push(...validateLabelSelector(hook.objectSelector, `${field}.objectSelector`, options))
  supported('reinvocationPolicy', REINVOCATION_POLICIES)
  errors.push(...validateClientConfig(hook.clientConfig ?? {}, `${field}.clientConfig`))
  return options.skipMatchConditions
    ? errors
    : [...errors, ...validateMatchConditions(hook.matchConditions, `${field}.matchConditions`, NO_PARAMS)]
}

function validateReviewVersions(versions: readonly string[], field: string, options: Options): FieldError[] {
  if (versions.length === 0) return [required(field, `must specify one of ${REVIEW_VERSIONS.join(', ')}`)]
  const errors = versions.flatMap((version, index) => {
    const at = `${field}[${index}]`
    return versions.indexOf(version) === index
      ? each(at, version, dns1035LabelErrors(version))
      : [invalidValue(at, version, 'duplicate version')]
  })
  if (options.knownReviewVersion && !versions.some((version) => REVIEW_VERSIONS.includes(version))) {
    errors.push(invalidValue(field, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`))
  }
  return errors
}

function validateClientConfig({ url, service }: WebhookClientConfig, field: string): FieldError[] {
  if ((url === undefined) === (service === undefined)) return [required(field, 'exactly one of url or service is required')]
  if (service !== undefined) return validateService(service, `${field}.service`)
  return validateURL(url ?? '', `${field}.url`)
}

/** Splits as Go's net/url does, which takes more than WHATWG's parser. */
function validateURL(text: string, field: string): FieldError[] {
  const parts = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text)
  if (parts === null) return [required(field, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URL${FORM}`)]
  const [, scheme = '', authority = '', , query = '', fragment = ''] = parts
  const at = authority.lastIndexOf('@')
  const host = authority.slice(at + 1)
  const errors: FieldError[] = []
  if (scheme.toLowerCase() !== 'https')
    errors.push(invalidValue(field, scheme.toLowerCase(), `'https' is the only allowed URL scheme${FORM}`))
  if (host === '') errors.push(invalidValue(field, host, `host must be specified${FORM}`))
  if (at >= 0) errors.push(invalidValue(field, authority.slice(0, at), 'user information is not permitted in the URL'))
  if (fragment !== '') errors.push(invalidValue(field, fragment, 'fragments are not permitted in the URL'))
  if (query !== '') errors.push(invalidValue(field, query, 'query parameters are not permitted in the URL'))
  return errors
}

function validateService({ name = '', namespace = '', path, port }: ServiceReference, field: string): FieldError[] {
  const errors: FieldError[] = []
  // Upstream hands over name and namespace the other way round, so a missing one is reported as the other.
  if (namespace === '') errors.push(required(`${field}.name`))
  if (name === '') errors.push(required(`${field}.namespace`))
  const portErrors = portNumberErrors(port)
  if (portErrors.length > 0) errors.push(invalidValue(`${field}.port`, port ?? 0, `port is not valid: ${portErrors.join(', ')}`))
  return path === undefined ? errors : [...errors, ...validatePath(path, `${field}.path`)]
}

function validatePath(path: string, field: string): FieldError[] {
  if (path === '' || path === '/') return []
  if (path === '//') return [invalidValue(field, path, 'segment[0] may not be empty')]
  const errors = path.startsWith('/') ? [] : [invalidValue(field, path, "must start with a '/'")]
  const segments = path.slice(1).replace(/\/$/, '').split('/')
  return [
    ...errors,
    ...segments.flatMap((segment, index) =>
      segment === ''
        ? [invalidValue(field, path, `segment[${index}] may not be empty`)]
        : dns1123SubdomainErrors(segment).map((text) => invalidValue(field, path, `segment[${index}]: ${text}`)),
    ),
  ]
}
