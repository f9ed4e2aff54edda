/**
 * What is counted of configuration files that are read again.
 *
 * @see apiserver/pkg/server/options/{authenticationconfig,authorizationconfig}/metrics/metrics.go
 * @module
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Families, Family } from './metrics-families.ts'

export class ReloadMetrics {
  readonly #clock: Clock
  readonly #total: Family
  readonly #last: Family
  readonly #info: Family
  readonly #server: string

  constructor(of: 'authentication' | 'authorization', server: string, { clock, families }: { clock: Clock; families: Families }) {
    this.#clock = clock
    this.#server = sha256(server)
    const prefix = `apiserver_${of}_config_controller_`
    const labels = ['status', 'apiserver_id_hash']
    this.#total = families.counter(`${prefix}automatic_reloads_total`, `How often the ${of} configuration was read again.`, labels)
    this.#last = families.gauge(
      `${prefix}automatic_reload_last_timestamp_seconds`,
      `When the ${of} configuration was last read again.`,
      labels,
    )
    this.#info = families.gauge(`${prefix}last_config_info`, `The ${of} configuration in use, by its hash.`, ['apiserver_id_hash', 'hash'])
  }

  /** What is in use. */
  uses(configuration: Buffer): void {
    this.#info.reset()
    this.#info.cell(this.#server, configuration.length === 0 ? '' : sha256(configuration)).value = 1
  }

  succeeded(configuration: Buffer): void {
    this.#count('success')
    this.uses(configuration)
  }

  failed(): void {
    this.#count('failure')
  }

  #count(status: string): void {
    this.#total.cell(status, this.#server).value++
    this.#last.cell(status, this.#server).value = this.#clock.nowMs() / 1000
  }
}

function sha256(data: string | Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`
}
