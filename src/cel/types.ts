/**
 * The types of expressions, how they are written, and which value may stand where which is wanted.
 *
 * @see github.com/google/cel-go, common/types/types.go, checker/{types,format,mapping}.go
 * @module
 */

export type Kind =
  | 'any'
  | 'bool'
  | 'bytes'
  | 'double'
  | 'duration'
  | 'dyn'
  | 'error'
  | 'int'
  | 'list'
  | 'map'
  | 'null'
  | 'opaque'
  | 'param'
  | 'string'
  | 'struct'
  | 'timestamp'
  | 'type'
  | 'uint'
  | 'unspecified'

export interface Type {
  readonly kind: Kind
  readonly name: string
  readonly params: readonly Type[]
}

const simple = (kind: Kind, name: string = kind): Type => ({ kind, name, params: [] })

export const ANY = simple('any', 'google.protobuf.Any')
export const BOOL = simple('bool')
export const BYTES = simple('bytes')
export const DOUBLE = simple('double')
export const DURATION = simple('duration', 'google.protobuf.Duration')
export const DYN = simple('dyn')
export const ERROR = simple('error', '*error*')
export const INT = simple('int')
export const NULL = simple('null', 'null_type')
export const STRING = simple('string')
export const TIMESTAMP = simple('timestamp', 'google.protobuf.Timestamp')
export const TYPE = simple('type')
export const UINT = simple('uint')
/** Nothing fits it. */
export const UNSPECIFIED = simple('unspecified', '')

export const listOf = (element: Type): Type => ({ kind: 'list', name: 'list', params: [element] })
export const mapOf = (key: Type, value: Type): Type => ({ kind: 'map', name: 'map', params: [key, value] })
export const typeOf = (type: Type): Type => ({ kind: 'type', name: 'type', params: [type] })
export const opaque = (name: string, ...params: Type[]): Type => ({ kind: 'opaque', name, params })
export const optionalOf = (type: Type): Type => opaque('optional_type', type)
export const struct = (name: string): Type => ({ kind: 'struct', name, params: [] })
export const param = (name: string): Type => ({ kind: 'param', name, params: [] })

/** As it is written in what the checker says. */
export function formatType(type: Type): string {
  switch (type.kind) {
    case 'any':
    case 'duration':
    case 'null':
    case 'timestamp':
      return type.kind
    case 'error':
      return '!error!'
    default:
      return type.params.length === 0 ? type.name : `${type.name}(${type.params.map(formatType).join(', ')})`
  }
}

/** As it is written where a result is of the wrong type. */
export function typeText(type: Type): string {
  return type.params.length === 0 ? type.name : `${type.name}(${type.params.map(typeText).join(', ')})`
}

/** Whether it is made of more parts than so many. */
export function isLargerThan(type: Type, parts: number): boolean {
  let left = parts
  const count = (one: Type): boolean => --left < 0 || one.params.some(count)
  return count(type)
}

/** A key: equal types have equal ones. */
function keyOf(type: Type): string {
  return `${type.kind} ${type.name}${type.params.length === 0 ? '' : `(${type.params.map(keyOf).join(', ')})`}`
}

export function sameType(a: Type, b: Type): boolean {
  return a === b || (a.kind === b.kind && a.name === b.name && a.params.length === b.params.length && keyOf(a) === keyOf(b))
}

export const isDyn = ({ kind }: Type): boolean => kind === 'dyn' || kind === 'any'
export const isDynOrError = (type: Type): boolean => isDyn(type) || type.kind === 'error'

/** What an optional holds; undefined for what is none. */
export function insideOptional(type: Type): Type | undefined {
  return type.kind === 'opaque' && type.name === 'optional_type' ? type.params[0] : undefined
}

/**
 * The type that a variable of a policy has: of structures and values of libraries nothing is remembered.
 *
 * @see apiserver/pkg/admission/plugin/cel/composition.go, convertCelTypeToDeclType
 */
export function declaredType(type: Type | undefined): Type {
  const [first = DYN, second = DYN] = type?.params ?? []
  switch (type?.kind) {
    case 'list':
      return listOf(declaredType(first))
    case 'map':
      return mapOf(declaredType(first), declaredType(second))
    case undefined:
    case 'struct':
    case 'opaque':
    case 'type':
      return DYN
    default:
      return type ?? DYN
  }
}

