/**
 * CertificateSigningRequest: who asks is written by the server, what is asked never changes, approval and certificate have endpoints
 * of their own.
 *
 * @see pkg/registry/certificates/certificates/strategy.go
 * @see pkg/apis/certificates/validation/validation.go
 * @module
 */

import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required, tooLong } from '../../api/field.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../../api/names.ts'
import { quote } from '../../api/status.ts'
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../../api/types/certificates/v1.ts'
import { rfc3339 } from '../../clock.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, humanDuration, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { byteLength, semanticEqual } from '../validation.ts'
import { certificateError, certificateRequestError } from './request.ts'

const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown'
const ALWAYS_TRUE = ['Approved', 'Denied', 'Failed']
const CONDITIONS = 'status.conditions'
const MUTUALLY_EXCLUSIVE = 'Approved and Denied conditions are mutually exclusive'
const MIN_SECONDS = 600

const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
]

/** What one endpoint may change. */
interface Allowed {
  approval?: boolean
  certificate?: boolean
}

export const certificateSigningRequests = define<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  resource: 'certificatesigningrequests',
  singular: 'certificatesigningrequest',
  kind: 'CertificateSigningRequest',
  namespaced: false,
  shortNames: ['csr'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.certificates.v1.CertificateSigningRequest',
  storage: { prefix: '/registry/certificatesigningrequests/' },
  strategy: {
    validateName: () => [],
    prepareForCreate(csr, { user }) {
      const { username: _username, uid: _uid, groups: _groups, extra: _extra, ...asked } = csr.spec ?? {}
      csr.spec = { ...asked, username: user.username }
      if (user.uid) csr.spec.uid = user.uid
      if (user.groups.length > 0) csr.spec.groups = [...user.groups]
      if (user.extra !== undefined && Object.keys(user.extra).length > 0) {
        csr.spec.extra = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]))
      }
      csr.status = {}
    },
    prepareForUpdate(csr, old) {
      csr.spec = old.spec
      csr.status = old.status
    },
    validate: (csr) => validateRequest(csr, undefined),
    validateUpdate: (csr, old) => validateChange(csr, old, {}),
    allowUnconditionalUpdate: true,
    resetFields: ['spec', 'status'],
  },
  fields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '' },
  table: {
    columns: () => [
      NAME_COLUMN,
      AGE_COLUMN,
      column('SignerName', 'doc:io.k8s.api.certificates.v1.CertificateSigningRequestSpec.signerName'),
      column('Requestor', 'doc:io.k8s.api.certificates.v1.CertificateSigningRequestSpec.request'),
      column('RequestedDuration', 'doc:io.k8s.api.certificates.v1.CertificateSigningRequestSpec.expirationSeconds'),
      column('Condition', 'doc:io.k8s.api.certificates.v1.CertificateSigningRequestStatus.conditions'),
    ],
    cells: (csr, { nowMs }) => [
      nameCell(csr),
      ageCell(csr, nowMs),
      csr.spec?.signerName || '<none>',
      csr.spec?.username ?? '',
      csr.spec?.expirationSeconds === undefined ? '<none>' : humanDuration(csr.spec.expirationSeconds * 1000),
      conditionCell(csr),
    ],
  },
  subresources: {
    approval: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(csr, old, { nowMs }) {
          setConditionTimes(csr, old, nowMs)
          const conditions = csr.status?.conditions
          csr.spec = old.spec
          csr.status = { ...old.status, conditions }
        },
        validateUpdate: (csr, old) => validateChange(csr, old, { approval: true }),
        resetFields: ['spec'],
      },
    },
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(csr, old, { nowMs }) {
          csr.spec = old.spec
          keepConditions(csr, old, 'Approved')
          keepConditions(csr, old, 'Denied')
          setConditionTimes(csr, old, nowMs)
        },
        validateUpdate: (csr, old) => validateChange(csr, old, { certificate: true }),
        resetFields: ['spec'],
      },
    },
  },
})

function validateRequest(csr: CertificateSigningRequest, old: CertificateSigningRequest | undefined): FieldError[] {
  const { request = '', usages = [], signerName = '', expirationSeconds } = csr.spec ?? {}
  const errors: FieldError[] = []
  const requestError = certificateRequestError(Buffer.from(request, 'base64').toString('latin1'))
  if (requestError !== undefined) errors.push(invalidValue('spec.request', csr.spec?.request, requestError))
  if (usages.length === 0) errors.push(required('spec.usages'))
  const oldUsages = old?.spec?.usages ?? []
  if (oldUsages.every((usage) => USAGES.includes(usage))) {
    errors.push(...usages.flatMap((usage, index) => (USAGES.includes(usage) ? [] : [notSupported(`spec.usages[${index}]`, usage, USAGES)])))
  }
  if (!hasDuplicates(oldUsages)) {
    errors.push(...usages.flatMap((usage, index) => (usages.indexOf(usage) === index ? [] : [duplicate(`spec.usages[${index}]`, usage)])))
  }
  if (signerName === LEGACY_SIGNER && old?.spec?.signerName !== LEGACY_SIGNER) {
    errors.push(invalidValue('spec.signerName', signerName, 'the legacy signerName is not allowed via this API version'))
  } else errors.push(...validateSignerName(signerName, 'spec.signerName'))
  if (expirationSeconds !== undefined && expirationSeconds < MIN_SECONDS) {
    errors.push(invalidValue('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)'))
  }
  errors.push(...validateConditions(csr, old))
  const issued = certificateError(pemOf(csr))
  const kept =
    old !== undefined && ((csr.status?.certificate ?? '') === (old.status?.certificate ?? '') || certificateError(pemOf(old)) !== undefined)
  if (issued !== undefined && !kept) errors.push(invalidValue('status.certificate', '<certificate data>', issued))
  return errors
}

