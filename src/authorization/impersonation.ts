/**
 * Acting as somebody else: what is asked for, whether the asker may, and who it becomes.
 *
 * Constrained modes come first, each of which wants two permissions (to impersonate, and to do this very thing while impersonating); the
 * old way, which wants one for every part of the identity, comes last. Nothing but the order of the modes is remembered: a permission
 * taken away counts at once (decision 0011).
 *
 * @see KEP-5284; apiserver/pkg/endpoints/filters/impersonation
 * @module
 */
import { aggregateErrors } from '../api/aggregate.ts'
import { fieldErrorText, invalidValue } from '../api/field.ts'
import { badRequest, quote, type StatusError } from '../api/status.ts'
import { accountGroups, splitAccountUsername } from '../authentication/serviceaccount-user.ts'
import { ALL_AUTHENTICATED, ALL_UNAUTHENTICATED, ANONYMOUS, SYSTEM_MASTERS, type UserInfo } from '../authentication/user.ts'
import type { Attributes, Authorizer } from './authorizer.ts'
import { forbiddenError } from './forbidden.ts'

/** The identity as the headers spell it; nothing is added yet. */
export interface WantedUser {
  username: string
  /** `''` when not given. */
  uid: string
  groups: readonly string[]
  extra: Readonly<Record<string, readonly string[]>>
}

export interface Impersonated {
  user: UserInfo
  /** `impersonate:user-info`, …; undefined for the old way. For the audit log. */
  constraint: string | undefined
}

const EXTRA_PREFIX = 'impersonate-extra-'

/**
 * What the `Impersonate-*` headers ask for; undefined when there are none. Throws 400 for parts of an identity without a user name.
 *
 * @param rawHeaders names and values in turn, as Node has them: joined values could not be told apart again.
 */
export function wantedUser(rawHeaders: readonly string[]): WantedUser | undefined {
  let username: string | undefined
  let uid: string | undefined
  const groups: string[] = []
  const extra = new Map<string, string[]>()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const header = rawHeaders[i]!.toLowerCase()
    if (!header.startsWith('impersonate-')) continue
    const value = rawHeaders[i + 1]!
    // Of a repeated header the first counts.
    if (header === 'impersonate-user') username ??= value
    else if (header === 'impersonate-uid') uid ??= value
    else if (header === 'impersonate-group') groups.push(value)
    else if (header.startsWith(EXTRA_PREFIX)) {
      const key = unescapeKey(header.slice(EXTRA_PREFIX.length))
      const values = extra.get(key)
      if (values === undefined) extra.set(key, [value])
      else values.push(value)
    }
  }
  const wanted = { username: username ?? '', uid: uid ?? '', groups, extra: Object.fromEntries(extra) }
  if (wanted.username !== '') return wanted
  if (wanted.uid !== '' || groups.length > 0 || extra.size > 0)
    throw badRequest(`requested ${printed(wanted)} without impersonating a user name`)
  return undefined
}

/** Percent-decoded; kept as it is when it cannot be. */
function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}

/** As Go prints the struct. */
function printed({ username, uid, groups, extra }: WantedUser): string {
  const list = (texts: readonly string[]) => (texts.length === 0 ? '[]string(nil)' : `[]string{${texts.map(quote).join(', ')}}`)
  const keys = Object.keys(extra).sort()
  const map =
    keys.length === 0
      ? 'map[string][]string(nil)'
      : `map[string][]string{${keys.map((key) => `${quote(key)}:${list(extra[key] ?? [])}`).join(', ')}}`
  return `&user.DefaultInfo{Name:${quote(username)}, UID:${quote(uid)}, Groups:${list(groups)}, Extra:${map}}`
}

/** A mode answers who the asker becomes, a refusal, or undefined when it is not made for such a user. */
type Mode = (wanted: WantedUser, attributes: Attributes) => Promise<Impersonated | StatusError | undefined>

const REMEMBERED_REQUESTERS = 10_000

