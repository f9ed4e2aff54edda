/**
 * Ingress: stored and validated; nothing here routes it.
 *
 * @see pkg/apis/networking/validation/validation.go
 * @see pkg/registry/networking/ingress/strategy.go
 * @module
 */

import { type FieldError, invalidValue, notSupported, required } from '../../api/field.ts'
import { dns1123SubdomainErrors, labelName, pathSegmentErrors, subdomainName } from '../../api/names.ts'
import type { TypedLocalObjectReference } from '../../api/types/core/v1.ts'
import type {
  HTTPIngressPath,
  HTTPIngressRuleValue,
  Ingress,
  IngressBackend,
  IngressRule,
  IngressSpec,
  IngressTLS,
} from '../../api/types/networking/v1.ts'
import { ipWarnings, parseIP, validateLegacyIP } from '../ip.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { each, portNameErrors, portNumberErrors, semanticEqual, wildcardSubdomainErrors } from '../validation.ts'

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class'
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix']
const FORBIDDEN_IN_PATH = ['//', '/./', '/../', '%2f', '%2F']
const FORBIDDEN_AT_END = ['/..', '/.']
const NOT_AN_IP = 'must be a DNS name, not an IP address'

/** Hosts that the table shows before `+ N more...`. */
const SHOWN = 3

interface Options {
  allowInvalidSecret: boolean
  allowInvalidWildcardRule: boolean
}

export const ingresses = define<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'ingresses',
  singular: 'ingress',
  kind: 'Ingress',
  namespaced: true,
  shortNames: ['ing'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.networking.v1.Ingress',
  storage: { prefix: '/registry/ingress/' },
  strategy: {
    validateName: subdomainName,
    prepareForCreate(ingress) {
      ingress.status = { loadBalancer: {} }
    },
    prepareForUpdate(ingress, old) {
      ingress.status = old.status
    },
    validate(ingress) {
      const errors = validateSpec(ingress.spec ?? {}, { allowInvalidSecret: false, allowInvalidWildcardRule: false })
      const annotation = ingress.metadata?.annotations?.[CLASS_ANNOTATION]
      const className = ingress.spec?.ingressClassName
      if (annotation !== undefined && className !== undefined && annotation !== className) {
        errors.push(invalidValue(`annotations.${CLASS_ANNOTATION}`, annotation, 'must match `ingressClassName` when both are specified'))
      }
      return errors
    },
    validateUpdate: ({ spec = {} }, old) =>
      validateSpec(spec, {
        allowInvalidSecret: (old.spec?.tls ?? []).some(({ secretName = '' }) => secretErrors(secretName).length > 0),
        allowInvalidWildcardRule: (old.spec?.rules ?? []).some(
          ({ host = '', http }) => host.includes('*') && http !== undefined && validateHTTP(http, '').length > 0,
        ),
      }),
    warnings(ingress, old) {
      if (
        old !== undefined ||
        ingress.metadata?.annotations?.[CLASS_ANNOTATION] === undefined ||
        ingress.spec?.ingressClassName !== undefined
      )
        return []
      return [`annotation "${CLASS_ANNOTATION}" is deprecated, please use 'spec.ingressClassName' instead`]
    },
    specChanged: (ingress, old) => !semanticEqual(ingress.spec, old.spec),
    allowUnconditionalUpdate: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Class', 'The name of the IngressClass resource that should be used for additional configuration'),
      column('Hosts', 'Hosts that incoming requests are matched against before the ingress rule'),
      column('Address', 'Address is a list containing ingress points for the load-balancer'),
      column('Ports', 'Ports of TLS configurations that open'),
      AGE_COLUMN,
    ],
    cells: (ingress, { nowMs }) => [
      nameCell(ingress),
      ingress.spec?.ingressClassName ?? '<none>',
      hostsCell(ingress.spec?.rules ?? []),
      addressCell(ingress),
      (ingress.spec?.tls ?? []).length > 0 ? '80, 443' : '80',
      ageCell(ingress, nowMs),
    ],
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(ingress, old) {
          ingress.spec = old.spec
        },
        validateUpdate: validateStatus,
        warnings: ({ status }) =>
          (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }, index) =>
            ip ? ipWarnings(`status.loadBalancer.ingress[${index}]`, ip) : [],
          ),
        resetFields: ['spec'],
      },
    },
  },
})

function validateSpec(spec: IngressSpec, options: Options): FieldError[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec
  const errors: FieldError[] = []
  if (rules.length === 0 && defaultBackend === undefined) {
    errors.push(invalidValue('spec', spec.rules ?? null, 'either `defaultBackend` or `rules` must be specified'))
  }
  if (defaultBackend !== undefined) errors.push(...validateBackend(defaultBackend, 'spec.defaultBackend'))
  errors.push(...rules.flatMap((rule, index) => validateRule(rule, `spec.rules[${index}]`, options)))
  errors.push(...tls.flatMap((one, index) => validateTLS(one, `spec.tls[${index}]`, options)))
  if (ingressClassName !== undefined)
    errors.push(...each('spec.ingressClassName', ingressClassName, dns1123SubdomainErrors(ingressClassName)))
  return errors
}

