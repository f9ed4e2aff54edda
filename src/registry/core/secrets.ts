/**
 * Secret.
 *
 * @see pkg/registry/core/secret/strategy.go
 * @see pkg/apis/core/v1/conversion.go, Convert_v1_Secret_To_core_Secret
 * @module
 */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { type FieldError, forbiddenField, invalidValue, required, tooLong } from '../../api/field.ts'
import { configKeyErrors, subdomainName } from '../../api/names.ts'
import type { Secret } from '../../api/types/core/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { each, semanticEqual, validateImmutable } from '../validation.ts'
import { jsonObjectError } from './go-json.ts'

const MAX_SIZE_BYTES = 1024 * 1024

const IMMUTABLE = 'field is immutable when `immutable` is set'

const ACCOUNT_NAME = 'kubernetes.io/service-account.name'

export const secrets = define<Secret>({
  group: '',
  version: 'v1',
  resource: 'secrets',
  singular: 'secret',
  kind: 'Secret',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.Secret',
  storage: { prefix: '/registry/secrets/' },
  strategy: {
    validateName: subdomainName,
    defaults(secret) {
      if (!secret.type) secret.type = 'Opaque'
      mergeStringData(secret)
    },
    prepareForUpdate(secret, old) {
      if (!secret.type && old.type !== undefined) secret.type = old.type
    },
    validate: validateSecret,
    validateUpdate: (secret, old) => [
      ...validateImmutable(secret.type ?? '', old.type ?? '', 'type'),
      ...immutableErrors(secret, old),
      ...validateSecret(secret),
    ],
    warnings: (secret) => keyPairWarnings(secret),
    allowUnconditionalUpdate: true,
  },
  fields: { type: (secret) => secret.type ?? '' },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Type', 'doc:io.k8s.api.core.v1.Secret.type'),
      column('Data', 'doc:io.k8s.api.core.v1.Secret.data'),
      AGE_COLUMN,
    ],
    cells: (secret, { nowMs }) => [nameCell(secret), secret.type ?? '', Object.keys(secret.data ?? {}).length, ageCell(secret, nowMs)],
  },
})

/** How many bytes a base64 text stands for. */
export function base64Length(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return Math.floor(text.length / 4) * 3 - padding
}

/** `stringData` is for writing only. */
function mergeStringData(secret: Secret): void {
  if (secret.stringData === undefined) return
  const written = Object.entries(secret.stringData).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
  if (written.length > 0) secret.data = Object.fromEntries([...Object.entries(secret.data ?? {}), ...written])
  delete secret.stringData
}

function validateSecret(secret: Secret): FieldError[] {
  const errors: FieldError[] = []
  const data = secret.data ?? {}
  let size = 0
  for (const [key, value] of Object.entries(data)) {
    errors.push(...each(`data[${key}]`, key, configKeyErrors(key)))
    size += base64Length(value)
  }
  if (size > MAX_SIZE_BYTES) errors.push(tooLong('data', MAX_SIZE_BYTES))
  errors.push(...validateByType(secret, data))
  return errors
}

function validateByType(secret: Secret, data: Record<string, string>): FieldError[] {
  const has = (key: string) => Object.hasOwn(data, key)
  const missing = (key: string) => required(`data[${key}]`)
  switch (secret.type) {
    case 'kubernetes.io/service-account-token':
      return secret.metadata?.annotations?.[ACCOUNT_NAME] ? [] : [required(`metadata.annotations[${ACCOUNT_NAME}]`)]
    case 'kubernetes.io/dockercfg':
      return validateJSON('.dockercfg', data)
    case 'kubernetes.io/dockerconfigjson':
      return validateJSON('.dockerconfigjson', data)
    case 'kubernetes.io/basic-auth':
      return has('username') || has('password') ? [] : [missing('username'), missing('password')]
    case 'kubernetes.io/ssh-auth':
      return data['ssh-privatekey'] ? [] : [missing('ssh-privatekey')]
    case 'kubernetes.io/tls':
      return ['tls.crt', 'tls.key'].filter((key) => !has(key)).map(missing)
    default:
      return []
  }
}

function validateJSON(key: string, data: Record<string, string>): FieldError[] {
  if (!Object.hasOwn(data, key)) return [required(`data[${key}]`)]
  const error = jsonObjectError(Buffer.from(data[key] ?? '', 'base64').toString())
  return error === undefined ? [] : [invalidValue(`data[${key}]`, '<secret contents redacted>', error)]
}

function immutableErrors(secret: Secret, old: Secret): FieldError[] {
  if (old.immutable !== true) return []
  const errors: FieldError[] = []
  if (secret.immutable !== true) errors.push(forbiddenField('immutable', IMMUTABLE))
  if (!semanticEqual(secret.data, old.data)) errors.push(forbiddenField('data', IMMUTABLE))
  return errors
}

/** The texts of Go's tls.X509KeyPair, for the mistakes it can make out. */
function keyPairWarnings(secret: Secret): string[] {
  if (secret.type !== 'kubernetes.io/tls') return []
  const certificatePEM = Buffer.from(secret.data?.['tls.crt'] ?? '', 'base64').toString('latin1')
  const keyPEM = Buffer.from(secret.data?.['tls.key'] ?? '', 'base64').toString('latin1')
  if (!/-----BEGIN CERTIFICATE-----/.test(certificatePEM)) {
    const types = blockTypes(certificatePEM)
    if (types.length === 0) return ['tls: failed to find any PEM data in certificate input']
    if (types.length === 1 && isKeyType(types[0])) {
      return [
        'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched',
      ]
    }
    return [
      `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [${types.join(' ')}]`,
    ]
  }
  const keyTypes = blockTypes(keyPEM)
  if (!keyTypes.some(isKeyType)) {
    if (keyTypes.length === 0) return ['tls: failed to find any PEM data in key input']
    if (keyTypes.length === 1 && keyTypes[0] === 'CERTIFICATE') {
      return ['tls: found a certificate rather than a key in the PEM for the private key']
    }
    return [
      `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${keyTypes.join(' ')}]`,
    ]
  }
  return pairWarnings(certificatePEM, keyPEM)
}

function pairWarnings(certificatePEM: string, keyPEM: string): string[] {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(certificatePEM)
  } catch {
    return ['x509: malformed certificate']
  }
  try {
    const key = createPrivateKey(keyPEM)
    if (key.asymmetricKeyType !== certificate.publicKey.asymmetricKeyType) return ['tls: private key type does not match public key type']
    return certificate.checkPrivateKey(key) ? [] : ['tls: private key does not match public key']
  } catch {
    return ['tls: failed to parse private key']
  }
}

function blockTypes(pem: string): string[] {
  return [...pem.matchAll(/-----BEGIN ([^-\n]+)-----[\s\S]*?-----END \1-----/g)].map((match) => match[1] ?? '')
}

function isKeyType(type: string | undefined): boolean {
  return type === 'PRIVATE KEY' || (type?.endsWith(' PRIVATE KEY') ?? false)
}
