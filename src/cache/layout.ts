/**
 * How an object lies in the store and in the cache.
 *
 * Stored: `{"kind":K,"apiVersion":V,"metadata":{…},…}` without a resourceVersion, because the revision is known only when it is written.
 * Cached and served: the same with `"resourceVersion":"N"` in the metadata, where Go writes it: behind name, namespace and uid. Because kind
 * and apiVersion come first, the list item (which has neither) is the tail of the same bytes.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import { ByteSlab } from './byte-slab.ts'
import type { CacheCodec, CachedObject } from './cache.ts'

/** kube-apiserver's protobuf values start with this. */
export const PROTOBUF_MAGIC: Uint8Array = Buffer.from('k8s\0')

const KIND = Buffer.from('{"kind":"')
const API_VERSION = Buffer.from('","apiVersion":"')
const METADATA = Buffer.from('","metadata":{')
/** `"metadata":{`, whose start is where a list item begins. */
const METADATA_MEMBER_LENGTH = '"metadata":{'.length
const RESOURCE_VERSION = Buffer.from('"resourceVersion":"')
/** Members of ObjectMeta that come before it, each the beginning of a text. @see apimachinery/pkg/apis/meta/v1/types.go */
const BEFORE_RESOURCE_VERSION = ['name', 'generateName', 'namespace', 'selfLink', 'uid']
const HEADS_BEFORE = BEFORE_RESOURCE_VERSION.map((name) => Buffer.from(`"${name}":"`))

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const CLOSING_BRACE = 0x7d
const NEWLINE = 0x0a

export interface LayoutCodecOptions {
  /** Reads kube-apiserver's protobuf (`k8s\0…`). Without it such a value is refused with a TypeError. */
  decodeForeign?: (value: Uint8Array) => KubeObject
}

/** The codec of all kinds. Make one per resource: objects of one resource then lie together in memory, and go together. */
export function layoutCodec({ decodeForeign }: LayoutCodecOptions = {}): CacheCodec {
  const slab = new ByteSlab()
  return {
    canonical(value, revision) {
      const offset = metadataMembers(value)
      if (offset > 0) return withResourceVersion(value, offset, revision, slab)
      return Buffer.from(canonicalText(decodeOther(value, decodeForeign), revision))
    },
  }
}

/** The bytes to store: kind, apiVersion and metadata first, no resourceVersion. The object is not changed. */
export function storedBytes(object: KubeObject): Buffer {
  const { kind, apiVersion, metadata = {}, ...rest } = object
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: { ...metadata, resourceVersion: undefined }, ...rest }))
}

/** The object as served, from an object that is not from the cache. */
export function canonicalBytes(object: KubeObject, revision: number): Buffer {
  return Buffer.from(canonicalText(object, revision))
}

/** Canonical bytes from stored ones, for the answer to a write. Falls back to parsing where the layout is another. */
export function canonicalFromStored(value: Uint8Array, revision: number): Buffer {
  const offset = metadataMembers(value)
  return offset > 0 ? withResourceVersion(value, offset, revision) : canonicalBytes(decodeOther(value, undefined), revision)
}

/**
 * The object as a list item, without kind and apiVersion and **without the opening brace**: a list writes `{` before each. No copy.
 */
export function itemBytes(object: Pick<CachedObject, 'bytes' | 'metadataAt'>): Uint8Array {
  return object.bytes.subarray(object.metadataAt ?? metadataOffset(object.bytes))
}

/** Where `"metadata":{` starts in stored or canonical bytes. */
export function metadataOffset(bytes: Uint8Array): number {
  const members = metadataMembers(bytes)
  if (members < 0) throw new TypeError('the object does not start with kind, apiVersion and metadata')
  return members - METADATA_MEMBER_LENGTH
}

/** Where the first member of the metadata starts; -1 when the value does not begin as ours do. */
function metadataMembers(value: Uint8Array): number {
  if (!matches(value, 0, KIND)) return -1
  const kindEnd = value.indexOf(QUOTE, KIND.length)
  if (kindEnd < 0 || !matches(value, kindEnd, API_VERSION)) return -1
  const versionEnd = value.indexOf(QUOTE, kindEnd + API_VERSION.length)
  if (versionEnd < 0 || !matches(value, versionEnd, METADATA)) return -1
  return versionEnd + METADATA.length
}

function matches(value: Uint8Array, at: number, expected: Uint8Array): boolean {
  if (value.length < at + expected.length) return false
  for (let n = 0; n < expected.length; n++) if (value[at + n] !== expected[n]) return false
  return true
}

/** Where resourceVersion goes: behind the members that come before it. Their texts hold nothing that JSON escapes. */
function placeOfResourceVersion(value: Uint8Array, offset: number): number {
  let at = offset
  for (const head of HEADS_BEFORE) {
    if (!matches(value, at, head)) continue
    const end = value.indexOf(QUOTE, at + head.length)
    if (end < 0 || value[end - 1] === BACKSLASH) return at
    if (value[end + 1] !== COMMA) return end + 1
    at = end + 2
  }
  return at
}

function withResourceVersion(value: Uint8Array, members: number, revision: number, slab?: ByteSlab): Buffer {
  const offset = placeOfResourceVersion(value, members)
  const digits = String(revision)
  // kube-apiserver ends its JSON with a newline.
  const end = value[value.length - 1] === NEWLINE ? value.length - 1 : value.length
  const isLast = value[offset] === CLOSING_BRACE
  const needsComma = !isLast || offset > members
  const inserted = RESOURCE_VERSION.length + digits.length + (needsComma ? 2 : 1)
  const length = end + inserted
  const bytes = slab === undefined ? Buffer.allocUnsafe(length) : slab.allocate(length)
  bytes.set(value.subarray(0, offset), 0)
  let at = offset
  if (isLast && needsComma) bytes[at++] = COMMA
  bytes.set(RESOURCE_VERSION, at)
  at += RESOURCE_VERSION.length
  for (let n = 0; n < digits.length; n++) bytes[at++] = digits.charCodeAt(n)
  bytes[at++] = QUOTE
  if (!isLast) bytes[at++] = COMMA
  bytes.set(value.subarray(offset, end), at)
  return bytes
}

function decodeOther(value: Uint8Array, decodeForeign: LayoutCodecOptions['decodeForeign']): KubeObject {
  if (!matches(value, 0, PROTOBUF_MAGIC))
    return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.length).toString()) as KubeObject
  if (decodeForeign === undefined) throw new TypeError('the stored value is protobuf, which nobody here can read')
  return decodeForeign(value)
}

function canonicalText(object: KubeObject, revision: number): string {
  const { kind, apiVersion, metadata, ...rest } = object
  const { resourceVersion: _, ...others } = metadata ?? {}
  const before = Object.fromEntries(Object.entries(others).filter(([name]) => BEFORE_RESOURCE_VERSION.includes(name)))
  return JSON.stringify({ kind, apiVersion, metadata: { ...before, resourceVersion: String(revision), ...others }, ...rest })
}
