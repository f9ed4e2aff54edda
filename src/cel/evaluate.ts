/**
 * Evaluation of expressions. A tree becomes functions once; they run as often as wanted, every step at a cost.
 *
 * @see github.com/google/cel-spec, doc/langdef.md
 * @module
 */
import type { Call as CelFunction } from './call.ts'
import { FUNCTIONS, METHODS } from './functions.ts'
import { MACROS } from './macros.ts'
import { parseExpression } from './parser.ts'
import { isPatchType, MESSAGE_COST, madeOf } from './patches.ts'
import { type Around, isBound, memberOf, type Run, type Scope, type Step, type Variables } from './scope.ts'
import type { Call, Expr, ListLiteral, MapLiteral, Message, Select } from './syntax.ts'
import {
  adapt,
  CelError,
  CelType,
  checkedDuration,
  checkedInt,
  checkedTimestamp,
  checkedUint,
  compare,
  Double,
  Duration,
  entryOf,
  equal,
  isMap,
  isMembers,
  mapKey,
  NoOverload,
  noOverload,
  noSuchKey,
  Optional,
  Timestamp,
  typeName,
  Uint,
} from './values.ts'

export interface Program {
  readonly expression: string
  /** Throws a CelError. */
  evaluate(variables: Variables, spend: (cost: number) => void): unknown
  /** Names that are used and not bound inside. */
  readonly names: ReadonlySet<string>
}

const TYPES: ReadonlyMap<string, CelType> = new Map(
  [
    'bool',
    'int',
    'uint',
    'double',
    'string',
    'bytes',
    'list',
    'map',
    'null_type',
    'type',
    'google.protobuf.Timestamp',
    'google.protobuf.Duration',
    'net.IP',
    'net.CIDR',
    'optional_type',
  ].map((name) => [name, new CelType(name)]),
)

/** Throws a CelError when the text is no expression, or calls what is not there. */
export function compileExpression(expression: string): Program {
  const names = new Set<string>()
  const step = compile(parseExpression(expression), { bound: undefined, names })
  return { expression, names, evaluate: (variables, spend) => step({ variables, spend }, undefined) }
}

export function compile(expr: Expr, around: Around): Step {
  switch (expr.op) {
    case 'literal': {
      const { value } = expr
      return () => value
    }
    case 'ident':
      return identifier(expr.name, around)
    case 'select':
      return select(expr, around)
    case 'list':
      return listLiteral(expr, around)
    case 'map':
      return mapLiteral(expr, around)
    case 'message':
      return message(expr, around)
    case 'call':
      return expr.target === undefined ? call(expr, around) : receiverCall(expr, expr.target, around)
    case 'fold':
      throw new TypeError('macros are evaluated as they are')
  }
}

/** A leading dot means nothing where there is no namespace. */
function identifier(written: string, around: Around): Step {
  const name = written.startsWith('.') ? written.slice(1) : written
  if (isBound(around, name)) {
    return (run, scope) => {
      run.spend(1)
      for (let at = scope; at !== undefined; at = at.outer) if (at.name === name) return at.value
      throw new CelError(`undeclared reference to '${name}' (in container '')`)
    }
  }
  around.names.add(name)
  const type = TYPES.get(name)
  return (run) => {
    run.spend(1)
    const value = run.variables(name)
    if (value !== undefined) return adapt(value)
    if (type !== undefined) return type
    throw new CelError(`undeclared reference to '${name}' (in container '')`)
  }
}

/** `a.b.c` as a name, when it is nothing but names. */
function qualifiedName(expr: Expr): string | undefined {
  if (expr.op === 'ident') return expr.name
  if (expr.op !== 'select') return undefined
  const left = qualifiedName(expr.operand)
  return left === undefined ? undefined : `${left}.${expr.field}`
}

function select(expr: Select, around: Around): Step {
  const type = TYPES.get(qualifiedName(expr) ?? '')
  if (type !== undefined) return () => type
  const operand = compile(expr.operand, around)
  const name = expr.field
  return (run, scope) => {
    run.spend(1)
    return through(operand(run, scope), name, memberOf)
  }
}

