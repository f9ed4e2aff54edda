/**
 * One watch over everything in etcd, carried on over lost connections.
 *
 * It covers all keys, also those that are not ours, because then every revision shows up in it: who knows etcd's revision knows whether the
 * watch has reached it, without asking for progress.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { WatchResponse } from './messages.ts'
import type { EtcdTransport, WatchStream } from './transport.ts'

/** Until a lost watch is opened again. */
const PAUSE_MS = 100
const EVERYTHING = Buffer.from([0])

export interface LogWatchListener {
  /** Whole revisions, each once and in order. */
  response(response: WatchResponse): void
  /** History before `compactRevision` is gone, and with it some that we have not seen. Answers where to go on after. */
  compacted(compactRevision: number): Promise<number>
}

export class LogWatch {
  readonly #transport: EtcdTransport
  readonly #listener: LogWatchListener
  readonly #signal: AbortSignal
  #stream: WatchStream | undefined
  /** Everything up to here has been seen. */
  #revision: number

  constructor(transport: EtcdTransport, afterRevision: number, listener: LogWatchListener, signal: AbortSignal) {
    this.#transport = transport
    this.#revision = afterRevision
    this.#listener = listener
    this.#signal = signal
    signal.addEventListener('abort', () => this.restart())
  }

  /** Resolves when the signal aborts. */
  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      const compactRevision = await this.#follow()
      if (this.#signal.aborted) return
      if (compactRevision > 0) {
        this.#revision = await this.#listener.compacted(compactRevision)
        continue
      }
      this.#transport.failed()
      await pause(PAUSE_MS, undefined, { ref: false })
    }
  }

  /** Gives up the present connection: it seems to be dead. */
  restart(): void {
    this.#stream?.cancel()
  }

  /** Until the stream ends; answers the compacted revision if that is why. */
  #follow(): Promise<number> {
    return new Promise((resolve) => {
      const stream = this.#transport.watchStream()
      this.#stream = stream
      const over = (compactRevision: number) => {
        if (this.#stream === stream) this.#stream = undefined
        resolve(compactRevision)
      }
      stream.on('data', (response: WatchResponse) => {
        if (this.#stream !== stream || this.#signal.aborted) return
        if (response.canceled) {
          over(response.compactRevision)
          stream.cancel()
          return
        }
        const last = response.events.at(-1)
        if (last === undefined) return
        this.#revision = last.kv.modRevision
        this.#listener.response(response)
      })
      stream.on('error', () => over(0))
      stream.on('end', () => over(0))
      stream.write({ key: EVERYTHING, rangeEnd: EVERYTHING, startRevision: this.#revision + 1 })
    })
  }
}
