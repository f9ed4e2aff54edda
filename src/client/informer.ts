/**
 * List, then watch for ever: what works on a cluster from outside reads the world through.
 *
 * @see client-go/tools/cache/reflector.go
 * @module
 */
import { StringDecoder } from 'node:string_decoder'
import type { KubeObject } from '../api/object.ts'
import type { Client, ClientRequest, WatchHandle } from './client.ts'

export interface InformerTransport {
  call(request: ClientRequest): Promise<KubeObject>
  /** Streams the body of a GET; the answer stops it. `onEnd` gets the HTTP status, 0 when the connection broke. */
  stream(request: ClientRequest, onChunk: (chunk: Buffer) => void, onEnd: (status: number) => void): () => void
}

type Listener = Parameters<Client['informer']>[1]
type Options = NonNullable<Parameters<Client['informer']>[2]>

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 30_000
/** A watch that ends sooner is a failure, even when it ends well. */
const SHORT_WATCH_MS = 1000

export function informer(transport: InformerTransport, path: string, listener: Listener, options: Options = {}): WatchHandle {
  const running = new Informer(transport, path, listener, options)
  if (options.signal?.aborted !== true) {
    options.signal?.addEventListener('abort', () => running.close(), { once: true })
    running.list()
  }
  return running
}

class Informer implements WatchHandle {
  readonly #transport: InformerTransport
  readonly #path: string
  readonly #listener: Listener
  readonly #options: Options
  readonly #known = new Map<string, KubeObject>()
  #closed = false
  #stop: () => void = () => {}
  #retryMs = FIRST_RETRY_MS

  constructor(transport: InformerTransport, path: string, listener: Listener, options: Options) {
    this.#transport = transport
    this.#path = path
    this.#listener = listener
    this.#options = options
  }

  close(): void {
    this.#closed = true
    this.#stop()
  }

  list(): void {
    this.#transport.call({ method: 'GET', path: this.#path }).then(
      (body) => {
        if (this.#closed) return
        this.#replace((body['items'] as KubeObject[] | undefined) ?? [])
        this.#options.onSynced?.()
        this.#watch(body.metadata?.resourceVersion ?? '')
      },
      () => this.#again(() => this.list()),
    )
  }

  #replace(items: readonly KubeObject[]): void {
    const present = new Set<string>()
    for (const item of items) {
      const key = keyOf(item)
      present.add(key)
      const before = this.#known.get(key)
      this.#known.set(key, item)
      if (before === undefined) this.#listener({ type: 'ADDED', object: item })
      else if (before.metadata?.resourceVersion !== item.metadata?.resourceVersion) this.#listener({ type: 'MODIFIED', object: item })
    }
    for (const [key, object] of this.#known) {
      if (present.has(key)) continue
      this.#known.delete(key)
      this.#listener({ type: 'DELETED', object })
    }
  }

  #watch(from: string): void {
    if (this.#closed) return
    const beganMs = performance.now()
    const lines = new Lines()
    let revision = from
    let lost = false
    const join = this.#path.includes('?') ? '&' : '?'
    this.#stop = this.#transport.stream(
      { method: 'GET', path: `${this.#path}${join}watch=true&allowWatchBookmarks=true&resourceVersion=${revision}` },
      (chunk) => {
        for (const line of lines.push(chunk)) {
          if (this.#closed) return
          const event = JSON.parse(line) as { type: string; object: KubeObject }
          if (event.type === 'ERROR') lost = true
          else {
            revision = event.object.metadata?.resourceVersion ?? revision
            this.#apply(event)
          }
        }
      },
      (status) => {
        if (this.#closed) return
        const next = lost || status === 410 ? () => this.list() : () => this.#watch(revision)
        if (status !== 200 || performance.now() - beganMs < SHORT_WATCH_MS) return this.#again(next)
        this.#retryMs = FIRST_RETRY_MS
        next()
      },
    )
  }

  #apply({ type, object }: { type: string; object: KubeObject }): void {
    if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') return
    if (type === 'DELETED') this.#known.delete(keyOf(object))
    else this.#known.set(keyOf(object), object)
    this.#listener({ type, object })
  }

  #again(step: () => void): void {
    if (this.#closed) return
    const timer = setTimeout(step, this.#retryMs)
    this.#stop = () => clearTimeout(timer)
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS)
  }
}

/** Whole lines out of chunks that end anywhere, inside a character even. */
class Lines {
  readonly #decoder = new StringDecoder('utf8')
  #parts: string[] = []

  push(chunk: Buffer): string[] {
    const text = this.#decoder.write(chunk)
    if (!text.includes('\n')) {
      this.#parts.push(text)
      return []
    }
    const [first = '', ...rest] = text.split('\n')
    const last = rest.pop() ?? ''
    const lines = [this.#parts.join('') + first, ...rest]
    this.#parts = [last]
    return lines.filter((line) => line !== '')
  }
}

function keyOf(object: KubeObject): string {
  return `${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`
}
