/**
 * Label selectors: the grammar of query parameters, and `metav1.LabelSelector`.
 *
 * @see apimachinery/pkg/labels/selector.go, apimachinery/pkg/apis/meta/v1/helpers.go
 * @module
 */
import { aggregateErrors } from './aggregate.ts'
import { byteOrder } from './byte-order.ts'
import { type FieldError, fieldErrorText, invalidValue } from './field.ts'
import { labelValueErrors, qualifiedNameErrors } from './names.ts'
import { badRequest } from './status.ts'
import type { LabelSelector as LabelSelectorObject } from './types/meta/v1.ts'

export type LabelOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt'

/** One condition on one key. `k=v` is `In` with one value, `k!=v` is `NotIn`. */
export interface LabelRequirement {
  key: string
  operator: LabelOperator
  /** Sorted, each once. */
  values: readonly string[]
  /** Written with `=` or `!=`; decides only how it is printed. */
  exact?: boolean
}

export type Labels = Readonly<Record<string, string>>

export interface LabelSelector {
  /** All must hold; sorted by key. None selects everything. */
  requirements: readonly LabelRequirement[]
  matches(labels: Labels | undefined): boolean
}

/**
 * Parses a `labelSelector` parameter: `k=v`, `k!=v`, `k in (a,b)`, `k notin (a,b)`, `k`, `!k`, `k>5`, `k<5`, joined by commas.
 *
 * @throws StatusError 400
 */
export function parseLabelSelector(text: string): LabelSelector {
  return selectorOf(new Parser(tokens(text)).parse().sort((a, b) => byteOrder(a.key, b.key)))
}

/** A selector from its conditions. */
export function selectorOf(requirements: readonly LabelRequirement[]): LabelSelector {
  return { requirements, matches: (labels) => requirements.every((requirement) => requirementMatches(requirement, labels)) }
}

/**
 * The selector of an object's `selector` member; absent selects nothing, an empty one everything. Parts that validation would have refused
 * select nothing.
 */
export function selectorFromObject(selector: LabelSelectorObject | undefined | null): LabelSelector {
  if (selector === undefined || selector === null) return NOTHING
  const requirements: LabelRequirement[] = []
  for (const [key, value] of Object.entries(selector.matchLabels ?? {}))
    requirements.push({ key, operator: 'In', values: [value], exact: true })
  for (const { key = '', operator, values } of selector.matchExpressions ?? []) {
    if (operator !== 'In' && operator !== 'NotIn' && operator !== 'Exists' && operator !== 'DoesNotExist') return NOTHING
    requirements.push({ key, operator, values: values ?? [] })
  }
  return selectorOf(requirements)
}

/** The selector that asks for each label of a plain map; an empty map selects everything. */
export function selectorFromLabels(labels: Labels): LabelSelector {
  return selectorOf(Object.entries(labels).map(([key, value]) => ({ key, operator: 'In', values: [value], exact: true })))
}

const NOTHING: LabelSelector = { requirements: [], matches: () => false }

/** Whether labels satisfy one condition. */
export function requirementMatches({ key, operator, values }: LabelRequirement, labels: Labels | undefined): boolean {
  const value = labels !== undefined && labels !== null && Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
    case 'Lt': {
      const actual = value === undefined ? undefined : integer(value)
      const bound = integer(values[0] ?? '')
      if (actual === undefined || bound === undefined) return false
      return operator === 'Gt' ? actual > bound : actual < bound
    }
  }
}

/** Go's `strconv.ParseInt(text, 10, 64)`. */
function integer(text: string): bigint | undefined {
  if (!/^[-+]?\d+$/.test(text)) return undefined
  const value = BigInt(text.replace(/^\+/, ''))
  return value >= -(2n ** 63n) && value < 2n ** 63n ? value : undefined
}

/** The selector as text, as `kubectl get` prints it: `a=b,c in (d,e),!f`. */
export function formatSelector(selector: LabelSelector): string {
  return selector.requirements.map(formatRequirement).join(',')
}

function formatRequirement({ key, operator, values, exact }: LabelRequirement): string {
  switch (operator) {
    case 'In':
      return exact === true ? `${key}=${values[0]}` : `${key} in (${[...values].sort(byteOrder).join(',')})`
    case 'NotIn':
      return exact === true ? `${key}!=${values[0]}` : `${key} notin (${[...values].sort(byteOrder).join(',')})`
    case 'Exists':
      return key
    case 'DoesNotExist':
      return `!${key}`
    case 'Gt':
      return `${key}>${values[0]}`
    case 'Lt':
      return `${key}<${values[0]}`
  }
}

interface Token {
  /** An operator or bracket as it is written; `identifier`, `end`, or `error`. */
  kind: string
  text: string
}

const SYMBOLS = new Set([')', ',', '!', '==', '=', '>', '<', '!=', '('])
const BLANK = /[ \t\r\n]/
const SPECIAL = /[=!(),><]/

