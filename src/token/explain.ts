/**
 * A token in words: what each claim says, what it is bound to, how long it is good and what would end it sooner.
 *
 * Works on the text alone; what a verifier or a server said is added where somebody asked one. Nothing here prints the token.
 *
 * @see RFC 7519 section 4; pkg/serviceaccount/claims.go
 * @module
 */
import { LEGACY_ISSUER } from './claims.ts'
import { type Jws, MalformedTokenError, parseJws, parseStrictObject } from './jwt.ts'
import type { Rejection } from './rejection.ts'
import type { Verification } from './verify.ts'

export interface Sentence {
  /** The claim or header as it is called in the token; `''` for what follows from several. */
  about: string
  text: string
}

export interface Explanation {
  kind: 'bound' | 'legacy' | 'foreign' | 'malformed'
  /** One line: whose token this is. */
  summary: string
  claims: Sentence[]
  /** What would end it before its time, or has. */
  ends: string[]
  /** Good for relying parties that only know the published keys; undefined: for ever. */
  offlineUntilMs: number | undefined
  /** At the moment of asking, as far as the text tells. */
  times: 'valid' | 'expired' | 'notYetValid'
  /** What was found out elsewhere. */
  findings: string[]
}

export interface ExplainOptions {
  nowMs: number
  /** By somebody who has the keys. */
  verification?: Verification | undefined
  /** `status` of a TokenReview, by a server that knows what lives. */
  review?:
    | {
        authenticated?: boolean | undefined
        error?: string | undefined
        audiences?: readonly string[] | undefined
        user?: { username?: string | undefined } | undefined
      }
    | undefined
  /** What a call that was refused wanted. */
  wantedAudiences?: readonly string[] | undefined
}

export function explainToken(token: string, options: ExplainOptions): Explanation {
  let jws: Jws
  let payload: Record<string, unknown>
  try {
    jws = parseJws(token.trim())
    payload = parseStrictObject(jws.payload, 'payload')
  } catch (error) {
    if (!(error instanceof MalformedTokenError)) throw error
    return {
      kind: 'malformed',
      summary: `This is no token: ${error.message}.`,
      claims: [],
      ends: [],
      offlineUntilMs: undefined,
      times: 'valid',
      findings: findings(options, []),
    }
  }
  const kubernetes = members(payload['kubernetes.io'])
  const kind = payload['iss'] === LEGACY_ISSUER ? 'legacy' : kubernetes === undefined ? 'foreign' : 'bound'
  const expiresAtMs = milliseconds(payload['exp'])
  return {
    kind,
    summary: summary(kind, payload),
    claims: [
      ...headerSentences(jws),
      ...claimSentences(payload, options.nowMs),
      ...(kubernetes === undefined ? [] : privateSentences(kubernetes, options.nowMs)),
      ...legacySentences(payload),
    ],
    ends: ends(kind, payload, kubernetes),
    offlineUntilMs: expiresAtMs,
    times: times(payload, options.nowMs),
    findings: findings(options, audienceList(payload['aud'])),
  }
}

/** Lines for a terminal. */
export function explanationText(explanation: Explanation, nowMs: number): string {
  const { claims, offlineUntilMs } = explanation
  const width = Math.max(0, ...claims.map(({ about }) => about.length))
  const lines = [explanation.summary]
  if (claims.length > 0) lines.push('', ...claims.map(({ about, text }) => `  ${about.padEnd(width)}  ${text}`))
  if (explanation.kind !== 'malformed') {
    lines.push(
      '',
      offlineUntilMs === undefined
        ? 'Offline verifiers: good for ever, it has no end.'
        : `Offline verifiers: ${offlineUntilMs < nowMs ? 'dead since' : 'alive until'} ${moment(offlineUntilMs, nowMs)}.`,
    )
  }
  if (explanation.ends.length > 0) lines.push('The API server refuses it as soon as:', ...explanation.ends.map((end) => `  - ${end}`))
  if (explanation.findings.length > 0) lines.push('', ...explanation.findings)
  return `${lines.join('\n')}\n`
}

