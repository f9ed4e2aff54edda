/**
 * From the claims of a token to a user, as an AuthenticationConfiguration says: plain claims with a prefix, or CEL.
 *
 * @see apiserver/plugin/pkg/authenticator/token/oidc/oidc.go
 * @module
 */
import type { ConfiguredJwt, Rule } from './configured.ts'
import { celValue, type Expression } from './expressions.ts'
import { type Claims, groupsClaim, type JwtSettings, uidClaim, usernameClaim } from './jwt.ts'

export function jwtMapping({
  document,
  expressions,
}: ConfiguredJwt): Pick<JwtSettings, 'username' | 'groups' | 'uid' | 'extra' | 'requiredClaims' | 'validate'> {
  const { claimMappings = {}, claimValidationRules = [] } = document
  const { username = {}, groups = {}, uid = {} } = claimMappings
  const { claimRules, userRules } = expressions
  const claimsValue = claimsOnce()
  const name = expressions.username
  const ofGroups = expressions.groups
  const ofUid = expressions.uid
  return {
    username:
      name === undefined ? usernameClaim(username.claim ?? '', username.prefix ?? '') : (claims) => usernameOf(name, claimsValue(claims)),
    ...(ofGroups !== undefined
      ? { groups: (claims) => groupsOf(ofGroups, claimsValue(claims)) }
      : groups.claim !== undefined && { groups: groupsClaim(groups.claim, groups.prefix ?? '') }),
    ...(ofUid !== undefined
      ? { uid: (claims) => textOf(ofUid, claimsValue(claims), 'uid') }
      : uid.claim !== undefined && { uid: uidClaim(uid.claim) }),
    ...(expressions.extra.length > 0 && { extra: (claims) => extraOf(expressions.extra, claimsValue(claims)) }),
    requiredClaims: Object.fromEntries(
      claimValidationRules.flatMap(({ claim, requiredValue = '' }) => (claim === undefined ? [] : [[claim, requiredValue]])),
    ),
    validate(claims, user) {
      if (claimRules.length > 0) judged('oidc: error evaluating claim validation expression', () => holds(claimRules, claimsValue(claims)))
      if (userRules.length === 0) return
      const { username, uid = '', groups, extra = {} } = user
      judged('oidc: error evaluating user info validation rule', () => holds(userRules, celValue({ username, uid, groups, extra })))
    },
  }
}

/** One token's claims are asked for again and again. */
function claimsOnce(): (claims: Claims) => unknown {
  const known = new WeakMap<Claims, unknown>()
  return (claims) => {
    let value = known.get(claims)
    if (value === undefined) {
      value = celValue(claims)
      known.set(claims, value)
    }
    return value
  }
}

/** Runs `work`; what it throws says first what it was about. */
function judged<T>(about: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new Error(`${about}: ${(error as Error).message}`, { cause: error })
  }
}

function usernameOf(expression: Expression, claims: unknown): string {
  const username = textOf(expression, claims, 'username')
  if (username === '') throw new Error('oidc: empty username via CEL expression is not allowed')
  return username
}

function textOf(expression: Expression, claims: unknown, what: 'username' | 'uid'): string {
  return judged(`oidc: error evaluating ${what} claim expression`, () => {
    const value = expression.evaluate(claims)
    if (typeof value !== 'string') throw new Error(`${what} claim expression must return a string`)
    return value
  })
}

function groupsOf(expression: Expression, claims: unknown): string[] {
  return judged('oidc: error evaluating group claim expression', () => texts(expression.evaluate(claims)))
}

function extraOf(mappings: readonly { key: string; value: Expression }[], claims: unknown): Record<string, string[]> {
  const extra: Record<string, string[]> = {}
  for (const { key, value } of mappings) {
    const result = value.evaluate(claims)
    const found = judged(`oidc: error evaluating extra claim expression: ${value.text}`, () => texts(result))
    if (found.length > 0) extra[key] = found
  }
  return extra
}

/** Empty texts, empty lists and null are nothing. */
function texts(value: unknown): string[] {
  if (value === null || value === '') return []
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (!list.every((one) => typeof one === 'string')) throw new Error('expression must return a string or a list of strings')
  return list.filter((one) => one !== '')
}

function holds(rules: readonly Rule[], value: unknown): void {
  // All are evaluated before one is judged.
  const results = rules.map(({ expression }) => expression.evaluate(value))
  for (const [index, { expression, message }] of rules.entries()) {
    if (typeof results[index] !== 'boolean') throw new Error('validation expression must return a boolean')
    if (!results[index]) throw new Error(`validation expression '${expression.text}' failed: ${message}`)
  }
}