function tokens(text: string): Token[] {
  const found: Token[] = []
  let at = 0
  for (;;) {
    while (at < text.length && BLANK.test(text[at] as string)) at++
    if (at >= text.length || text[at] === '\0') {
      found.push({ kind: 'end', text: '' })
      return found
    }
    const start = at
    if (SPECIAL.test(text[at] as string)) {
      let longest = ''
      while (at < text.length && SPECIAL.test(text[at] as string)) {
        const next = text.slice(start, at + 1)
        if (SYMBOLS.has(next)) longest = next
        else if (longest !== '') break
        at++
      }
      found.push(
        longest === ''
          ? { kind: 'error', text: `error expected: keyword found '${text.slice(start, at)}'` }
          : { kind: longest, text: longest },
      )
    } else {
      while (at < text.length && text[at] !== '\0' && !SPECIAL.test(text[at] as string) && !BLANK.test(text[at] as string)) at++
      const word = text.slice(start, at)
      found.push({ kind: word === 'in' || word === 'notin' ? word : 'identifier', text: word })
    }
  }
}

const BINARY_OPERATORS = 'in, notin, =, ==, !=, gt, lt'

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(list: readonly Token[]) {
    this.#tokens = list
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = []
    for (;;) {
      const { kind, text } = this.#peek()
      if (kind === 'end') return requirements
      if (kind !== 'identifier' && kind !== '!') throw badRequest(`found '${text}', expected: !, identifier, or 'end of string'`)
      requirements.push(this.#requirement())
      const next = this.#take()
      if (next.kind === 'end') return requirements
      if (next.kind !== ',') throw badRequest(`found '${next.text}', expected: ',' or 'end of string'`)
      const after = this.#peek()
      if (after.kind !== 'identifier' && after.kind !== '!') throw badRequest(`found '${after.text}', expected: identifier after ','`)
    }
  }

  #requirement(): LabelRequirement {
    let token = this.#take()
    const absent = token.kind === '!'
    if (absent) token = this.#take()
    if (token.kind !== 'identifier') throw unreadable(`found '${token.text}', expected: identifier`)
    const key = token.text
    const keyErrors = qualifiedNameErrors(key)
    if (keyErrors.length > 0) throw unreadable(fieldErrorText(invalidValue('<nil>', key, keyErrors.join('; '))))
    const next = this.#peek().kind
    if (absent || next === 'end' || next === ',') return { key, operator: absent ? 'DoesNotExist' : 'Exists', values: [] }
    const { kind, text } = this.#tokens[this.#at++] as Token
    switch (kind) {
      case 'in':
      case 'notin':
        return checked({ key, operator: kind === 'in' ? 'In' : 'NotIn', values: this.#values() })
      case '=':
      case '==':
        return checked({ key, operator: 'In', values: [this.#value()], exact: true })
      case '!=':
        return checked({ key, operator: 'NotIn', values: [this.#value()], exact: true })
      case '>':
        return checked({ key, operator: 'Gt', values: [this.#value()] })
      case '<':
        return checked({ key, operator: 'Lt', values: [this.#value()] })
      default:
        throw unreadable(`found '${text}', expected: ${BINARY_OPERATORS}`)
    }
  }

  #value(): string {
    const { kind } = this.#peek()
    if (kind === 'end' || kind === ',') return ''
    const token = this.#take()
    if (token.kind !== 'identifier') throw unreadable(`found '${token.text}', expected: identifier`)
    return token.text
  }

  #values(): string[] {
    const open = this.#take()
    if (open.kind !== '(') throw unreadable(`found '${open.text}' expected: '('`)
    const first = this.#peek()
    if (first.kind === ')') {
      this.#take()
      return ['']
    }
    if (first.kind !== 'identifier' && first.kind !== ',') throw unreadable(`found '${first.text}', expected: ',', ')' or identifier`)
    const values = this.#list()
    if (this.#take().kind !== ')') throw unreadable(`found '${first.text}', expected: ')'`)
    return [...values].sort(byteOrder)
  }

  /** Up to the closing bracket; a place without a value is the empty value. */
  #list(): Set<string> {
    const values = new Set<string>()
    for (;;) {
      const { kind, text } = this.#take()
      if (kind === 'identifier') {
        values.add(text)
        const next = this.#peek()
        if (next.kind === ')') return values
        if (next.kind !== ',') throw unreadable(`found '${next.text}', expected: ',' or ')'`)
      } else if (kind === ',') {
        if (values.size === 0) values.add('')
        const next = this.#peek().kind
        if (next === ')' || next === ',') values.add('')
        if (next === ')') return values
      } else throw unreadable(`found '${text}', expected: ',', or identifier`)
    }
  }

  /** `in` and `notin` are names like others where no operator can stand. */
  #peek(): Token {
    const token = this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] as Token
    return token.kind === 'in' || token.kind === 'notin' ? { kind: 'identifier', text: token.text } : token
  }

  #take(): Token {
    const token = this.#peek()
    this.#at++
    return token
  }
}

function checked(requirement: LabelRequirement): LabelRequirement {
  const errors: FieldError[] = []
  if (requirement.operator === 'Gt' || requirement.operator === 'Lt') {
    requirement.values.forEach((value, index) => {
      if (integer(value) === undefined)
        errors.push(invalidValue(`values[${index}]`, value, "for 'Gt', 'Lt' operators, the value must be an integer"))
    })
  }
  requirement.values.forEach((value, index) => {
    const texts = labelValueErrors(value)
    if (texts.length > 0) errors.push(invalidValue(`values[${index}][${requirement.key}]`, value, texts.join('; ')))
  })
  if (errors.length > 0) throw unreadable(aggregateErrors(errors.map(fieldErrorText)))
  return requirement
}

function unreadable(why: string): Error {
  return badRequest(`unable to parse requirement: ${why}`)
}
