/**
 * Counts what is asked of the store, under the names that kube-apiserver has for its etcd.
 *
 * @see apiserver/pkg/storage/etcd3/metrics/metrics.go
 * @module
 */
import type { Registry } from '../registry/endpoint.ts'
import { aroundStore } from '../storage/around-store.ts'
import type { Store } from '../storage/store.ts'
import type { Cell, Families, HistogramCell } from './metrics-families.ts'

type Operation = 'create' | 'update' | 'delete' | 'get' | 'list'

const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]

interface Cells {
  total: Cell
  errors: Cell
  duration: HistogramCell
}

/** The same store, counted. What the registry does not know counts for no resource. */
export function measuredStore(store: Store, registry: Registry, families: Families): Store {
  const labels = ['operation', 'group', 'resource']
  const totals = families.counter('etcd_requests_total', 'Questions to the store.', labels)
  const errors = families.counter('etcd_request_errors_total', 'Questions to the store that failed.', labels)
  const durations = families.histogram('etcd_request_duration_seconds', 'Time that the store takes.', labels, BUCKETS)
  const known = new Map<string, Cells>()
  const cellsOf = (operation: Operation, key: string): Cells => {
    const prefix = prefixOf(registry, key)
    const id = operation + prefix
    let cells = known.get(id)
    if (cells === undefined) {
      const { group = '', resource = '' } = resourceOf(registry, prefix) ?? {}
      cells = {
        total: totals.cell(operation, group, resource),
        errors: errors.cell(operation, group, resource),
        duration: durations.cell(operation, group, resource),
      }
      known.set(id, cells)
    }
    return cells
  }
  const measured = async <T>(operation: Operation, key: string, ask: () => Promise<T>): Promise<T> => {
    const cells = cellsOf(operation, key)
    const startedMs = performance.now()
    try {
      return await ask()
    } catch (error) {
      cells.errors.value++
      throw error
    } finally {
      cells.total.value++
      cells.duration.observe((performance.now() - startedMs) / 1000)
    }
  }
  let size = 0
  families.collected('gauge', 'apiserver_storage_size_bytes', 'Bytes of the store.', ['storage_cluster_id'], (family) => {
    family.cell('etcd-0').value = size
    // Known to the next scrape: reading it takes a while.
    store.sizeBytes().then(
      (bytes) => {
        size = bytes ?? size
      },
      () => {},
    )
  })
  return aroundStore(store, { write: measured, read: measured })
}

/** `/registry/pods/`, or `/registry/services/specs/` where a resource is kept one deeper. */
function prefixOf(registry: Registry, key: string): string {
  const first = key.indexOf('/', 10) + 1
  const prefix = key.slice(0, first)
  if (resourceOf(registry, prefix) !== undefined) return prefix
  const second = key.indexOf('/', first) + 1
  return second > 0 && resourceOf(registry, key.slice(0, second)) !== undefined ? key.slice(0, second) : ''
}

const PREFIXES = new WeakMap<Registry, { generation: number; byPrefix: Map<string, { group: string; resource: string }> }>()

function resourceOf(registry: Registry, prefix: string): { group: string; resource: string } | undefined {
  let known = PREFIXES.get(registry)
  if (known === undefined || known.generation !== registry.generation) {
    known = { generation: registry.generation, byPrefix: new Map() }
    for (const endpoint of registry.endpoints())
      if (endpoint.prefix !== '' && !known.byPrefix.has(endpoint.prefix)) known.byPrefix.set(endpoint.prefix, endpoint.gr)
    PREFIXES.set(registry, known)
  }
  return known.byPrefix.get(prefix)
}
