/**
 * Whether a label selector of an object selects something.
 *
 * @see apimachinery/pkg/apis/meta/v1/helpers.go, LabelSelectorAsSelector
 * @module
 */
import type { LabelSelector } from '../../../api/types/meta/v1.ts'

/** An absent selector selects nothing, an empty one everything, an invalid one nothing. */
export function selectorMatches(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>> = {}): boolean {
  if (selector === undefined) return false
  const labelOf = (key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined)
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labelOf(key) !== value) return false
  for (const { key = '', operator, values = [] } of selector.matchExpressions ?? []) {
    const value = labelOf(key)
    switch (operator) {
      case 'In':
        if (value === undefined || !values.includes(value)) return false
        break
      case 'NotIn':
        if (value !== undefined && values.includes(value)) return false
        break
      case 'Exists':
        if (value === undefined) return false
        break
      case 'DoesNotExist':
        if (value !== undefined) return false
        break
      default:
        return false
    }
  }
  return true
}