export class Impersonator {
  readonly #modes: readonly Mode[]
  /** Which mode last worked for a requester: it is tried first, and its refusal is the one told. */
  readonly #lastMode = new Map<string, number>()

  constructor(authorizer: Authorizer) {
    this.#modes = [
      associatedNodeMode(authorizer),
      arbitraryNodeMode(authorizer),
      serviceAccountMode(authorizer),
      userInfoMode(authorizer),
      legacyMode(authorizer),
    ]
  }

  /** Who the sender of the request becomes. `attributes` are of the request itself. Throws 403. */
  async impersonate(wanted: WantedUser, attributes: Attributes): Promise<Impersonated> {
    const requester = attributes.user.username
    const last = this.#lastMode.get(requester)
    const order = this.#modes.keys().toArray()
    if (last !== undefined) order.sort((a, b) => Number(b === last) - Number(a === last) || a - b)
    let refusal: StatusError | undefined
    for (const index of order) {
      const outcome = await this.#modes[index]!(wanted, attributes) // an index of the list
      if (outcome === undefined) continue
      if (outcome instanceof Error) {
        refusal ??= outcome
        continue
      }
      this.#remember(requester, index)
      return outcome
    }
    throw refusal ?? forbiddenError(attributes, 'all impersonation modes failed')
  }

  #remember(requester: string, index: number): void {
    this.#lastMode.delete(requester)
    this.#lastMode.set(requester, index)
    if (this.#lastMode.size <= REMEMBERED_REQUESTERS) return
    for (const oldest of this.#lastMode.keys()) {
      this.#lastMode.delete(oldest)
      return
    }
  }
}

/** Asks one authorizer in one verb; answers the refusal. */
interface Check {
  authorizer: Authorizer
  verb: string
  requester: UserInfo
  /** Group of `users` and `groups`: core in the old way. */
  group: string
}

const AUTHENTICATION = 'authentication.k8s.io'

async function refusalOf(authorizer: Authorizer, attributes: Attributes): Promise<StatusError | undefined> {
  const { decision, reason, evaluationError } = await authorizer.authorize(attributes)
  if (decision === 'allow') return undefined
  return forbiddenError(
    attributes,
    evaluationError === undefined ? reason : reason === '' ? evaluationError : `${evaluationError}: ${reason}`,
  )
}

function identityAttributes({ requester, verb }: Check, apiGroup: string, resource: string, name: string): Attributes {
  return { user: requester, verb, isResource: true, apiGroup, apiVersion: 'v1', resource, subresource: '', namespace: '', name, path: '' }
}

/** The mode of a verb, for users that `fits` tells. */
function constrainedMode(
  authorizer: Authorizer,
  mode: string,
  fits: (wanted: WantedUser, requester: UserInfo) => boolean,
  view: (attributes: Attributes) => Attributes = (same) => same,
): Mode {
  return async (wanted, attributes) => {
    const requester = attributes.user
    if (!fits(wanted, requester)) return undefined
    const asked = view({ ...attributes, verb: `impersonate-on:${mode}:${attributes.verb}` })
    const refusal = await refusalOf(authorizer, asked)
    if (refusal !== undefined) return refusal
    const check = { authorizer, verb: `impersonate:${mode}`, requester: view(attributes).user, group: AUTHENTICATION }
    return (
      (await constrainedRefusal(check, wanted, mode === 'associated-node')) ?? {
        user: becoming(wanted, true),
        constraint: `impersonate:${mode}`,
      }
    )
  }
}

function associatedNodeMode(authorizer: Authorizer): Mode {
  // Agents of one account run on many nodes: what they are allowed is asked for the account, not for the node.
  const view = (attributes: Attributes): Attributes => {
    const { user } = attributes
    return {
      ...attributes,
      user: { ...user, extra: { 'authentication.kubernetes.io/associated-node-keys': Object.keys(user.extra ?? {}).sort() } },
    }
  }
  return constrainedMode(
    authorizer,
    'associated-node',
    (wanted, requester) => onlyUsername(wanted) && isOnNode(requester, wanted.username),
    view,
  )
}