/** A member of what an optional holds is optional again. */
function through(value: unknown, key: unknown, read: (value: unknown, key: unknown) => unknown): unknown {
  if (value instanceof Optional) {
    if (value.value === undefined) return value
    const found = read(value.value, key)
    return found === undefined ? Optional.NONE : new Optional(found)
  }
  const found = read(value, key)
  if (found === undefined) throw noSuchKey(key)
  return found
}

/** Undefined: no such element. */
function elementOf(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    const at = key instanceof Uint ? key.value : key instanceof Double && Number.isInteger(key.value) ? BigInt(key.value) : key
    if (at instanceof Double) throw new CelError(`unsupported index value ${at.value} in list`)
    if (typeof at !== 'bigint') throw new CelError(`unsupported index type '${typeName(key)}' in list`)
    return at >= 0n && at < BigInt(value.length) ? adapt(value[Number(at)]) : undefined
  }
  if (isMap(value)) {
    mapKey(key)
    return entryOf(value, key)
  }
  return isMembers(value) && typeof key === 'string' ? memberOf(value, key) : undefined
}

function index(operand: Step, key: Step): Step {
  return (run, scope) => {
    run.spend(1)
    const value = operand(run, scope)
    const at = key(run, scope)
    if (Array.isArray(value) && elementOf(value, at) === undefined)
      throw new CelError(`index out of bounds: ${String(at instanceof Uint ? at.value : at)}`)
    return through(value, at, elementOf)
  }
}

function optionalSelect(operand: Step, key: Step): Step {
  return (run, scope) => {
    run.spend(1)
    const value = operand(run, scope)
    const inner = value instanceof Optional ? value.value : value
    if (inner === undefined) return Optional.NONE
    const found = elementOf(inner, key(run, scope))
    return found === undefined ? Optional.NONE : new Optional(found)
  }
}

/** Either side decides alone; an error counts only when the other side does not decide. */
function logical(decides: boolean, left: Step, right: Step): Step {
  const attempt = (step: Step, run: Run, scope: Scope | undefined): unknown => {
    try {
      const value = step(run, scope)
      return typeof value === 'boolean' ? value : noOverload(decides ? '_||_' : '_&&_', value)
    } catch (error) {
      if (error instanceof CelError && !error.fatal) return error
      throw error
    }
  }
  return (run, scope) => {
    run.spend(1)
    const first = attempt(left, run, scope)
    if (first === decides) return decides
    const second = attempt(right, run, scope)
    if (second === decides) return decides
    if (first instanceof CelError) throw first
    if (second instanceof CelError) throw second
    return !decides
  }
}

function negation(operand: Step): Step {
  return (run, scope) => {
    run.spend(1)
    const value = operand(run, scope)
    if (typeof value === 'bigint') return checkedInt(-value)
    if (value instanceof Double) return new Double(-value.value)
    if (value instanceof Duration) return checkedDuration(-value.nanos)
    throw noOverload('-_', value)
  }
}

function negated(operand: Step): Step {
  return (run, scope) => {
    run.spend(1)
    const value = operand(run, scope)
    if (typeof value !== 'boolean') throw noOverload('!_', value)
    return !value
  }
}

function conditional(condition: Step, yes: Step, no: Step): Step {
  return (run, scope) => {
    run.spend(1)
    const value = condition(run, scope)
    if (typeof value !== 'boolean') throw noOverload('_?_:_', value)
    return value ? yes(run, scope) : no(run, scope)
  }
}

/** Undefined: an optional element that is none. */
function element(value: unknown, optional: boolean): unknown {
  if (!optional) return value
  if (!(value instanceof Optional)) throw noOverload('optional element', value)
  return value.value
}

