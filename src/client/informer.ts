/**
 * List, then watch for ever: what every controller reads the world through.
 *
 * @see client-go/tools/cache/reflector.go
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import type { Client, ClientRequest, WatchHandle } from './client.ts'

export interface InformerTransport {
  call(request: ClientRequest): Promise<KubeObject>
  /** Streams the body of a GET; the answer stops it. `onEnd` gets the HTTP status, 0 when the connection broke. */
  stream(request: ClientRequest, onChunk: (chunk: Buffer) => void, onEnd: (status: number) => void): () => void
}

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 30_000

export function informer(transport: InformerTransport, path: string, listener: Parameters<Client['informer']>[1], options: Parameters<Client['informer']>[2] = {}): WatchHandle {
  const known = new Map<string, KubeObject>()
  const join = path.includes('?') ? '&' : '?'
  let closed = false
  let stop: () => void = () => {}
  let retryMs = FIRST_RETRY_MS

  const close = () => {
    closed = true
    stop()
  }
  options.signal?.addEventListener('abort', close, { once: true })

  const again = (step: () => void) => {
    if (closed) return
    setTimeout(step, retryMs).unref()
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)
  }

  const list = () => {
    transport.call({ method: 'GET', path }).then(
      (body) => {
        if (closed) return
        retryMs = FIRST_RETRY_MS
        const items = (body['items'] as KubeObject[]) ?? []
        const present = new Set<string>()
        for (const item of items) {
          const key = keyOf(item)
          present.add(key)
          const before = known.get(key)
          known.set(key, item)
          if (before === undefined) listener({ type: 'ADDED', object: item })
          else if (before.metadata?.resourceVersion !== item.metadata?.resourceVersion) listener({ type: 'MODIFIED', object: item })
        }
        for (const [key, object] of known) {
          if (present.has(key)) continue
          known.delete(key)
          listener({ type: 'DELETED', object })
        }
        options.onSynced?.()
        watch(body.metadata?.resourceVersion ?? '')
      },
      () => again(list),
    )
  }

  const watch = (from: string) => {
    if (closed) return
    let revision = from
    let rest = ''
    let lost = false
    stop = transport.stream(
      { method: 'GET', path: `${path}${join}watch=true&allowWatchBookmarks=true&resourceVersion=${revision}` },
      (chunk) => {
        const lines = (rest + chunk.toString()).split('\n')
        rest = lines.pop() as string
        for (const line of lines) {
          if (line === '') continue
          const event = JSON.parse(line) as { type: string; object: KubeObject }
          if (event.type === 'ERROR') {
            lost = true
            continue
          }
          revision = event.object.metadata?.resourceVersion ?? revision
          if (event.type === 'BOOKMARK') continue
          const key = keyOf(event.object)
          if (event.type === 'DELETED') known.delete(key)
          else known.set(key, event.object)
          listener(event as Parameters<typeof listener>[0])
        }
      },
      (status) => {
        if (closed) return
        if (lost || status === 410) list()
        else if (status === 200) watch(revision)
        else again(() => watch(revision))
      },
    )
  }

  list()
  return { close }
}

function keyOf(object: KubeObject): string {
  return `${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`
}