function arbitraryNodeMode(authorizer: Authorizer): Mode {
  return constrainedMode(authorizer, 'arbitrary-node', (wanted) => onlyUsername(wanted) && nodeNameOf(wanted.username) !== undefined)
}

function serviceAccountMode(authorizer: Authorizer): Mode {
  return constrainedMode(
    authorizer,
    'serviceaccount',
    (wanted) => onlyUsername(wanted) && splitAccountUsername(wanted.username) !== undefined,
  )
}

function userInfoMode(authorizer: Authorizer): Mode {
  return constrainedMode(
    authorizer,
    'user-info',
    ({ username }) => nodeNameOf(username) === undefined && splitAccountUsername(username) === undefined,
  )
}

function legacyMode(authorizer: Authorizer): Mode {
  return async (wanted, { user }) => {
    const check = { authorizer, verb: 'impersonate', requester: user, group: '' }
    return (await legacyRefusal(check, wanted)) ?? { user: becoming(wanted, false), constraint: undefined }
  }
}

function onlyUsername({ uid, groups, extra }: WantedUser): boolean {
  return uid === '' && groups.length === 0 && Object.keys(extra).length === 0
}

const NODE_PREFIX = 'system:node:'
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

function nodeNameOf(username: string): string | undefined {
  if (!username.startsWith(NODE_PREFIX)) return undefined
  const name = username.slice(NODE_PREFIX.length)
  return name.length <= 253 && SUBDOMAIN.test(name) ? name : undefined
}

/** Whether the requester is an account whose token says that it runs on the node. */
function isOnNode({ username, extra }: UserInfo, wanted: string): boolean {
  const node = nodeNameOf(wanted)
  if (node === undefined || splitAccountUsername(username) === undefined) return false
  const names = extra?.['authentication.kubernetes.io/node-name'] ?? []
  return names.length === 1 && names[0] === node
}

/** Fixed groups where the name has some, and what every user is in. */
function becoming(wanted: WantedUser, constrained: boolean): UserInfo {
  let groups = [...wanted.groups]
  if (constrained && nodeNameOf(wanted.username) !== undefined) groups = ['system:nodes']
  const account = splitAccountUsername(wanted.username)
  if (account !== undefined && groups.length === 0) groups = accountGroups(account.namespace)
  const must = wanted.username === ANONYMOUS ? ALL_UNAUTHENTICATED : ALL_AUTHENTICATED
  if (!groups.includes(must) && !groups.includes(ALL_UNAUTHENTICATED)) groups.push(must)
  const user: UserInfo = { username: wanted.username, groups }
  if (wanted.uid !== '') user.uid = wanted.uid
  if (Object.keys(wanted.extra).length > 0) user.extra = wanted.extra
  return user
}

async function constrainedRefusal(check: Check, wanted: WantedUser, anyNode: boolean): Promise<StatusError | undefined> {
  return (
    (await usernameRefusal(check, wanted, anyNode ? '*' : nodeNameOf(wanted.username))) ??
    (await uidRefusal(check, wanted)) ??
    (await constrainedGroupsRefusal(check, wanted)) ??
    (await constrainedExtraRefusal(check, wanted))
  )
}

async function legacyRefusal(check: Check, wanted: WantedUser): Promise<StatusError | undefined> {
  return (
    (await usernameRefusal(check, wanted, undefined)) ??
    (await uidRefusal(check, wanted)) ??
    (await eachGroupRefusal(check, wanted)) ??
    (await eachExtraRefusal(check, wanted))
  )
}

function usernameRefusal(check: Check, { username }: WantedUser, node: string | undefined): Promise<StatusError | undefined> {
  const account = splitAccountUsername(username)
  if (node !== undefined) return refusalOf(check.authorizer, identityAttributes(check, check.group, 'nodes', node))
  if (account === undefined) return refusalOf(check.authorizer, identityAttributes(check, check.group, 'users', username))
  return refusalOf(check.authorizer, {
    ...identityAttributes(check, check.group, 'serviceaccounts', account.name),
    namespace: account.namespace,
  })
}

