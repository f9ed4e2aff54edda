/**
 * Kubernetes' authorizer library: `authorizer.group("apps").resource("deployments").namespace("x").check("create").allowed()`.
 *
 * @see apiserver/pkg/cel/library/authz.go
 * @module
 */
import type { Call, Calls } from './call.ts'
import { CelError, type Members, noOverload, type Opaque } from './values.ts'

/** A question about a path, or about a resource. */
export interface Question {
  /** Undefined: the caller; else a service account. */
  username: string | undefined
  path: string | undefined
  group: string
  resource: string
  subresource: string
  namespace: string
  name: string
  fieldSelector?: string
  labelSelector?: string
  verb: string
}

export interface CheckAnswer {
  allowed: boolean
  reason: string
  error: string | undefined
}

/** Decides, for the caller or for somebody else. Must answer at once. */
export type Check = (question: Question) => CheckAnswer

/** What one decision costs. @see apiserver/pkg/cel/library/cost.go */
const CHECK_COST = 350_000

const NOTHING: Question = {
  username: undefined,
  path: undefined,
  group: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
  verb: '',
}

class Asking implements Opaque {
  readonly celType: string
  readonly question: Question
  readonly check: Check
  constructor(celType: string, question: Question, check: Check) {
    this.celType = celType
    this.question = question
    this.check = check
  }
  with(celType: string, change: Partial<Question>): Asking {
    return new Asking(celType, { ...this.question, ...change }, this.check)
  }
}

class CelAuthorizer extends Asking implements Members {
  readonly #requestResource: Partial<Question>
  constructor(question: Question, check: Check, requestResource: Partial<Question>) {
    super('kubernetes.authorization.Authorizer', question, check)
    this.#requestResource = requestResource
  }
  as(username: string): CelAuthorizer {
    return new CelAuthorizer({ ...this.question, username }, this.check, this.#requestResource)
  }
  member(name: string): unknown {
    return name === 'requestResource' ? this.with(RESOURCE, this.#requestResource) : undefined
  }
}

class Decision implements Opaque {
  readonly celType = 'kubernetes.authorization.Decision'
  readonly answer: CheckAnswer
  constructor(answer: CheckAnswer) {
    this.answer = answer
  }
}

const AUTHORIZER = 'kubernetes.authorization.Authorizer'
const PATH = 'kubernetes.authorization.PathCheck'
const GROUP = 'kubernetes.authorization.GroupCheck'
const RESOURCE = 'kubernetes.authorization.ResourceCheck'

/** The value of `authorizer`. @param requestResource what `authorizer.requestResource` asks about */
export function celAuthorizer(check: Check, requestResource: Partial<Question>): Opaque & Members {
  return new CelAuthorizer(NOTHING, check, requestResource)
}

function builder(name: string, from: string, to: string, change: (text: string) => Partial<Question>): readonly [string, Call] {
  return [
    name,
    ([value, text, ...rest]) => {
      if (!(value instanceof Asking) || value.celType !== from || typeof text !== 'string' || rest.length > 0)
        throw noOverload(name, value, text, ...rest)
      return value.with(to, change(text))
    },
  ]
}

function decision(name: string, read: (answer: CheckAnswer) => unknown): readonly [string, Call] {
  return [
    name,
    ([value]) => {
      if (!(value instanceof Decision)) throw noOverload(name, value)
      return read(value.answer)
    },
  ]
}

export const AUTHORIZER_METHODS: Calls = [
  builder('path', AUTHORIZER, PATH, (path) => {
    if (path === '') throw new CelError('path must not be empty')
    return { path }
  }),
  builder('group', AUTHORIZER, GROUP, (group) => ({ group })),
  [
    'serviceAccount',
    ([value, namespace, name]) => {
      if (!(value instanceof CelAuthorizer) || typeof namespace !== 'string' || typeof name !== 'string')
        throw noOverload('serviceAccount', value, namespace, name)
      return value.as(`system:serviceaccount:${namespace}:${name}`)
    },
  ],
  builder('resource', GROUP, RESOURCE, (resource) => ({ resource })),
  builder('subresource', RESOURCE, RESOURCE, (subresource) => ({ subresource })),
  builder('namespace', RESOURCE, RESOURCE, (namespace) => ({ namespace })),
  builder('name', RESOURCE, RESOURCE, (name) => ({ name })),
  builder('fieldSelector', RESOURCE, RESOURCE, (fieldSelector) => ({ fieldSelector })),
  builder('labelSelector', RESOURCE, RESOURCE, (labelSelector) => ({ labelSelector })),
  [
    'check',
    ([value, verb], spend) => {
      if (!(value instanceof Asking) || (value.celType !== PATH && value.celType !== RESOURCE) || typeof verb !== 'string')
        throw noOverload('check', value, verb)
      spend(CHECK_COST)
      return new Decision(value.check({ ...value.question, verb }))
    },
  ],
  decision('allowed', ({ allowed }) => allowed),
  decision('reason', ({ reason }) => reason),
  decision('errored', ({ error }) => error !== undefined),
  decision('error', ({ error }) => error ?? ''),
]
