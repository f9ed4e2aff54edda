/**
 * Events in batches: a bounded queue that is emptied when a batch is full or has waited long enough, no faster than allowed.
 *
 * When the queue is full further events are dropped and reported: the server does not wait for its log.
 *
 * @see apiserver/plugin/pkg/audit/buffered/buffered.go
 * @module
 */
import { systemClock } from '../clock.ts'
import type { AuditBackend, AuditReport } from './backend.ts'
import type { AuditEvent } from './event.ts'

export interface BatchSettings {
  bufferSize: number
  maxBatchSize: number
  maxWaitMs: number
  /** Batches a second, and how many at once after a pause; undefined: as they come. */
  throttle?: { qps: number; burst: number } | undefined
}

export class BatchBackend implements AuditBackend {
  readonly name: string
  readonly #settings: BatchSettings
  readonly #send: (events: readonly AuditEvent[]) => Promise<void>
  readonly #report: AuditReport
  #queue: AuditEvent[] = []
  /** Of the sending, not of the objects: real time. */
  #cancelWait: (() => void) | undefined
  #sending: Promise<void> | undefined
  #tokens: number
  #tokensAtMs = performance.now()
  #closed = false

  constructor(name: string, settings: BatchSettings, send: (events: readonly AuditEvent[]) => Promise<void>, report: AuditReport) {
    this.name = name
    this.#settings = settings
    this.#send = send
    this.#report = report
    this.#tokens = settings.throttle?.burst ?? 0
  }

  write(event: AuditEvent): boolean {
    if (this.#closed || this.#queue.length >= this.#settings.bufferSize) {
      this.#report.failed(this.name, new Error('audit buffer queue blocked'), 1)
      return false
    }
    this.#queue.push(event)
    if (this.#sending !== undefined) return true
    if (this.#queue.length >= this.#settings.maxBatchSize) this.#start()
    else this.#cancelWait ??= systemClock.after(this.#settings.maxWaitMs, () => this.#start())
    return true
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#start()
    await this.#sending
  }

  #start(): void {
    this.#cancelWait?.()
    this.#cancelWait = undefined
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined
    })
  }

  async #drain(): Promise<void> {
    do {
      const batch = this.#queue.splice(0, this.#settings.maxBatchSize)
      if (batch.length === 0) return
      const waitMs = this.#closed ? 0 : this.#takeToken()
      if (waitMs > 0) await new Promise<void>((resolve) => systemClock.after(waitMs, resolve))
      try {
        await this.#send(batch)
      } catch (error) {
        this.#report.failed(this.name, error, batch.length)
      }
      // What came meanwhile goes at once: it has waited for this batch.
    } while (this.#queue.length > 0)
  }

  #takeToken(): number {
    const { throttle } = this.#settings
    if (throttle === undefined) return 0
    const nowMs = performance.now()
    this.#tokens = Math.min(throttle.burst, this.#tokens + ((nowMs - this.#tokensAtMs) / 1000) * throttle.qps)
    this.#tokensAtMs = nowMs
    this.#tokens--
    return this.#tokens >= 0 ? 0 : (-this.#tokens / throttle.qps) * 1000
  }
}