function summary(kind: 'bound' | 'legacy' | 'foreign', payload: Record<string, unknown>): string {
  const subject = printable(payload['sub'])
  const issuer = printable(payload['iss'])
  switch (kind) {
    case 'bound':
      return `A service account token of ${subject}, issued by ${issuer}.`
    case 'legacy':
      return `A service account token of ${subject} out of a secret. It never expires; tokens of TokenRequest do.`
    case 'foreign':
      return `A token of ${subject}, issued by ${issuer}. It is no service account token.`
  }
}

function headerSentences({ header, stray }: Jws): Sentence[] {
  const sentences: Sentence[] = [
    {
      about: 'alg',
      text: ALGORITHMS[header.alg] ?? `${printable(header.alg)}: no algorithm of service account tokens; no server here accepts it`,
    },
  ]
  sentences.push({
    about: 'kid',
    text:
      header.kid === ''
        ? 'absent: verifiers have to try all their keys'
        : `${printable(header.kid)}: the name of the signing key, as in the published keys`,
  })
  if (header.critical || stray)
    sentences.push({ about: '', text: 'The header or the spelling is one that no service account token has: it is refused.' })
  return sentences
}

/** What has nothing to do with the signature, and is said elsewhere. */
const OF_THE_MOMENT: ReadonlySet<Rejection['reason']> = new Set(['Expired', 'NotYetValid', 'IssuedInFuture', 'AudienceMismatch'])

const ALGORITHMS: Readonly<Record<string, string>> = {
  RS256: 'RS256: signed with an RSA key',
  ES256: 'ES256: signed with a P-256 key',
  ES384: 'ES384: signed with a P-384 key',
  ES512: 'ES512: signed with a P-521 key',
}

function claimSentences(payload: Record<string, unknown>, nowMs: number): Sentence[] {
  const audiences = audienceList(payload['aud'])
  const sentences: Sentence[] = [{ about: 'iss', text: `issued by ${printable(payload['iss'])}` }]
  sentences.push({ about: 'sub', text: `for ${printable(payload['sub'])}` })
  sentences.push({
    about: 'aud',
    text:
      audiences.length === 0
        ? 'absent: the API server takes it as its own, others should not'
        : `meant for ${audiences.map(printable).join(', ')}, and nobody else`,
  })
  for (const [claim, words] of [
    ['iat', 'issued'],
    ['nbf', 'not valid before'],
    ['exp', 'expires'],
  ] as const) {
    const atMs = milliseconds(payload[claim])
    sentences.push({
      about: claim,
      text: atMs === undefined ? (claim === 'exp' ? 'absent: it has no end' : 'absent') : `${words} ${moment(atMs, nowMs)}`,
    })
  }
  if (payload['jti'] !== undefined)
    sentences.push({ about: 'jti', text: `${printable(payload['jti'])}: names this one token, in audit logs and for its revocation` })
  return sentences
}

function privateSentences(kubernetes: Record<string, unknown>, nowMs: number): Sentence[] {
  const sentences: Sentence[] = []
  const account = members(kubernetes['serviceaccount'])
  sentences.push({
    about: 'serviceaccount',
    text: `${printable(account?.['name'])} in namespace ${printable(kubernetes['namespace'])}, uid ${printable(account?.['uid'])}`,
  })
  for (const kind of ['pod', 'secret', 'node'] as const) {
    const bound = members(kubernetes[kind])
    if (bound === undefined) continue
    const informational = kind === 'node' && members(kubernetes['pod']) !== undefined
    const words = informational ? 'where the pod runs; only for information' : `bound to the ${kind}`
    sentences.push({
      about: kind,
      text: `${words}: ${printable(bound['name'])}${bound['uid'] === undefined ? '' : `, uid ${printable(bound['uid'])}`}`,
    })
  }
  const warnAfterMs = milliseconds(kubernetes['warnafter'])
  if (warnAfterMs !== undefined)
    sentences.push({
      about: 'warnafter',
      text: `should have been replaced by ${moment(warnAfterMs, nowMs)}; its life was extended for clients that do not read it anew`,
    })
  return sentences
}

function legacySentences(payload: Record<string, unknown>): Sentence[] {
  return Object.entries(payload)
    .filter(([claim]) => claim.startsWith('kubernetes.io/serviceaccount/'))
    .map(([claim, value]) => ({ about: claim.slice('kubernetes.io/serviceaccount/'.length), text: printable(value) }))
}

