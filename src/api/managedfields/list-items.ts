/**
 * What identifies the items of lists that are owned item by item.
 *
 * @see sigs.k8s.io/structured-merge-diff typed/helpers.go, listItemToPathElement
 * @module
 */
import { isObject, own } from '../patch/json-value.ts'
import { quote } from '../status.ts'
import { scalarText } from './path-element.ts'
import type { ListTopology } from './topology.ts'

/** An item that nothing identifies, in upstream's words. */
export class UnidentifiedItem extends Error {
  override readonly name = 'UnidentifiedItem'
}

/** The path element of an item. Throws an UnidentifiedItem. */
export function itemElement(item: unknown, list: ListTopology): string {
  return list.keys === undefined ? setElement(item) : keyedElement(item, list.keys)
}

function keyedElement(item: unknown, keys: NonNullable<ListTopology['keys']>): string {
  if (item === null || item === undefined) throw new UnidentifiedItem('associative list with keys may not have a null element')
  if (!isObject(item)) throw new UnidentifiedItem('associative list with keys may not have non-map elements')
  let element = ''
  for (const { name, label, fallback } of keys) {
    const value = own(item, name) ?? fallback
    if (value !== undefined) element += (element === '' ? 'k:{' : ',') + label + scalarText(value)
  }
  if (element !== '') return `${element}}`
  const names = keys.map(({ name }) => quote(name)).join(' ')
  throw new UnidentifiedItem(
    `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
  )
}

function setElement(item: unknown): string {
  if (isObject(item)) throw new UnidentifiedItem("associative list without keys has an element that's a map type")
  if (Array.isArray(item)) throw new UnidentifiedItem('not supported: associative list with lists as elements')
  if (item === null || item === undefined)
    throw new UnidentifiedItem("associative list without keys has an element that's an explicit null")
  return `v:${scalarText(item)}`
}