function validateConditions(csr: CertificateSigningRequest, old: CertificateSigningRequest | undefined): FieldError[] {
  const conditions = csr.status?.conditions ?? []
  const oldTypes = (old?.status?.conditions ?? []).map(({ type = '' }) => type)
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, { type = '', status = '' }] of conditions.entries()) {
    const field = `${CONDITIONS}[${index}]`
    if (type === '' && !oldTypes.includes('')) errors.push(required(`${field}.type`))
    const values = ALWAYS_TRUE.includes(type) ? ['True'] : ['False', 'True', 'Unknown']
    if (status === '') errors.push(required(`${field}.status`))
    else if (!values.includes(status)) errors.push(notSupported(`${field}.status`, status, values))
    const opposite = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined
    const both = oldTypes.includes('Approved') && oldTypes.includes('Denied')
    if (opposite !== undefined && seen.has(opposite) && !both) errors.push(invalidValue(CONDITIONS, type, MUTUALLY_EXCLUSIVE))
    if (seen.has(type) && !hasDuplicates(oldTypes)) errors.push(duplicate(`${field}.type`, type))
    seen.add(type)
  }
  return errors
}

function validateChange(csr: CertificateSigningRequest, old: CertificateSigningRequest, allowed: Allowed): FieldError[] {
  const errors = validateRequest(csr, old)
  for (const type of ALWAYS_TRUE) {
    if (ofType(csr, type).length < ofType(old, type).length)
      errors.push(forbiddenField(CONDITIONS, `updates may not remove a condition of type ${quote(type)}`))
  }
  if (allowed.approval !== true) {
    for (const type of ['Approved', 'Denied']) {
      const now = ofType(csr, type)
      const before = ofType(old, type)
      if (now.length > before.length) errors.push(forbiddenField(CONDITIONS, `updates may not add a condition of type ${quote(type)}`))
      else if (now.length === before.length && !semanticEqual(now, before)) {
        errors.push(forbiddenField(CONDITIONS, `updates may not modify a condition of type ${quote(type)}\n`))
      }
    }
  }
  const certificate = csr.status?.certificate ?? ''
  const before = old.status?.certificate ?? ''
  if (certificate !== before) {
    if (allowed.certificate !== true) errors.push(forbiddenField('status.certificate', 'updates may not set certificate content'))
    else if (before !== '') errors.push(forbiddenField('status.certificate', 'updates may not modify existing certificate content'))
  }
  return errors
}

/** `domain/path`, also asked of trust bundles. */
export function validateSignerName(signerName: string, field: string): FieldError[] {
  if (signerName === '') return [required(field)]
  const [domain = '', path = '', ...more] = signerName.split('/')
  if (more.length > 0 || !signerName.includes('/')) {
    return [invalidValue(field, signerName, "must be a fully qualified domain and path of the form 'example.com/signer-name'")]
  }
  const errors: FieldError[] = []
  if (byteLength(domain) > 253) errors.push(tooLong(field, 253))
  const labels = domain.split('.')
  errors.push(...firstWrong(labels, dns1123LabelErrors).map((text) => invalidValue(field, domain, text)))
  if (labels.length < 2) errors.push(invalidValue(field, domain, 'should be a domain with at least two segments separated by dots'))
  errors.push(...firstWrong(path.split('.'), dns1123SubdomainErrors).map((text) => invalidValue(field, path, text)))
  if (byteLength(signerName) > 571) errors.push(tooLong(field, 571))
  return errors
}

function firstWrong(labels: readonly string[], rule: (label: string) => string[]): string[] {
  for (const label of labels) {
    const errors = rule(label)
    if (errors.length > 0) return errors.map((error) => `validating label ${quote(label)}: ${error}`)
  }
  return []
}

function setConditionTimes(csr: CertificateSigningRequest, old: CertificateSigningRequest, nowMs: number): void {
  const now = rfc3339(nowMs)
  for (const condition of csr.status?.conditions ?? []) {
    condition.lastUpdateTime ||= now
    if (condition.lastTransitionTime) continue
    const before = (old.status?.conditions ?? []).find(
      ({ type, status, lastTransitionTime }) => type === condition.type && status === condition.status && lastTransitionTime,
    )
    condition.lastTransitionTime = before?.lastTransitionTime ?? now
  }
}

/** As many of a type as before are those from before. */
function keepConditions(csr: CertificateSigningRequest, old: CertificateSigningRequest, type: string): void {
  const before = ofType(old, type)
  if (ofType(csr, type).length !== before.length || csr.status?.conditions === undefined) return
  const rest = [...before]
  csr.status.conditions = csr.status.conditions.map((condition) => (condition.type === type ? (rest.shift() ?? condition) : condition))
}

function ofType(csr: CertificateSigningRequest, type: string): CertificateSigningRequestCondition[] {
  return (csr.status?.conditions ?? []).filter((condition) => condition.type === type)
}

function pemOf(csr: CertificateSigningRequest): string {
  return Buffer.from(csr.status?.certificate ?? '', 'base64').toString('latin1')
}

function hasDuplicates(list: readonly string[]): boolean {
  return new Set(list).size < list.length
}

function conditionCell(csr: CertificateSigningRequest): string {
  const has = (type: string) => ofType(csr, type).length > 0
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'
  return `${decision}${has('Failed') ? ',Failed' : ''}${csr.status?.certificate ? ',Issued' : ''}`
}
