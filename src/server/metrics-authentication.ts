/**
 * What is counted of issuers elsewhere.
 *
 * @see apiserver/plugin/pkg/authenticator/token/oidc/metrics.go
 * @module
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Families } from './metrics-families.ts'

const LATENCY_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const PREFIX = 'apiserver_authentication_jwt_authenticator_'

export interface IssuerObserver {
  took(result: 'success' | 'failure', seconds: number): void
  fetched(document: Buffer | undefined): void
}

/** By the URL of the issuer. */
export function issuerMetrics(
  server: string,
  { clock, families }: { clock: Clock; families: Families },
): (issuer: string) => IssuerObserver {
  const latency = families.histogram(
    `${PREFIX}latency_seconds`,
    'Time to judge a token of an issuer elsewhere.',
    ['result', 'jwt_issuer_hash'],
    LATENCY_BUCKETS,
  )
  const last = families.gauge(`${PREFIX}jwks_fetch_last_timestamp_seconds`, 'When the keys of an issuer were last fetched.', [
    'result',
    'jwt_issuer_hash',
    'apiserver_id_hash',
  ])
  // Of each issuer only the keys in use are told of.
  const keySets = new Map<string, string>()
  families.collected(
    'gauge',
    `${PREFIX}jwks_fetch_last_key_set_info`,
    'The keys of an issuer, by their hash.',
    ['jwt_issuer_hash', 'apiserver_id_hash', 'hash'],
    (family) => {
      family.reset()
      for (const [issuer, hash] of keySets) family.cell(issuer, sha256(server), hash).value = 1
    },
  )
  return (url) => {
    const issuer = sha256(url)
    return {
      took: (result, seconds) => latency.cell(result, issuer).observe(seconds),
      fetched(document) {
        last.cell(document === undefined ? 'failure' : 'success', issuer, sha256(server)).value = clock.nowMs() / 1000
        if (document !== undefined) keySets.set(issuer, sha256(document))
      },
    }
  }
}

function sha256(data: string | Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`
}
