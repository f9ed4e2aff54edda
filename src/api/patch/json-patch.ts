/**
 * JSON patch, as lenient and as strict as the library that kube-apiserver uses: negative indexes count from the end, `replace` creates
 * members, `test` takes an absent member for null.
 *
 * @see RFC 6902, RFC 6901; evanphx/json-patch v4 patch.go
 * @module
 */
import { setMember } from '../json.ts'
import { failure, requestEntityTooLarge, type StatusError } from '../status.ts'
import { copyJson, equalJson, isObject, type JsonObject, own } from './json-value.ts'

/** @see apiserver/pkg/endpoints/handlers/patch.go */
const MAX_OPERATIONS = 10_000
/** What all `copy` operations of a patch may add, as JSON. @see apiserver/pkg/server/config.go, JSONPatchMaxCopyBytes */
const MAX_COPY_BYTES = 3 * 1024 * 1024

/** Why an operation cannot be done, in the library's words. */
export class JsonPatchFailure extends Error {
  /** It was a `test`, and it says no. */
  readonly isTest: boolean
  constructor(message: string, isTest = false) {
    super(message)
    this.name = 'JsonPatchFailure'
    this.isTest = isTest
  }
}

/**
 * The document after all operations. Neither is changed; untouched parts are shared.
 *
 * Throws 422 with a fixed text when an operation fails, 413 for too many operations.
 */
export function applyJsonPatch(document: unknown, operations: readonly JsonObject[]): unknown {
  if (operations.length > MAX_OPERATIONS) {
    throw requestEntityTooLarge(`The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${operations.length}`)
  }
  try {
    return afterOperations(document, operations)
  } catch (error) {
    throw error instanceof JsonPatchFailure ? rejected() : error
  }
}

/** The same without a limit to the operations. Throws a JsonPatchFailure. */
export function afterOperations(document: unknown, operations: readonly JsonObject[]): unknown {
  const patching = new Patching(document)
  for (const operation of operations) patching.run(operation)
  return patching.document
}

type Container = JsonObject | unknown[]

interface Place {
  container: Container
  key: string
}

const MISSING = 'missing value'

class Patching {
  document: unknown
  /** Containers made here: they may be changed in place. */
  readonly #ours = new WeakSet<object>()
  #copiedBytes = 0

  constructor(document: unknown) {
    this.document = document
  }

  run(operation: JsonObject): void {
    const kind = own(operation, 'op')
    switch (kind) {
      case 'add':
        this.#add(pathOf(operation, kind), own(operation, 'value') ?? null)
        return
      case 'remove':
        this.#remove(pathOf(operation, kind))
        return
      case 'replace':
        this.#replace(pathOf(operation, kind), own(operation, 'value') ?? null)
        return
      case 'move':
        this.#move(fromOf(operation, kind), operation)
        return
      case 'copy':
        this.#copy(fromOf(operation, kind), operation)
        return
      case 'test':
        this.#test(pathOf(operation, kind), operation)
        return
      default:
        throw new JsonPatchFailure(`Unexpected kind: ${typeof kind === 'string' ? kind : 'unknown'}`)
    }
  }