function ends(kind: Explanation['kind'], payload: Record<string, unknown>, kubernetes: Record<string, unknown> | undefined): string[] {
  if (kind === 'legacy') {
    const secret = printable(payload['kubernetes.io/serviceaccount/secret.name'])
    return [
      `secret ${secret} is deleted, holds another token, or is labelled kubernetes.io/legacy-token-invalid-since`,
      'its account is deleted, or made anew under the same name',
      'its signing key is retired',
    ]
  }
  if (kubernetes === undefined) return []
  const reasons = ['its account is deleted, or made anew under the same name']
  const bound = (['pod', 'secret', 'node'] as const).find((one) => members(kubernetes[one]) !== undefined)
  if (bound !== undefined)
    reasons.push(`${bound} ${printable(members(kubernetes[bound])?.['name'])} is deleted, or made anew under the same name`)
  reasons.push('it is revoked: by itself, with its account, or with what it is bound to', 'its signing key is retired')
  if (payload['exp'] !== undefined) reasons.push('it expires (a minute of difference between clocks is allowed)')
  return reasons
}

function findings({ verification, review, wantedAudiences }: ExplainOptions, audiences: readonly string[]): string[] {
  const found: string[] = []
  if (verification !== undefined) {
    if (verification.ok || OF_THE_MOMENT.has(verification.rejection.reason)) found.push('Signature: good.')
    else if (verification.rejection.reason === 'UnknownKey') found.push('Signature: by a key that is not among those published.')
    else if (verification.rejection.reason === 'BadSignature')
      found.push('Signature: wrong. The token was changed, or signed by somebody else.')
    else if (verification.rejection.reason === 'NotOurs') found.push('Signature: not looked at; the issuer is another.')
    else found.push('Signature: good, but the claims are not.')
  }
  if (wantedAudiences !== undefined && wantedAudiences.length > 0) {
    const common = wantedAudiences.filter((audience) => audiences.includes(audience))
    const wanted = wantedAudiences.map(printable).join(', ')
    found.push(
      common.length > 0
        ? `Audience: the call wanted ${wanted}, and the token has ${common.map(printable).join(', ')}.`
        : `Audience: the call wanted ${wanted}; the token is meant for ${audiences.length === 0 ? 'the API server' : audiences.map(printable).join(', ')}. Ask for a token with that audience.`,
    )
  }
  if (review !== undefined) {
    if (review.authenticated === true) found.push(`Online: alive. The server takes its bearer for ${printable(review.user?.username)}.`)
    else found.push(`Online: dead. The server says: ${printable(review.error)}.`)
  }
  return found
}

function times(payload: Record<string, unknown>, nowMs: number): Explanation['times'] {
  const expiresAtMs = milliseconds(payload['exp'])
  const validFromMs = milliseconds(payload['nbf'])
  if (expiresAtMs !== undefined && nowMs > expiresAtMs) return 'expired'
  return validFromMs !== undefined && nowMs < validFromMs ? 'notYetValid' : 'valid'
}

function milliseconds(value: unknown): number | undefined {
  return typeof value === 'number' && Math.abs(value) <= 253_402_300_799 ? Math.trunc(value) * 1000 : undefined
}

function members(value: unknown): Record<string, unknown> | undefined {
  // Arrays have no members of interest and are refused elsewhere.
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
}

function audienceList(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

/** For a terminal: nothing in it moves the cursor or hides a part, and nothing is endless. */
function printable(value: unknown): string {
  if (value === undefined || value === null || value === '') return '(nothing)'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const shown = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => `\\u${c.codePointAt(0)!.toString(16).padStart(4, '0')}`)
  return shown.length > 300 ? `${shown.slice(0, 300)}…` : shown
}

function moment(atMs: number, nowMs: number): string {
  const text = `${new Date(atMs).toISOString().slice(0, 19)}Z`
  const away = Math.round(Math.abs(atMs - nowMs) / 1000)
  return `${text} (${atMs >= nowMs ? `in ${span(away)}` : `${span(away)} ago`})`
}

function span(seconds: number): string {
  for (const [unit, length] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ] as const) {
    if (seconds < length * 2) continue
    return `${Math.floor(seconds / length)}${unit}`
  }
  return `${seconds}s`
}
