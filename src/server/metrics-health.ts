/**
 * `/metrics/slis`: how the health checks went whenever somebody asked.
 *
 * @see KEP-3466; component-base/metrics/prometheus/slis
 * @module
 */
import type { HealthObserver } from './health.ts'
import { Families } from './metrics-families.ts'

export interface HealthMetrics {
  /** Apart from those of `/metrics`. */
  families: Families
  observe: HealthObserver
}

export function healthMetrics(): HealthMetrics {
  const families = new Families()
  const last = families.gauge('kubernetes_healthcheck', 'Whether a health check held when it was last asked.', ['name', 'type'])
  const total = families.counter('kubernetes_healthchecks_total', 'Outcomes of health checks.', ['name', 'status', 'type'])
  return {
    families,
    observe(name, group, holds) {
      last.cell(name, group).value = holds ? 1 : 0
      total.cell(name, holds ? 'success' : 'error', group).value++
    },
  }
}
