/**
 * A front proxy that has authenticated somebody and says so in headers, trusted for its client certificate alone.
 *
 * @see apiserver/pkg/authentication/request/headerrequest/requestheader.go
 * @module
 */
import type { Clock } from '../clock.ts'
import type { Certificate } from '../pki/certificate.ts'
import type { Authentication, Authenticator, Credentials } from './authenticator.ts'
import { commonName, verifiedLeaf } from './x509.ts'

export interface RequestHeaderSettings {
  /** `--requestheader-client-ca-file`; another array after a reload; undefined while there is none. */
  authorities(): readonly Certificate[] | undefined
  clock: Clock
  /** Common names that may speak for others; empty: whatever the authorities signed. */
  allowedNames: readonly string[]
  usernameHeaders: readonly string[]
  uidHeaders: readonly string[]
  groupHeaders: readonly string[]
  extraHeaderPrefixes: readonly string[]
}

const NONE: Authentication = { outcome: 'none' }

interface Verified {
  authorities: readonly Certificate[]
  fromMs: number
  untilMs: number
}

export function requestHeaderAuthenticator(settings: RequestHeaderSettings): Authenticator {
  const { authorities, clock, allowedNames } = settings
  const lower = (names: readonly string[]) => names.map((name) => name.trim().toLowerCase())
  const usernameHeaders = lower(settings.usernameHeaders)
  const uidHeaders = lower(settings.uidHeaders)
  const groupHeaders = lower(settings.groupHeaders)
  const prefixes = lower(settings.extraHeaderPrefixes)
  /** Proxies, by connection. Only those that were found to be one. */
  const verified = new WeakMap<object, Verified>()

  function problem(credentials: Credentials, roots: readonly Certificate[]): Authentication | undefined {
    const nowMs = clock.nowMs()
    const known = verified.get(credentials.connection)
    if (known !== undefined && known.authorities === roots && nowMs >= known.fromMs && nowMs <= known.untilMs) return undefined
    const found = verifiedLeaf(credentials, roots, nowMs)
    if (found === undefined) return NONE
    if (found instanceof Error) return { outcome: 'refused', error: found }
    const name = commonName(found.leaf)
    if (allowedNames.length > 0 && !allowedNames.includes(name)) {
      return { outcome: 'refused', error: new Error(`x509: subject with cn=${name} is not in the allowed list`) }
    }
    verified.set(credentials.connection, { authorities: roots, fromMs: found.notBeforeMs, untilMs: found.notAfterMs })
    return undefined
  }

  return {
    name: 'requestheader',
    authenticate(credentials) {
      const roots = authorities()
      if (roots === undefined) return NONE
      const refusal = problem(credentials, roots)
      if (refusal !== undefined) return refusal
      const headers = distinct(credentials)
      const first = (names: readonly string[]) => names.map((name) => headers[name]?.[0] ?? '').find((value) => value !== '') ?? ''
      const username = first(usernameHeaders)
      if (username === '') return NONE
      const uid = first(uidHeaders)
      const groups = groupHeaders.flatMap((name) => headers[name] ?? []).filter((group) => group !== '')
      return { outcome: 'user', user: { username, ...(uid !== '' && { uid }), groups, extra: extraOf(headers, prefixes) } }
    },
  }
}

type Headers = Readonly<Record<string, readonly string[] | undefined>>

function distinct({ distinctHeaders, headers }: Credentials): Headers {
  if (distinctHeaders !== undefined) return distinctHeaders()
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? [value] : value]))
}

function extraOf(headers: Headers, prefixes: readonly string[]): Record<string, string[]> {
  // A key may be any text, `__proto__` as well.
  const extra = new Map<string, string[]>()
  for (const prefix of prefixes) {
    for (const [name, values = []] of Object.entries(headers)) {
      if (!name.startsWith(prefix)) continue
      const key = unescaped(name.slice(prefix.length))
      extra.set(key, [...(extra.get(key) ?? []), ...values])
    }
  }
  return Object.fromEntries(extra)
}

/** What does not decode is kept as it is. */
function unescaped(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}
