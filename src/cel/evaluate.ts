/**
 * Evaluation of expressions. A tree becomes functions once; they run as often as wanted, every step at a cost.
 *
 * @see github.com/google/cel-spec, doc/langdef.md
 * @module
 */
import type { Call } from './call.ts'
import { FUNCTIONS, METHODS } from './functions.ts'
import { MACROS } from './macros.ts'
import { type Around, isBound, memberOf, type Run, type Scope, type Step, type Variables } from './scope.ts'
import { type Node, parseExpression } from './syntax.ts'
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
  noOverload,
  noSuchKey,
  Optional,
  Timestamp,
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

export function compile(node: Node, around: Around): Step {
  switch (node.op) {
    case 'value':
      return literal(node.args)
    case 'id':
      return identifier(node.args, around)
    case '.':
      return select(node, around)
    case '.?':
      return optionalSelect(compile(node.args[0], around), () => node.args[1])
    case '[]':
      return index(compile(node.args[0], around), compile(node.args[1], around))
    case '[?]':
      return optionalSelect(compile(node.args[0], around), compile(node.args[1], around))
    case '&&':
    case '||':
      return logical(node.op === '||', compile(node.args[0], around), compile(node.args[1], around))
    case '!_': {
      const operand = compile(node.args, around)
      return (run, scope) => {
        run.spend(1)
        const value = operand(run, scope)
        if (typeof value !== 'boolean') throw noOverload('!_', value)
        return !value
      }
    }
    case '-_':
      return negation(node.args, around)
    case '?:': {
      const [condition, yes, no] = node.args.map((one: Node) => compile(one, around)) as [Step, Step, Step]
      return (run, scope) => {
        run.spend(1)
        const value = condition(run, scope)
        if (typeof value !== 'boolean') throw noOverload('_?_:_', value)
        return value ? yes(run, scope) : no(run, scope)
      }
    }
    case 'list': {
      const items: Step[] = node.args.map((one: Node) => compile(one, around))
      return (run, scope) => {
        run.spend(1 + items.length)
        return items.map((item) => item(run, scope))
      }
    }
    case 'map':
      return mapLiteral(node.args, around)
    case 'call':
      return call(node.args[0], node.args[1], around)
    case 'rcall':
      return receiverCall(node, around)
    default:
      return binary(node, around)
  }
}

function literal(value: unknown): Step {
  const constant = typeof value === 'number' ? new Double(value) : isUnsigned(value) ? new Uint(value.value) : value
  if (typeof constant === 'bigint') checkedInt(constant)
  return () => constant
}

/** The library's own class. */
function isUnsigned(value: unknown): value is { value: bigint } {
  return typeof value === 'object' && value !== null && value.constructor.name === 'UnsignedInt'
}

function identifier(name: string, around: Around): Step {
  if (isBound(around, name)) {
    return (run, scope) => {
      run.spend(1)
      for (let at = scope; at !== undefined; at = at.outer) if (at.name === name) return at.value
      throw new CelError(`undeclared reference to '${name}'`)
    }
  }
  around.names.add(name)
  const type = TYPES.get(name)
  return (run) => {
    run.spend(1)
    const value = run.variables(name)
    if (value !== undefined) return adapt(value)
    if (type !== undefined) return type
    throw new CelError(`undeclared reference to '${name}'`)
  }
}

/** `a.b.c` as a name, when it is nothing but names. */
function qualifiedName(node: Node): string | undefined {
  if (node.op === 'id') return node.args
  if (node.op !== '.') return undefined
  const left = qualifiedName(node.args[0])
  return left === undefined ? undefined : `${left}.${node.args[1]}`
}

function select(node: Node, around: Around): Step {
  const type = TYPES.get(qualifiedName(node) ?? '')
  if (type !== undefined) return () => type
  const operand = compile(node.args[0], around)
  const name: string = node.args[1]
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
    if (typeof at !== 'bigint') throw noOverload('_[_]', value, key)
    return at >= 0n && at < BigInt(value.length) ? adapt(value[Number(at)]) : undefined
  }
  if (isMap(value)) {
    mapKey(key)
    return entryOf(value, key)
  }
  if (isMembers(value) && typeof key === 'string') return memberOf(value, key)
  throw noOverload('_[_]', value, key)
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

function negation(node: Node, around: Around): Step {
  // The smallest integer can only be written so.
  if (node.op === 'value' && node.args === 2n ** 63n) return () => -(2n ** 63n)
  const operand = compile(node, around)
  return (run, scope) => {
    run.spend(1)
    const value = operand(run, scope)
    if (typeof value === 'bigint') return checkedInt(-value)
    if (value instanceof Double) return new Double(-value.value)
    throw noOverload('-_', value)
  }
}

function mapLiteral(entries: [Node, Node][], around: Around): Step {
  const steps = entries.map(([key, value]): [Step, Step] => [compile(key, around), compile(value, around)])
  return (run, scope) => {
    run.spend(1 + steps.length)
    const map = new Map<unknown, unknown>()
    for (const [keyStep, valueStep] of steps) {
      const key = mapKey(keyStep(run, scope))
      if (map.has(key)) throw new CelError(`Failed with repeated key: ${String(key)}`)
      map.set(key, valueStep(run, scope))
    }
    return map
  }
}

function call(name: string, args: Node[], around: Around): Step {
  const macro = MACROS.get(name)
  if (macro?.receiver === false && macro.arity.includes(args.length)) return macro.compile(undefined, args, around, compile)
  const run = FUNCTIONS.get(name)
  if (run === undefined) throw new CelError(`undeclared reference to '${name}'`)
  return calling(run, args, around)
}

function receiverCall(node: Node, around: Around): Step {
  const [name, receiver, args] = node.args as [string, Node, Node[]]
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
  if (method === undefined) throw new CelError(`undeclared reference to '${name}'`)
  return calling(method, [receiver, ...args], around)
}

function calling(run: Call, args: Node[], around: Around): Step {
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
  '==': (a, b, spend) => equal(a, b, spend),
  '!=': (a, b, spend) => !equal(a, b, spend),
  '<': (a, b) => compare(a, b, '_<_') < 0,
  '<=': (a, b) => compare(a, b, '_<=_') <= 0,
  '>': (a, b) => compare(a, b, '_>_') > 0,
  '>=': (a, b) => compare(a, b, '_>=_') >= 0,
  '+': add,
  '-': subtract,
  '*': (a, b) =>
    arithmetic(
      '_*_',
      a,
      b,
      (x, y) => x * y,
      (x, y) => x * y,
    ),
  '/': (a, b) =>
    arithmetic(
      '_/_',
      a,
      b,
      (x, y) => x / nonZero(y, 'division by zero'),
      (x, y) => x / y,
    ),
  '%': (a, b) => arithmetic('_%_', a, b, (x, y) => x % nonZero(y, 'modulus by zero')),
  in: contains,
}

function binary(node: Node, around: Around): Step {
  const operator = OPERATORS[node.op]
  if (operator === undefined) throw new CelError(`unsupported syntax '${node.op}'`)
  const left = compile(node.args[0], around)
  const right = compile(node.args[1], around)
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
