/**
 * The messages of etcd's API that the store speaks: KV, Watch, Lease, Maintenance. Field numbers are etcd's.
 *
 * @see https://etcd.io/docs/v3.4/learning/api/
 * @module
 */
import { booleanField, bytesField, FieldReader, message, numberField } from './protobuf.ts'

/** A remote procedure: its path and how its two messages are written and read. */
export interface Procedure<Request, Response> {
  path: string
  encode(request: Request): Buffer
  decode(bytes: Buffer): Response
}

export interface KeyValue {
  key: Buffer
  value: Buffer
  createRevision: number
  modRevision: number
}

export interface RangeRequest {
  key: Uint8Array
  rangeEnd?: Uint8Array
  limit?: number
  revision?: number
  countOnly?: boolean
}

export interface RangeResponse {
  /** The store's revision when this was answered. */
  revision: number
  kvs: KeyValue[]
  more: boolean
}

export const range: Procedure<RangeRequest, RangeResponse> = {
  path: '/etcdserverpb.KV/Range',
  encode: encodeRange,
  decode: decodeRange,
}

/** Writes one key if its last write was at a given revision (0: if it is not there); else answers what is there. */
export interface GuardedWrite {
  key: Uint8Array
  /** Undefined deletes. */
  value: Uint8Array | undefined
  expectedRevision: number
  lease?: number
}

export interface GuardedOutcome {
  revision: number
  succeeded: boolean
  /** Of a refusal. */
  current: KeyValue | undefined
}

export const guardedWrite: Procedure<GuardedWrite, GuardedOutcome> = {
  path: '/etcdserverpb.KV/Txn',
  encode({ key, value, expectedRevision, lease = 0 }) {
    const MOD = 2
    // An absent number is 0, but which number is compared must be said.
    const compared = expectedRevision === 0 ? Buffer.from([6 * 8, 0]) : numberField(6, expectedRevision)
    const compare = message(numberField(2, MOD), bytesField(3, key), compared)
    const write =
      value === undefined
        ? bytesField(3, bytesField(1, key))
        : bytesField(2, message(bytesField(1, key), bytesField(2, value), numberField(3, lease)))
    return message(bytesField(1, compare), bytesField(2, write), bytesField(3, bytesField(1, encodeRange({ key }))))
  },
  decode(bytes) {
    const outcome: GuardedOutcome = { revision: 0, succeeded: false, current: undefined }
    const reader = new FieldReader(bytes)
    while (reader.next()) {
      if (reader.field === 1) outcome.revision = headerRevision(reader.bytes())
      else if (reader.field === 2) outcome.succeeded = reader.boolean()
      else if (reader.field === 3) {
        const operation = new FieldReader(reader.bytes())
        while (operation.next()) if (operation.field === 1) outcome.current = decodeRange(operation.bytes()).kvs[0]
      }
    }
    return outcome
  },
}

/** Many keys in one transaction, whatever is there now. An undefined value deletes. etcd takes 128 at once. */
export const writeAll: Procedure<readonly { key: Uint8Array; value: Uint8Array | undefined }[], void> = {
  path: '/etcdserverpb.KV/Txn',
  encode: (writes) =>
    message(
      ...writes.map(({ key, value }) =>
        bytesField(
          2,
          value === undefined ? bytesField(3, bytesField(1, key)) : bytesField(2, message(bytesField(1, key), bytesField(2, value))),
        ),
      ),
    ),
  decode: () => undefined,
}

export const compact: Procedure<{ revision: number }, void> = {
  path: '/etcdserverpb.KV/Compact',
  encode: ({ revision }) => numberField(1, revision),
  decode: () => {},
}

export const leaseGrant: Procedure<{ ttlSeconds: number; id: number }, { id: number; ttlSeconds: number }> = {
  path: '/etcdserverpb.Lease/LeaseGrant',
  encode: ({ ttlSeconds, id }) => message(numberField(1, ttlSeconds), numberField(2, id)),
  decode(bytes) {
    const lease = { id: 0, ttlSeconds: 0 }
    const reader = new FieldReader(bytes)
    while (reader.next()) {
      if (reader.field === 2) lease.id = reader.number()
      else if (reader.field === 3) lease.ttlSeconds = reader.number()
    }
    return lease
  },
}

