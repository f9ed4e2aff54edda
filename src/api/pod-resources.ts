/**
 * What a pod asks for as a whole: containers add up, init containers run before them one by one, restartable ones beside all that follow.
 *
 * @see component-helpers/resource/helpers.go
 * @module
 */
import { addQuantities, compareQuantities, parseQuantity, type Quantity } from './quantity.ts'
import type { Container, Pod } from './types/core/v1.ts'

export type Quantities = Map<string, Quantity>

export function parseQuantities(list: Readonly<Record<string, string>> | undefined): Quantities {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]))
}

/** Adds `more` to `sum` in place. */
export function addTo(sum: Quantities, more: ReadonlyMap<string, Quantity>): void {
  for (const [name, quantity] of more) {
    const present = sum.get(name)
    sum.set(name, present === undefined ? quantity : addQuantities(present, quantity))
  }
}

function raiseTo(sum: Quantities, least: ReadonlyMap<string, Quantity>): void {
  for (const [name, quantity] of least) {
    const present = sum.get(name)
    if (present === undefined || compareQuantities(quantity, present) > 0) sum.set(name, quantity)
  }
}

/** Resources that may be set for the pod as a whole. */
function isPodLevel(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')
}

/**
 * Requests or limits of a pod's spec, without its overhead.
 *
 * @param podLevel which resources of `spec.resources` replace the sums.
 */
export function podResources(pod: Pod, kind: 'requests' | 'limits', podLevel: (name: string) => boolean = isPodLevel): Quantities {
  const of = (container: Container) => parseQuantities(container.resources?.[kind])
  const sum: Quantities = new Map()
  for (const container of pod.spec?.containers ?? []) addTo(sum, of(container))
  const beside: Quantities = new Map()
  const before: Quantities = new Map()
  for (const container of pod.spec?.initContainers ?? []) {
    const own = of(container)
    if (container.restartPolicy === 'Always') {
      addTo(sum, own)
      addTo(beside, own)
      raiseTo(before, beside)
    } else {
      addTo(own, beside)
      raiseTo(before, own)
    }
  }
  raiseTo(sum, before)
  for (const [name, quantity] of parseQuantities(pod.spec?.resources?.[kind])) if (podLevel(name)) sum.set(name, quantity)
  return sum
}