function validateRule({ host = '', http }: IngressRule, field: string, options: Options): FieldError[] {
  const errors: FieldError[] = []
  const wildcard = host.includes('*')
  if (host !== '') {
    if (parseIP(host) !== undefined) errors.push(invalidValue(`${field}.host`, host, NOT_AN_IP))
    errors.push(...each(`${field}.host`, host, wildcard ? wildcardSubdomainErrors(host) : dns1123SubdomainErrors(host)))
  }
  if (http !== undefined && !(wildcard && options.allowInvalidWildcardRule)) errors.push(...validateHTTP(http, `${field}.http`))
  return errors
}

function validateHTTP({ paths = [] }: HTTPIngressRuleValue, field: string): FieldError[] {
  if (paths.length === 0) return [required(`${field}.paths`)]
  return paths.flatMap((path, index) => validatePath(path, `${field}.paths[${index}]`))
}

function validatePath({ path = '', pathType, backend = {} }: HTTPIngressPath, field: string): FieldError[] {
  if (pathType === undefined) return [required(`${field}.pathType`, 'pathType must be specified')]
  const errors: FieldError[] = []
  const wrong = (text: string) => errors.push(invalidValue(`${field}.path`, path, text))
  switch (pathType) {
    case 'Exact':
    case 'Prefix':
      if (!path.startsWith('/')) wrong('must be an absolute path')
      for (const part of FORBIDDEN_IN_PATH) if (path.includes(part)) wrong(`must not contain '${part}'`)
      for (const end of FORBIDDEN_AT_END) if (path.endsWith(end)) wrong(`cannot end with '${end}'`)
      break
    case 'ImplementationSpecific':
      if (path !== '' && !path.startsWith('/')) wrong('must be an absolute path')
      break
    default:
      errors.push(notSupported(`${field}.pathType`, pathType, PATH_TYPES))
  }
  return [...errors, ...validateBackend(backend, `${field}.backend`)]
}

function validateBackend({ service, resource }: IngressBackend, field: string): FieldError[] {
  if (resource !== undefined && service !== undefined) return [invalidValue(field, '', 'cannot set both resource and service backends')]
  if (resource !== undefined) return validateObjectReference(resource, `${field}.resource`)
  if (service === undefined) return [invalidValue(field, '', 'resource or service backend is required')]
  const { name = '', port = {} } = service
  const errors = name === '' ? [required(`${field}.service.name`)] : each(`${field}.service.name`, name, labelName(name, false))
  if (port.name && port.number) errors.push(invalidValue(field, '', 'cannot set both port name & port number'))
  else if (port.name) errors.push(...each(`${field}.service.port.name`, port.name, portNameErrors(port.name)))
  else if (port.number) errors.push(...each(`${field}.service.port.number`, port.number, portNumberErrors(port.number)))
  else errors.push(required(field, 'port name or number is required'))
  return errors
}

/** A reference by group, kind and name, as ingresses and their classes have it. */
export function validateObjectReference({ apiGroup, kind = '', name = '' }: TypedLocalObjectReference, field: string): FieldError[] {
  const errors = apiGroup === undefined ? [] : each(`${field}.apiGroup`, apiGroup, dns1123SubdomainErrors(apiGroup))
  errors.push(...(kind === '' ? [required(`${field}.kind`)] : each(`${field}.kind`, kind, pathSegmentErrors(kind))))
  errors.push(...(name === '' ? [required(`${field}.name`)] : each(`${field}.name`, name, pathSegmentErrors(name))))
  return errors
}

function validateTLS({ hosts = [], secretName = '' }: IngressTLS, field: string, options: Options): FieldError[] {
  const errors = hosts.flatMap((host, index) =>
    each(`${field}.hosts[${index}]`, host, host.includes('*') ? wildcardSubdomainErrors(host) : dns1123SubdomainErrors(host)),
  )
  return options.allowInvalidSecret ? errors : [...errors, ...each(`${field}.secretName`, secretName, secretErrors(secretName))]
}

function secretErrors(name: string): string[] {
  return name === '' ? [] : subdomainName(name, false)
}

function validateStatus(ingress: Ingress, old: Ingress): FieldError[] {
  const before = (old.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []))
  return (ingress.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }, index) => {
    const field = `status.loadBalancer.ingress[${index}]`
    const errors = ip ? validateLegacyIP(`${field}.ip`, ip, before) : []
    if (hostname) {
      errors.push(...each(`${field}.hostname`, hostname, dns1123SubdomainErrors(hostname)))
      if (parseIP(hostname) !== undefined) errors.push(invalidValue(`${field}.hostname`, hostname, NOT_AN_IP))
    }
    return errors
  })
}

function hostsCell(rules: readonly IngressRule[]): string {
  const hosts = rules.flatMap(({ host }) => (host ? [host] : []))
  if (hosts.length === 0) return '*'
  const more = rules.length > SHOWN && hosts.length >= SHOWN
  return more ? `${hosts.slice(0, SHOWN).join(',')} + ${rules.length - SHOWN} more...` : hosts.slice(0, SHOWN).join(',')
}

function addressCell({ status }: Ingress): string {
  const points = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').filter((point) => point !== '')
  return [...new Set(points)].sort().join(',')
}