function listLiteral({ items }: ListLiteral, around: Around): Step {
  const steps = items.map(({ value, optional }) => ({ step: compile(value, around), optional }))
  if (!items.some(({ optional }) => optional)) {
    const plain = steps.map(({ step }) => step)
    return (run, scope) => {
      run.spend(1 + plain.length)
      return plain.map((step) => step(run, scope))
    }
  }
  return (run, scope) => {
    run.spend(1 + steps.length)
    return steps.map(({ step, optional }) => element(step(run, scope), optional)).filter((value) => value !== undefined)
  }
}

function mapLiteral({ entries }: MapLiteral, around: Around): Step {
  const steps = entries.map(({ key, value, optional }) => ({ keyStep: compile(key, around), valueStep: compile(value, around), optional }))
  return (run, scope) => {
    run.spend(1 + steps.length)
    const map = new Map<unknown, unknown>()
    for (const { keyStep, valueStep, optional } of steps) {
      const key = mapKey(keyStep(run, scope))
      const value = element(valueStep(run, scope), optional)
      if (value !== undefined) map.set(key, value)
    }
    return map
  }
}

function message({ name, fields }: Message, around: Around): Step {
  const type = name.startsWith('.') ? name.slice(1) : name
  if (!isPatchType(type)) throw new CelError(`undeclared reference to '${name}' (in container '')`)
  const steps = fields.map((field) => ({ name: field.name, step: compile(field.value, around), optional: field.optional }))
  return (run, scope) => {
    run.spend(MESSAGE_COST + steps.length)
    const values = new Map<string, unknown>()
    for (const { name: field, step, optional } of steps) {
      const value = element(step(run, scope), optional)
      if (value !== undefined) values.set(field, value)
    }
    return madeOf(type, values)
  }
}

function call({ name, args }: Call, around: Around): Step {
  const macro = MACROS.get(name)
  if (macro?.receiver === false && macro.arity.includes(args.length)) return macro.compile(undefined, args, around, compile)
  const operator = operators(name, args, around)
  if (operator !== undefined) return operator
  const run = FUNCTIONS.get(name.startsWith('.') ? name.slice(1) : name)
  if (run === undefined) throw new CelError(`undeclared reference to '${name}' (in container '')`)
  return calling(run, args, around)
}

/** Undefined: it is no operator. */
function operators(name: string, args: readonly Expr[], around: Around): Step | undefined {
  if (!/^[_!@-]/.test(name)) return undefined
  const [first, second, third] = args.map((one) => compile(one, around)) as [Step, Step, Step]
  switch (name) {
    case '_?._':
    case '_[?_]':
      return optionalSelect(first, second)
    case '_[_]':
      return index(first, second)
    case '_&&_':
    case '_||_':
      return logical(name === '_||_', first, second)
    case '!_':
      return negated(first)
    case '-_':
      return negation(first)
    case '_?_:_':
      return conditional(first, second, third)
    default:
      return binary(name, first, second)
  }
}

function receiverCall({ name, args }: Call, receiver: Expr, around: Around): Step {
  const namespace = qualifiedName(receiver)
  if (namespace !== undefined && !isBound(around, namespace)) {
    const qualified = `${namespace}.${name}`
    const macro = MACROS.get(qualified)
    if (macro?.receiver === false && macro.arity.includes(args.length)) return macro.compile(undefined, args, around, compile)
    const known = FUNCTIONS.get(qualified)
    if (known !== undefined) return calling(known, args, around)
  }
  const macro = MACROS.get(name)
  if (macro?.receiver === true && macro.arity.includes(args.length)) return macro.compile(receiver, args, around, compile)
  const method = METHODS.get(name)
  if (method === undefined) throw new CelError(`undeclared reference to '${name}' (in container '')`)
  return calling(method, [receiver, ...args], around)
}

function calling(run: CelFunction, args: readonly Expr[], around: Around): Step {
  const steps = args.map((one) => compile(one, around))
  return (state, scope) => {
    state.spend(1)
    return run(
      steps.map((step) => step(state, scope)),
      state.spend,
    )
  }
}

type Operator = (a: unknown, b: unknown, spend: (cost: number) => void) => unknown