export const status: Procedure<void, { version: string; sizeBytes: number }> = {
  path: '/etcdserverpb.Maintenance/Status',
  encode: () => Buffer.alloc(0),
  decode(bytes) {
    const status = { version: '', sizeBytes: 0 }
    const reader = new FieldReader(bytes)
    while (reader.next()) {
      if (reader.field === 2) status.version = reader.text()
      else if (reader.field === 3) status.sizeBytes = reader.number()
    }
    return status
  },
}

export interface WatchRequest {
  key: Uint8Array
  rangeEnd: Uint8Array
  startRevision: number
}

export interface WatchEvent {
  type: 'put' | 'delete'
  kv: KeyValue
  /** What was there before, where etcd still knows it. */
  previous: KeyValue | undefined
}

export interface WatchResponse {
  revision: number
  created: boolean
  canceled: boolean
  /** Not 0: the start was compacted away. */
  compactRevision: number
  cancelReason: string
  events: WatchEvent[]
}

/** Client messages are watch creations, with the values that events replace. */
export const watch: Procedure<WatchRequest, WatchResponse> = {
  path: '/etcdserverpb.Watch/Watch',
  encode({ key, rangeEnd, startRevision }) {
    const PREV_KV = 6
    return bytesField(1, message(bytesField(1, key), bytesField(2, rangeEnd), numberField(3, startRevision), booleanField(PREV_KV, true)))
  },
  decode(bytes) {
    const response: WatchResponse = { revision: 0, created: false, canceled: false, compactRevision: 0, cancelReason: '', events: [] }
    const reader = new FieldReader(bytes)
    while (reader.next()) {
      switch (reader.field) {
        case 1:
          response.revision = headerRevision(reader.bytes())
          break
        case 3:
          response.created = reader.boolean()
          break
        case 4:
          response.canceled = reader.boolean()
          break
        case 5:
          response.compactRevision = reader.number()
          break
        case 6:
          response.cancelReason = reader.text()
          break
        case 11:
          response.events.push(decodeEvent(reader.bytes()))
          break
      }
    }
    return response
  },
}

function encodeRange({ key, rangeEnd, limit = 0, revision = 0, countOnly = false }: RangeRequest): Buffer {
  return message(
    bytesField(1, key),
    rangeEnd === undefined ? Buffer.alloc(0) : bytesField(2, rangeEnd),
    numberField(3, limit),
    numberField(4, revision),
    booleanField(9, countOnly),
  )
}

function decodeRange(bytes: Buffer): RangeResponse {
  const response: RangeResponse = { revision: 0, kvs: [], more: false }
  const reader = new FieldReader(bytes)
  while (reader.next()) {
    if (reader.field === 1) response.revision = headerRevision(reader.bytes())
    else if (reader.field === 2) response.kvs.push(decodeKeyValue(reader.bytes()))
    else if (reader.field === 3) response.more = reader.boolean()
  }
  return response
}

function decodeEvent(bytes: Buffer): WatchEvent {
  const event: WatchEvent = { type: 'put', kv: NOTHING, previous: undefined }
  const reader = new FieldReader(bytes)
  while (reader.next()) {
    if (reader.field === 1) event.type = reader.number() === 1 ? 'delete' : 'put'
    else if (reader.field === 2) event.kv = decodeKeyValue(reader.bytes())
    else if (reader.field === 3) event.previous = decodeKeyValue(reader.bytes())
  }
  return event
}

function decodeKeyValue(bytes: Buffer): KeyValue {
  const kv: KeyValue = { ...NOTHING }
  const reader = new FieldReader(bytes)
  while (reader.next()) {
    if (reader.field === 1) kv.key = reader.bytes()
    else if (reader.field === 2) kv.createRevision = reader.number()
    else if (reader.field === 3) kv.modRevision = reader.number()
    else if (reader.field === 5) kv.value = reader.bytes()
  }
  return kv
}

function headerRevision(bytes: Buffer): number {
  const reader = new FieldReader(bytes)
  while (reader.next()) if (reader.field === 3) return reader.number()
  return 0
}

const NOTHING: KeyValue = { key: Buffer.alloc(0), value: Buffer.alloc(0), createRevision: 0, modRevision: 0 }