async function uidRefusal(check: Check, { uid }: WantedUser): Promise<StatusError | undefined> {
  return uid === '' ? undefined : refusalOf(check.authorizer, identityAttributes(check, AUTHENTICATION, 'uids', uid))
}

/** From so many groups or values on, one question about all of them is asked first. */
const MANY = 4

async function constrainedGroupsRefusal(check: Check, wanted: WantedUser): Promise<StatusError | undefined> {
  const { groups } = wanted
  const attributes = identityAttributes(check, check.group, 'groups', '')
  if (groups.includes('')) return forbiddenError(attributes, 'impersonating the empty string group is not allowed')
  if (groups.includes(SYSTEM_MASTERS))
    return forbiddenError({ ...attributes, name: SYSTEM_MASTERS }, 'impersonating the system:masters group is not allowed')
  if (groups.length >= MANY && (await refusalOf(check.authorizer, { ...attributes, name: '*' })) === undefined) return undefined
  return eachGroupRefusal(check, wanted)
}

async function eachGroupRefusal(check: Check, { groups }: WantedUser): Promise<StatusError | undefined> {
  for (const group of groups) {
    const refusal = await refusalOf(check.authorizer, identityAttributes(check, check.group, 'groups', group))
    if (refusal !== undefined) return refusal
  }
  return undefined
}

async function constrainedExtraRefusal(check: Check, wanted: WantedUser): Promise<StatusError | undefined> {
  const entries = Object.entries(wanted.extra)
  if (entries.length === 0) return undefined
  const attributes = identityAttributes(check, AUTHENTICATION, 'userextras', '')
  for (const [key, values] of entries) {
    const wrong = extraProblem(key, values)
    if (wrong !== undefined) return forbiddenError(attributes, wrong)
  }
  const values = entries.reduce((sum, [, list]) => sum + list.length, 0)
  const many = entries.length >= MANY || values >= MANY
  if (many && (await refusalOf(check.authorizer, { ...attributes, subresource: '*', name: '*' })) === undefined) return undefined
  return eachExtraRefusal(check, wanted)
}

async function eachExtraRefusal(check: Check, { extra }: WantedUser): Promise<StatusError | undefined> {
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) {
      const refusal = await refusalOf(check.authorizer, {
        ...identityAttributes(check, AUTHENTICATION, 'userextras', value),
        subresource: key,
      })
      if (refusal !== undefined) return refusal
    }
  }
  return undefined
}

function extraProblem(key: string, values: readonly string[]): string | undefined {
  if (key === '') return 'impersonating the empty string key in extra is not allowed'
  const errors = domainPrefixedPathErrors(key)
  if (errors.length > 0) return `impersonating an invalid key in extra is not allowed: ${aggregateErrors(errors)}`
  if (key !== key.toLowerCase()) return `impersonating a non-lowercase key in extra is not allowed: ${quote(key)}`
  if (values.length === 0) return 'impersonating empty values in extra is not allowed'
  return values.includes('') ? 'impersonating the empty string value in extra is not allowed' : undefined
}

const PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

/** @see apimachinery/pkg/util/validation/validation.go, IsDomainPrefixedPath */
function domainPrefixedPathErrors(key: string): string[] {
  const field = 'extra.key'
  const slash = key.indexOf('/')
  if (slash <= 0 || slash === key.length - 1)
    return [fieldErrorText(invalidValue(field, key, 'must be a domain-prefixed path (such as "acme.io/foo")'))]
  const host = key.slice(0, slash)
  const path = key.slice(slash + 1)
  const errors: string[] = []
  if (Buffer.byteLength(host) > 253) errors.push(fieldErrorText(invalidValue(field, host, 'must be no more than 253 characters')))
  if (!SUBDOMAIN.test(host)) errors.push(fieldErrorText(invalidValue(field, host, SUBDOMAIN_TEXT)))
  if (!new RegExp(`^${PATH}$`).test(path))
    errors.push(fieldErrorText(invalidValue(field, path, `Invalid path (regex used for validation is '${PATH}')`)))
  return errors
}
