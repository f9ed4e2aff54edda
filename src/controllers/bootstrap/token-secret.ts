/**
 * What a Secret of type `bootstrap.kubernetes.io/token` says.
 *
 * @see cluster-bootstrap/util/secrets/secrets.go; pkg/controller/bootstrap/util.go
 * @module
 */
import { parseTime } from '../../api/time.ts'
import type { Secret } from '../../api/types/core/v1.ts'

export const TOKEN_NAMESPACE = 'kube-system'
export const BOOTSTRAP_TOKEN_TYPE = 'bootstrap.kubernetes.io/token'

const NAME = /^bootstrap-token-([a-z0-9]{6})$/
const TYPE = Buffer.from(`"${BOOTSTRAP_TOKEN_TYPE}"`)

/** A look at the bytes: other Secrets are not parsed for this. May be true for a text inside a string. */
export function mayBeBootstrapToken(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(TYPE)
}

/** When the token ends; infinity when it has no end. What is no time is over already. */
export function expirationMs(secret: Secret): number {
  const text = dataOf(secret, 'expiration')
  if (text === '') return Number.POSITIVE_INFINITY
  try {
    const { seconds, nanos } = parseTime(text)
    return seconds * 1000 + nanos / 1_000_000
  } catch {
    return Number.NEGATIVE_INFINITY
  }
}

/** Id and secret of a token that may sign the cluster's information; undefined for any other. */
export function signingToken(secret: Secret, nowMs: number): { id: string; secret: string } | undefined {
  const [, name] = NAME.exec(secret.metadata?.name ?? '') ?? []
  const id = dataOf(secret, 'token-id')
  const token = dataOf(secret, 'token-secret')
  if (secret.type !== BOOTSTRAP_TOKEN_TYPE || name === undefined || id !== name || token === '') return undefined
  return expirationMs(secret) > nowMs && dataOf(secret, 'usage-bootstrap-signing') === 'true' ? { id, secret: token } : undefined
}

function dataOf({ data }: Secret, key: string): string {
  return Buffer.from(data?.[key] ?? '', 'base64').toString()
}
