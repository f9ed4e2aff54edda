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

/**
 * The document after all operations. Neither is changed; untouched parts are shared.
 *
 * Throws 422 with a fixed text when an operation fails, 413 for too many operations.
 */
export function applyJsonPatch(document: unknown, operations: readonly JsonObject[]): unknown {
  if (operations.length > MAX_OPERATIONS) {
    throw requestEntityTooLarge(`The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${operations.length}`)
  }
  const patching = new Patching(document)
  for (const operation of operations) patching.run(operation)
  return patching.document
}

type Container = JsonObject | unknown[]

class Patching {
  document: unknown
  /** Containers made here: they may be changed in place. */
  readonly #ours = new WeakSet<object>()
  #copiedBytes = 0

  constructor(document: unknown) {
    this.document = document
  }

  run(operation: JsonObject): void {
    switch (own(operation, 'op')) {
      case 'add':
        this.#add(text(operation, 'path'), own(operation, 'value') ?? null)
        return
      case 'remove':
        this.#remove(text(operation, 'path'))
        return
      case 'replace':
        this.#replace(text(operation, 'path'), own(operation, 'value') ?? null)
        return
      case 'move': {
        const value = this.#get(text(operation, 'from'))
        this.#remove(text(operation, 'from'))
        this.#add(text(operation, 'path'), value ?? null)
        return
      }
      case 'copy':
        this.#copy(text(operation, 'from'), text(operation, 'path'))
        return
      case 'test':
        if (!this.#equals(text(operation, 'path'), operation)) throw rejected()
        return
      default:
        throw rejected()
    }
  }

  #add(pointer: string, value: unknown): void {
    const { container, key } = this.#locate(pointer, true)
    if (!Array.isArray(container)) setMember(container, key, value)
    else if (key === '-') container.push(value)
    else container.splice(indexIn(key, container.length + 1), 0, value)
  }

  #remove(pointer: string): void {
    const { container, key } = this.#locate(pointer, true)
    if (Array.isArray(container)) container.splice(indexIn(key, container.length), 1)
    else if (Object.hasOwn(container, key)) delete container[key]
    else throw rejected()
  }

  #replace(pointer: string, value: unknown): void {
    if (pointer === '') {
      if (typeof value !== 'object' || value === null) throw rejected()
      this.document = value
      return
    }
    const { container, key } = this.#locate(pointer, true)
    if (Array.isArray(container)) container[indexIn(key, container.length)] = value
    else setMember(container, key, value)
  }

  #copy(from: string, path: string): void {
    const value = this.#get(from) ?? null
    this.#copiedBytes += value === null ? 0 : Buffer.byteLength(JSON.stringify(value, bigintAsNumber))
    if (this.#copiedBytes > MAX_COPY_BYTES) throw rejected()
    this.#add(path, copyJson(value))
  }

  #equals(pointer: string, operation: JsonObject): boolean {
    const expected = own(operation, 'value')
    const actual = pointer === '' ? this.document : this.#get(pointer)
    if (actual === undefined || actual === null) return expected === undefined || expected === null
    return expected !== undefined && equalJson(actual, expected)
  }

  /** Undefined for an absent member; an index out of range is refused. */
  #get(pointer: string): unknown {
    const { container, key } = this.#locate(pointer, false)
    return Array.isArray(container) ? container[indexIn(key, container.length)] : own(container, key)
  }

  /** What holds the pointer's last step; `toChange`: as a copy of our own, all the way down. */
  #locate(pointer: string, toChange: boolean): { container: Container; key: string } {
    const steps = pointer.split('/')
    if (steps.length < 2) throw rejected()
    if (toChange) this.document = this.#changeable(this.document)
    let container = containerOf(this.document)
    for (let i = 1; i < steps.length - 1; i++) {
      const key = unescaped(steps[i]!)
      const at = Array.isArray(container) ? indexIn(key, container.length) : key
      const next = Array.isArray(container) ? container[at as number] : own(container, key)
      const below = toChange ? this.#changeable(next) : next
      if (below !== next) put(container, at, below)
      container = containerOf(below)
    }
    return { container, key: unescaped(steps.at(-1)!) }
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

function containerOf(value: unknown): Container {
  if (Array.isArray(value) || isObject(value)) return value
  throw rejected()
}

/** A position below `length`, or counted from the end. Refused beyond. */
function indexIn(key: string, length: number): number {
  if (!/^[+-]?\d{1,15}$/.test(key)) throw rejected()
  const index = Number(key)
  const position = index < 0 ? index + length : index
  if (position < 0 || position >= length) throw rejected()
  return position
}

function unescaped(step: string): string {
  return step.includes('~') ? step.replaceAll(/~[01]/g, (pair) => (pair === '~1' ? '/' : '~')) : step
}

function text(operation: JsonObject, member: string): string {
  const value = own(operation, member)
  if (typeof value !== 'string') throw rejected()
  return value
}

function bigintAsNumber(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}

/** Whatever the operation lacked, the answer says no more. */
function rejected(): StatusError {
  return failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {})
}