  #add(path: string, value: unknown): void {
    const place = this.#locate(path, true)
    if (place === undefined) throw new JsonPatchFailure(`add operation does not apply: doc is missing path: "${path}": ${MISSING}`)
    within(`error in add for path: '${path}'`, () => insert(place, value))
  }

  #remove(path: string): void {
    const place = this.#locate(path, true)
    if (place === undefined) throw new JsonPatchFailure(`remove operation does not apply: doc is missing path: "${path}": ${MISSING}`)
    within(`error in remove for path: '${path}'`, () => remove(place))
  }

  #replace(path: string, value: unknown): void {
    if (path === '') {
      if (typeof value !== 'object' || value === null)
        throw new JsonPatchFailure('replace operation value must be object or array: %!w(<nil>)')
      this.document = value
      return
    }
    const place = this.#locate(path, true)
    if (place === undefined) throw new JsonPatchFailure(`replace operation does not apply: doc is missing path: ${path}: ${MISSING}`)
    const { container, key } = place
    if (!Array.isArray(container)) {
      setMember(container, key, value)
      return
    }
    const index = tried(() => indexIn(key, container.length))
    if (index === undefined) throw new JsonPatchFailure(`replace operation does not apply: doc is missing key: ${path}: ${MISSING}`)
    container[index] = value
  }

  #move(from: string, operation: JsonObject): void {
    const source = this.#locate(from, true)
    if (source === undefined) throw new JsonPatchFailure(`move operation does not apply: doc is missing from path: ${from}: ${MISSING}`)
    const value = within(`error in move for path: '${source.key}'`, () => {
      const found = valueAt(source)
      remove(source)
      return found
    })
    const path = pathOf(operation, 'move')
    const place = this.#locate(path, true)
    if (place === undefined)
      throw new JsonPatchFailure(`move operation does not apply: doc is missing destination path: ${path}: ${MISSING}`)
    within(`error in move for path: '${path}'`, () => insert(place, value ?? null))
  }

  #copy(from: string, operation: JsonObject): void {
    const source = this.#locate(from, false)
    if (source === undefined) throw new JsonPatchFailure(`copy operation does not apply: doc is missing from path: ${from}: ${MISSING}`)
    const value = within(`error in copy for from: '${from}'`, () => valueAt(source)) ?? null
    const path = pathOf(operation, 'copy')
    const place = this.#locate(path, true)
    if (place === undefined)
      throw new JsonPatchFailure(`copy operation does not apply: doc is missing destination path: ${path}: ${MISSING}`)
    this.#copiedBytes += value === null ? 0 : Buffer.byteLength(JSON.stringify(value, bigintAsNumber))
    if (this.#copiedBytes > MAX_COPY_BYTES) {
      const limit = `the accumulated size increase of copy is ${this.#copiedBytes}, exceeding the limit ${MAX_COPY_BYTES}`
      throw new JsonPatchFailure(`Unable to complete the copy, ${limit}`)
    }
    within('error while adding value during copy', () => insert(place, copyJson(value)))
  }

  #test(path: string, operation: JsonObject): void {
    const place = path === '' ? undefined : this.#locate(path, false)
    if (path !== '' && place === undefined)
      throw new JsonPatchFailure(`test operation does not apply: is missing path: ${path}: ${MISSING}`)
    const actual = place === undefined ? this.document : within(`error in test for path: '${path}'`, () => valueAt(place))
    const expected = own(operation, 'value')
    const same =
      actual === undefined || actual === null
        ? expected === undefined || expected === null
        : expected !== undefined && equalJson(actual, expected)
    if (!same) throw new JsonPatchFailure(`testing value ${path} failed: test failed`, true)
  }

  /** What holds the pointer's last step; `toChange`: as a copy of our own, all the way down. Undefined: there is nothing of the kind. */
  #locate(pointer: string, toChange: boolean): Place | undefined {
    const steps = pointer.split('/')
    if (steps.length < 2) return undefined
    if (toChange) this.document = this.#changeable(this.document)
    let container = containerOf(this.document)
    for (let i = 1; i < steps.length - 1 && container !== undefined; i++) {
      const around: Container = container
      const key = unescaped(steps[i]!)
      const at = Array.isArray(around) ? tried(() => indexIn(key, around.length)) : key
      if (at === undefined) return undefined
      const next = Array.isArray(around) ? around[at as number] : own(around, key)
      const below = toChange ? this.#changeable(next) : next
      if (below !== next) put(around, at, below)
      container = containerOf(below)
    }
    return container === undefined ? undefined : { container, key: unescaped(steps.at(-1)!) }
  }

  #changeable(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || this.#ours.has(value)) return value
    const copy = Array.isArray(value) ? value.slice() : { ...value }
    this.#ours.add(copy)
    return copy
  }
}

function put(container: Container, at: string | number, value: unknown): void {
  // An index where the container is a list: see the caller.
  if (Array.isArray(container)) container[at as number] = value
  else setMember(container, at as string, value)
}

function containerOf(value: unknown): Container | undefined {
  return Array.isArray(value) || isObject(value) ? value : undefined
}

/** Undefined for an absent member; an index out of range is refused. */
function valueAt({ container, key }: Place): unknown {
  return Array.isArray(container) ? container[indexIn(key, container.length)] : own(container, key)
}

function insert({ container, key }: Place, value: unknown): void {
  if (!Array.isArray(container)) setMember(container, key, value)
  else if (key === '-') container.push(value)
  else container.splice(indexIn(key, container.length + 1, `value was not a proper array index: '${key}': `), 0, value)
}

function remove({ container, key }: Place): void {
  if (Array.isArray(container)) container.splice(indexIn(key, container.length), 1)
  else if (Object.hasOwn(container, key)) delete container[key]
  else throw new JsonPatchFailure(`Unable to remove nonexistent key: ${key}: ${MISSING}`)
}

/** A position below `length`, or counted from the end. Refused beyond. */
function indexIn(key: string, length: number, prefix = ''): number {
  if (!/^[+-]?\d{1,15}$/.test(key)) throw new JsonPatchFailure(`${prefix}strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`)
  const index = Number(key)
  const position = index < 0 ? index + length : index
  if (position < 0 || position >= length) throw new JsonPatchFailure(`Unable to access invalid index: ${index}: invalid index referenced`)
  return position
}

function within<T>(prefix: string, attempt: () => T): T {
  try {
    return attempt()
  } catch (error) {
    throw error instanceof JsonPatchFailure ? new JsonPatchFailure(`${prefix}: ${error.message}`) : error
  }
}

function tried<T>(attempt: () => T): T | undefined {
  try {
    return attempt()
  } catch (error) {
    if (error instanceof JsonPatchFailure) return undefined
    throw error
  }
}

function unescaped(step: string): string {
  return step.includes('~') ? step.replaceAll(/~[01]/g, (pair) => (pair === '~1' ? '/' : '~')) : step
}

function pathOf(operation: JsonObject, kind: string): string {
  const value = own(operation, 'path')
  if (typeof value !== 'string') throw new JsonPatchFailure(`${kind} operation failed to decode path: ${MISSING}`)
  return value
}

function fromOf(operation: JsonObject, kind: string): string {
  const value = own(operation, 'from')
  if (typeof value !== 'string')
    throw new JsonPatchFailure(`${kind} operation failed to decode from: operation, missing from field: ${MISSING}`)
  return value
}

function bigintAsNumber(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}

/** Whatever the operation lacked, the answer says no more. */
function rejected(): StatusError {
  return failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {})
}
