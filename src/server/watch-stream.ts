/**
 * A watch on the wire: events as frames, bookmarks, the end.
 *
 * Frames of events are encoded once for all watchers. Those of one turn of the event loop go out in one write. A watcher that does not
 * take what it is sent is closed: it resumes where it stopped, and memory stays bounded.
 *
 * @see apiserver/pkg/endpoints/handlers/watch.go
 * @module
 */
import { encodeObject } from '../api/encode.ts'
import type { KubeObject } from '../api/object.ts'
import { encodeProtobuf, encodeWatchFrame } from '../api/protobuf.ts'
import type { Status } from '../api/status.ts'
import type { CachedObject } from '../cache/cache.ts'
import { decodeAt, type Endpoint } from '../registry/endpoint.ts'
import { tooOld, type Watch, type WatchEvent } from '../registry/verbs/watch.ts'
import type { BodyStream } from './exchange.ts'
import { partialSchema, type RenderContext } from './render.ts'
import { includeObject, partialMetadata, table, tableColumns, tableRow } from './table.ts'

/** A watcher further behind than this is closed. */
const MAX_PENDING_BYTES = 16 << 20
const BOOKMARK_PERIOD_MS = 60_000
/** The last bookmark comes so long before the end. */
const LAST_BOOKMARK_MS = 2000
/** Initial objects written before looking whether the peer keeps up. */
const INITIAL_BATCH_BYTES = 1 << 18
const INITIAL_END = 'k8s.io/initial-events-end'

export interface WatchStream {
  readonly closed: boolean
  close(): void
}

export interface WatchStreamOptions {
  watch: Watch
  endpoint: Endpoint
  context: RenderContext
  timeoutMs: number
  /** Sends one frame at a time; false once the peer is too far behind. */
  stream: BodyStream
  /** Once: the watch is over for whatever reason. */
  onEnd(): void
  onEvent(bytes: number): void
}

export function startWatchStream(options: WatchStreamOptions): WatchStream {
  const { watch, endpoint, context, stream } = options
  const { clock } = context.world
  const encoder = frameEncoder(endpoint, context)
  let ended = false
  let live = watch.initial === undefined
  let sentRevision = watch.revision
  let pending: Uint8Array[] = []
  let flushScheduled = false
  const timers: (() => void)[] = []

  const end = () => {
    if (ended) return
    ended = true
    subscription?.close()
    for (const cancel of timers) cancel()
    pending = []
    stream.end()
    options.onEnd()
  }
  const flush = () => {
    flushScheduled = false
    if (ended || !live || pending.length === 0) return
    const chunk = pending.length === 1 ? (pending[0] as Uint8Array) : Buffer.concat(pending)
    pending = []
    stream.write(chunk)
    if (stream.pendingBytes > MAX_PENDING_BYTES) end()
  }
  const send = (frame: Uint8Array) => {
    pending.push(frame)
    options.onEvent(frame.length)
    if (!flushScheduled && live) {
      flushScheduled = true
      queueMicrotask(flush)
    }
  }
  const bookmark = (initialEnd: boolean) => {
    send(encoder.bookmark(Math.max(sentRevision, endpoint.cache?.revision ?? 0), initialEnd))
  }

  let waitingBytes = 0
  const subscription = watch.follow((event) => {
    if (ended) return
    sentRevision = event.leftAt ?? event.cached.revision
    const frame = encoder.event(event)
    if (!live) {
      waitingBytes += frame.length
      if (waitingBytes > MAX_PENDING_BYTES) return end()
    }
    send(frame)
  })
  if (subscription === undefined) {
    // The history moved on between the look and the subscription.
    send(encoder.error(tooOld(watch.revision, context.world.cache.compactedRevision).status))
    live = true
    flush()
    end()
    return { closed: true, close: end }
  }

  if (watch.initial !== undefined) {
    const objects = watch.initial[Symbol.iterator]()
    const bookmarkAtEnd =
      watch.options.sendInitialEvents === true && watch.options.allowWatchBookmarks && watch.options.resourceVersionMatch === 'NotOlderThan'
    const queued = () => {
      const frames: Uint8Array[] = []
      let bytes = 0
      for (;;) {
        const next = objects.next()
        if (next.done === true) {
          if (bookmarkAtEnd) frames.push(encoder.bookmark(watch.revision, true))
          if (frames.length > 0) stream.write(Buffer.concat(frames))
          live = true
          flush()
          return
        }
        const frame = encoder.initial(next.value)
        options.onEvent(frame.length)
        frames.push(frame)
        bytes += frame.length
        if (bytes >= INITIAL_BATCH_BYTES) break
      }
      if (ended) return
      const more = stream.write(Buffer.concat(frames))
      if (more) setImmediate(queued)
      else stream.onDrain(queued)
    }
    queued()
  }

  timers.push(clock.after(options.timeoutMs, end))
  if (watch.options.allowWatchBookmarks) {
    const period = () => {
      if (ended) return
      if (live) bookmark(false)
      timers.push(clock.after(BOOKMARK_PERIOD_MS, period))
    }
    timers.push(clock.after(BOOKMARK_PERIOD_MS, period))
    if (options.timeoutMs > LAST_BOOKMARK_MS)
      timers.push(clock.after(options.timeoutMs - LAST_BOOKMARK_MS, () => live && !ended && bookmark(false)))
  }
  return {
    get closed() {
      return ended
    },
    close: end,
  }
}