const OPERATORS: Readonly<Record<string, Operator>> = {
  '_==_': (a, b, spend) => equal(a, b, spend),
  '_!=_': different,
  '_<_': (a, b) => compare(a, b, '_<_') < 0,
  '_<=_': (a, b) => compare(a, b, '_<=_') <= 0,
  '_>_': (a, b) => compare(a, b, '_>_') > 0,
  '_>=_': (a, b) => compare(a, b, '_>=_') >= 0,
  '_+_': add,
  '_-_': subtract,
  '_*_': (a, b) =>
    arithmetic(
      '_*_',
      a,
      b,
      (x, y) => x * y,
      (x, y) => x * y,
    ),
  '_/_': (a, b) =>
    arithmetic(
      '_/_',
      a,
      b,
      (x, y) => x / nonZero(y, 'division by zero'),
      (x, y) => x / y,
    ),
  '_%_': (a, b) => arithmetic('_%_', a, b, (x, y) => x % nonZero(y, 'modulus by zero')),
  '@in': contains,
}

function binary(name: string, left: Step, right: Step): Step | undefined {
  const operator = OPERATORS[name]
  if (operator === undefined) return undefined
  return (run, scope) => {
    run.spend(1)
    return operator(left(run, scope), right(run, scope), run.spend)
  }
}

function nonZero(value: bigint, text: string): bigint {
  if (value === 0n) throw new CelError(text)
  return value
}

function arithmetic(
  name: string,
  a: unknown,
  b: unknown,
  integers: (x: bigint, y: bigint) => bigint,
  doubles?: (x: number, y: number) => number,
): unknown {
  if (typeof a === 'bigint' && typeof b === 'bigint') return checkedInt(integers(a, b))
  if (a instanceof Uint && b instanceof Uint) return checkedUint(integers(a.value, b.value))
  if (a instanceof Double && b instanceof Double && doubles !== undefined) return new Double(doubles(a.value, b.value))
  throw noOverload(name, a, b)
}

function add(a: unknown, b: unknown, spend: (cost: number) => void): unknown {
  if (typeof a === 'string' && typeof b === 'string') {
    spend((a.length + b.length) * 0.1)
    return a + b
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    spend(a.length + b.length)
    return [...a, ...b]
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    spend((a.length + b.length) * 0.1)
    return new Uint8Array(Buffer.concat([a, b]))
  }
  if (a instanceof Duration && b instanceof Duration) return checkedDuration(a.nanos + b.nanos)
  if (a instanceof Timestamp && b instanceof Duration) return checkedTimestamp(a.nanos + b.nanos)
  if (a instanceof Duration && b instanceof Timestamp) return checkedTimestamp(a.nanos + b.nanos)
  return arithmetic(
    '_+_',
    a,
    b,
    (x, y) => x + y,
    (x, y) => x + y,
  )
}

function subtract(a: unknown, b: unknown): unknown {
  if (a instanceof Duration && b instanceof Duration) return checkedDuration(a.nanos - b.nanos)
  if (a instanceof Timestamp && b instanceof Timestamp) return checkedDuration(a.nanos - b.nanos)
  if (a instanceof Timestamp && b instanceof Duration) return checkedTimestamp(a.nanos - b.nanos)
  return arithmetic(
    '_-_',
    a,
    b,
    (x, y) => x - y,
    (x, y) => x - y,
  )
}

/** What cannot be compared is different. */
function different(a: unknown, b: unknown, spend: (cost: number) => void): boolean {
  try {
    return !equal(a, b, spend)
  } catch (error) {
    if (error instanceof NoOverload) return true
    throw error
  }
}

function contains(needle: unknown, haystack: unknown, spend: (cost: number) => void): boolean {
  if (Array.isArray(haystack)) {
    return haystack.some((one) => {
      spend(1)
      return equal(one, needle, spend)
    })
  }
  if (isMap(haystack)) return entryOf(haystack, needle) !== undefined
  throw noOverload('@in', needle, haystack)
}