/** What is known of type parameters. */
export class Bindings {
  readonly #known = new Map<string, Type>()
  /** What was known before, for what has changed since the question that is being answered. */
  #changed: [name: string, before: Type | undefined][] = []

  find(type: Type): Type | undefined {
    return type.kind === 'param' ? this.#known.get(type.name) : undefined
  }

  /** Whether every one of these may stand where its counterpart is wanted; what that teaches is kept only if so. */
  assignable(from: readonly Type[], to: readonly Type[]): boolean {
    this.#changed = []
    if (this.#allAssignable(from, to)) return true
    for (const [name, before] of this.#changed.reverse()) {
      if (before === undefined) this.#known.delete(name)
      else this.#known.set(name, before)
    }
    return false
  }

  /** Type parameters replaced by what is known of them. @param rest what stands for others; themselves if undefined */
  substitute(type: Type, rest?: Type): Type {
    const known = this.find(type)
    if (known !== undefined) return this.substitute(known, rest)
    if (type.kind === 'param') return rest ?? type
    if (type.params.length === 0) return type
    return { ...type, params: type.params.map((one) => this.substitute(one, rest)) }
  }

  #learn(name: string, type: Type): void {
    this.#changed.push([name, this.#known.get(name)])
    this.#known.set(name, type)
  }

  #allAssignable(from: readonly Type[], to: readonly Type[]): boolean {
    return from.length === to.length && from.every((type, i) => this.#assignable(type, to[i] as Type)) // of the same length
  }

  #assignable(a: Type, b: Type): boolean {
    if (b.kind === 'param') {
      const found = this.#stands(a, b)
      if (found !== 'unknown') return found
    }
    if (a.kind === 'param') return this.#stands(b, a) === true
    if (isDynOrError(a) || isDynOrError(b)) return true
    if (a.kind === 'null') return nullable(b)
    if (b.kind === 'null') return nullable(a)
    switch (a.kind) {
      case 'type':
        return b.kind === 'type'
      case 'opaque':
      case 'list':
      case 'map':
        return a.kind === b.kind && a.name === b.name && this.#allAssignable(a.params, b.params)
      default:
        return a.kind === b.kind && a.name === b.name
    }
  }

  /** Whether a type can stand for a parameter; `unknown`: not this way round, and nothing is known of the parameter. */
  #stands(type: Type, parameter: Type): boolean | 'unknown' {
    if (sameType(type, parameter)) return true
    const known = this.#known.get(parameter.name)
    if (known !== undefined) {
      if (sameType(type, known)) return true
      if (!this.#assignable(type, known)) return false
      const general = mostGeneral(type, known)
      if (this.#isFreeOf(parameter, general)) this.#learn(parameter.name, general)
      return true
    }
    if (!this.#isFreeOf(parameter, type)) return 'unknown'
    this.#learn(parameter.name, type)
    return true
  }

  #isFreeOf(parameter: Type, within: Type): boolean {
    if (sameType(parameter, within)) return false
    if (within.kind === 'param') {
      const known = this.#known.get(within.name)
      return known === undefined || this.#isFreeOf(parameter, known)
    }
    return within.params.every((one) => this.#isFreeOf(parameter, one))
  }
}

function nullable({ kind }: Type): boolean {
  return kind === 'null' || kind === 'opaque' || kind === 'struct' || kind === 'any' || kind === 'duration' || kind === 'timestamp'
}

export function mostGeneral(a: Type, b: Type): Type {
  return isEqualOrLessSpecific(a, b) ? a : b
}

function isEqualOrLessSpecific(a: Type, b: Type): boolean {
  if (isDyn(a) || a.kind === 'param') return true
  if (isDyn(b) || b.kind === 'param' || a.kind !== b.kind) return false
  switch (a.kind) {
    case 'type':
      return true
    case 'opaque':
    case 'list':
    case 'map':
      return (
        a.name === b.name &&
        a.params.length === b.params.length &&
        a.params.every((one, i) => isEqualOrLessSpecific(one, b.params[i] as Type))
      )
    default:
      return sameType(a, b)
  }
}