interface FrameEncoder {
  initial(cached: CachedObject): Uint8Array
  event(event: WatchEvent): Uint8Array
  bookmark(revision: number, initialEnd: boolean): Uint8Array
  error(status: Status): Uint8Array
}

function frameEncoder(endpoint: Endpoint, context: RenderContext): FrameEncoder {
  const { format, schemas, world } = context
  const converted = endpoint.definition.convert !== undefined
  const plain = format.media === 'application/json' && format.transform === 'none' && !converted
  const protobuf = format.media === 'application/vnd.kubernetes.protobuf'
  const include = format.transform === 'Table' ? includeObject(context.query) : 'Metadata'
  let columns: object[] | null = format.transform === 'Table' ? tableColumns(endpoint.definition, world) : null

  const shape = (object: KubeObject): object => {
    const whole = { ...object, kind: endpoint.gvk.kind, apiVersion: endpoint.apiVersion }
    if (format.transform === 'none') return whole
    if (format.transform !== 'Table') return partialMetadata(whole, format.transformVersion)
    const shown = columns
    columns = null // only the first event of a stream carries them
    return table(
      shown,
      [tableRow(endpoint.definition, whole, include, format.transformVersion, world)],
      { resourceVersion: object.metadata?.resourceVersion },
      format.transformVersion,
    )
  }
  const frame = (type: string, object: object): Uint8Array => {
    if (!protobuf) return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), encodeObject(object as KubeObject), CLOSE])
    const name = format.transform === 'none' ? endpoint.schema.name : partialSchema('PartialObjectMetadata')
    const struct = schemas.struct(name)
    if (struct === undefined) throw new TypeError(`no schema ${name}`)
    return encodeWatchFrame(type, encodeProtobuf(struct, object as KubeObject, schemas))
  }
  const ofCached = (type: string, cached: CachedObject, revision: number): Uint8Array => {
    if (plain && revision === cached.revision) return Buffer.concat([HEADS[type as 'ADDED'], cached.bytes, CLOSE])
    const object = decodeAt(endpoint, cached)
    if (object.metadata !== undefined) object.metadata.resourceVersion = String(revision)
    return frame(type, shape(object))
  }
  return {
    initial: (cached) => ofCached('ADDED', cached, cached.revision),
    event({ type, cached, leftAt, event }) {
      const revision = leftAt ?? cached.revision
      if (event === undefined || format.transform === 'Table') return ofCached(type, cached, revision)
      const id = `${endpoint.apiVersion}/${type}/${leftAt === undefined ? '' : 'left'}/${format.id}`
      const known = event.frames.get(id)
      if (known !== undefined) return known
      const bytes = ofCached(type, cached, revision)
      event.frames.set(id, bytes)
      return bytes
    },
    bookmark(revision, initialEnd) {
      const metadata: Record<string, unknown> = { resourceVersion: String(revision) }
      if (initialEnd) metadata['annotations'] = { [INITIAL_END]: 'true' }
      return frame('BOOKMARK', bookmarkShape(endpoint, metadata, shape))
    },
    error: (status) => {
      const object = status as unknown as KubeObject
      if (!protobuf) return Buffer.concat([Buffer.from('{"type":"ERROR","object":'), encodeObject(object), CLOSE])
      const struct = schemas.struct('io.k8s.apimachinery.pkg.apis.meta.v1.Status')
      if (struct === undefined) throw new TypeError('no schema for Status')
      return encodeWatchFrame('ERROR', encodeProtobuf(struct, object, schemas))
    },
  }
}

/** A bookmark is an empty object of the kind: what Go always writes is in it. */
function bookmarkShape(endpoint: Endpoint, metadata: Record<string, unknown>, shape: (object: KubeObject) => object): object {
  const object: KubeObject = { kind: endpoint.gvk.kind, apiVersion: endpoint.apiVersion, metadata: metadata as never }
  for (const field of endpoint.schema.fields.values()) {
    if (!field.always || field.name === 'metadata' || field.name in object) continue
    object[field.name] = field.type.kind === 'struct' ? {} : field.type.kind === 'list' || field.type.kind === 'map' ? null : ''
  }
  return shape(object)
}

const CLOSE = Buffer.from('}\n')
const HEADS = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
} as const
