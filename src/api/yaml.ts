/**
 * YAML as the API server reads it: YAML 1.1 scalars, duplicate keys seen and counted by line, aliases and nesting bounded.
 *
 * @see sigs.k8s.io/yaml, go.yaml.in/yaml/v2
 * @module
 */
import {
  EVENT_ID,
  type Event,
  getScalarValue,
  type MappingEvent,
  parseEvents,
  SCALAR_STYLE,
  type ScalarEvent,
  type SequenceEvent,
  YAMLException,
} from 'js-yaml'
import { type JsonNode, JsonNumber, JsonObject } from './json.ts'
import { quote } from './quote.ts'
import { yamlReason } from './yaml-reason.ts'

/** The text is no YAML, or asks for too much. */
export class YamlError extends Error {
  override name = 'YamlError'
}

/** Deepest nesting. */
const MAX_DEPTH = 100
/** Nodes that a document may have once its aliases are written out. */
const MAX_NODES = 1_000_000

/** As many are reported as of unknown members. */
const MAX_DUPLICATES = 100

/** A document, and a line for each key that came twice: `line 5: key "name" already set in map`. */
export interface ParsedYaml {
  tree: JsonNode
  duplicates: string[]
}

/** The first document; what is wrong behind it is nobody's business. @throws YamlError */
export function parseYaml(text: string): ParsedYaml {
  let events: Event[]
  try {
    events = eventsOf(text)
  } catch (error) {
    const end = endOfFirst(text)
    if (end === undefined) throw error
    try {
      events = eventsOf(text.slice(0, end))
    } catch {
      throw error
    }
  }
  return new Builder(text, events).document()
}

/** Where the first document ends, when another follows. */
function endOfFirst(text: string): number | undefined {
  for (const { index } of text.matchAll(/^(?:---|\.\.\.)(?=\s|$)/gm)) {
    const before = text.slice(0, index).replaceAll(/^(?:---|\s*#.*|%.*)$/gm, '')
    if (before.trim() !== '') return index
  }
  return undefined
}

/** Every document of a file, as `kubectl apply -f` takes them. @throws YamlError */
export function parseYamlDocuments(text: string): JsonNode[] {
  return new Builder(text, eventsOf(text)).documents()
}

function eventsOf(text: string): Event[] {
  try {
    return parseEvents(text, { maxDepth: MAX_DEPTH })
  } catch (error) {
    if (error instanceof YAMLException) throw new YamlError(yamlReason(error, text))
    throw error
  }
}

interface Anchor {
  node: JsonNode
  nodes: number
}

class Builder {
  readonly #text: string
  readonly #events: readonly Event[]
  readonly #anchors = new Map<string, Anchor>()
  readonly #duplicates: string[] = []
  #at = 0
  #nodes = 0

  constructor(text: string, events: readonly Event[]) {
    this.#text = text
    this.#events = events
  }

  /** The first document; an empty text is null. */
  document(): ParsedYaml {
    if (this.#events[this.#at]?.type === EVENT_ID.DOCUMENT) this.#at++
    const next = this.#events[this.#at]
    const tree = next === undefined || next.type === EVENT_ID.POP ? null : this.#node()
    return { tree, duplicates: this.#duplicates }
  }

  documents(): JsonNode[] {
    const trees: JsonNode[] = []
    while (this.#at < this.#events.length) {
      trees.push(this.document().tree)
      // The end of the document.
      this.#at++
      this.#anchors.clear()
    }
    return trees
  }

  #node(): JsonNode {
    const event = this.#events[this.#at++] as Event
    this.#count(1)
    switch (event.type) {
      case EVENT_ID.SCALAR:
        return this.#anchored(event, () => this.#scalar(event))
      case EVENT_ID.SEQUENCE:
        return this.#anchored(event, () => this.#sequence())
      case EVENT_ID.MAPPING:
        return this.#anchored(event, () => this.#mapping())
      case EVENT_ID.ALIAS: {
        const name = this.#text.slice(event.anchorStart, event.anchorEnd).replace(/^\*/, '')
        const anchor = this.#anchors.get(name)
        if (anchor === undefined) throw new YamlError(`yaml: unknown anchor '${name}' referenced`)
        this.#count(anchor.nodes)
        return anchor.node
      }
      default:
        throw new YamlError('yaml: unexpected end of document')
    }
  }

  #count(nodes: number): void {
    this.#nodes += nodes
    if (this.#nodes > MAX_NODES) throw new YamlError('yaml: document contains excessive aliasing')
  }

  /** An alias inside its own anchor finds nothing yet, so there are no rings. */
  #anchored(event: ScalarEvent | SequenceEvent | MappingEvent, build: () => JsonNode): JsonNode {
    const before = this.#nodes
    const node = build()
    if (event.anchorStart >= 0) {
      const name = this.#text.slice(event.anchorStart, event.anchorEnd).replace(/^&/, '')
      this.#anchors.set(name, { node, nodes: this.#nodes - before + 1 })
    }
    return node
  }

  #sequence(): JsonNode[] {
    const list: JsonNode[] = []
    while (this.#events[this.#at]?.type !== EVENT_ID.POP) list.push(this.#node())
    this.#at++
    return list
  }

  #mapping(): JsonObject {
    const object = new JsonObject()
    const places = new Map<string, number>()
    const merged: JsonObject[] = []
    while (this.#events[this.#at]?.type !== EVENT_ID.POP) {
      const event = this.#events[this.#at] as Event
      const isMerge =
        event.type === EVENT_ID.SCALAR &&
        event.style === SCALAR_STYLE.PLAIN &&
        event.tagStart < 0 &&
        getScalarValue(this.#text, event) === '<<'
      const position = event.type === EVENT_ID.SCALAR ? event.valueStart : 0
      const key = keyText(this.#node())
      const value = this.#node()
      if (isMerge) {
        for (const source of Array.isArray(value) ? value : [value]) {
          if (!(source instanceof JsonObject)) throw new YamlError('yaml: map merge requires map or sequence of maps as the value')
          merged.push(source)
        }
        continue
      }
      const place = places.get(key)
      if (place !== undefined) {
        if (this.#duplicates.length < MAX_DUPLICATES)
          this.#duplicates.push(`line ${this.#line(position)}: key ${quote(key)} already set in map`)
        ;(object.members[place] as [string, JsonNode])[1] = value
      } else {
        places.set(key, object.members.length)
        object.members.push([key, value])
      }
    }
    this.#at++
    for (const source of merged) {
      for (const [key, value] of source.members) {
        if (places.has(key)) continue
        this.#count(1)
        places.set(key, object.members.length)
        object.members.push([key, value])
      }
    }
    return object
  }

  #line(position: number): number {
    let line = 1
    for (let at = this.#text.indexOf('\n'); at !== -1 && at < position; at = this.#text.indexOf('\n', at + 1)) line++
    return line
  }

  #scalar(event: ScalarEvent): JsonNode {
    const text = getScalarValue(this.#text, event)
    const tag =
      event.tagStart < 0
        ? ''
        : this.#text
            .slice(event.tagStart, event.tagEnd)
            .replace(/^!!/, '')
            .replace(/^!<tag:yaml\.org,2002:(.*)>$/, '$1')
    if (tag === 'binary') return Buffer.from(text, 'base64').toString('utf8')
    if (tag === 'str' || (tag === '' && event.style !== SCALAR_STYLE.PLAIN)) return text
    return plainScalar(text)
  }
}

function keyText(key: JsonNode): string {
  if (typeof key === 'string') return key
  if (key instanceof JsonNumber) return key.literal
  if (typeof key === 'boolean') return String(key)
  throw new YamlError('yaml: unsupported map key')
}

const TRUE = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'])
const FALSE = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'])
const NULL = new Set(['', '~', 'null', 'Null', 'NULL'])
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/

/** What an unquoted scalar means; times stay texts. */
function plainScalar(text: string): JsonNode {
  if (NULL.has(text)) return null
  if (TRUE.has(text)) return true
  if (FALSE.has(text)) return false
  const first = text[0] as string
  if (first === '.' || first === '+' || first === '-' || (first >= '0' && first <= '9')) {
    const integer = integerText(text.replaceAll('_', ''))
    if (integer !== undefined) return new JsonNumber(integer)
    // Behind a leading point an underscore must stand between digits.
    const float = first === '.' && /(?<!\d)_|_(?!\d)/.test(text) ? text : text.replaceAll('_', '')
    if (FLOAT.test(float) && Number.isFinite(Number(float))) return new JsonNumber(String(Number(float)))
  }
  return text
}

const BASE_60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/
const TIMESTAMP = /^\d{4}-\d{1,2}-\d{1,2}(?:[Tt ]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)?)?$/

/** Whether a text, unquoted, would mean something else to a reader of YAML 1.1. */
export function isAmbiguous(text: string): boolean {
  return (
    typeof plainScalar(text) !== 'string' || BASE_60.test(text) || TIMESTAMP.test(text) || /^[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)$/.test(text)
  )
}

/** Go's `strconv.ParseInt` with base 0: decimal, `0x`, `0o`, `0b`, and octal by a leading zero. */
function integerText(text: string): string | undefined {
  const shape = /^([-+]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9]\d*)$/.exec(text)
  if (shape === null) return undefined
  const [, sign, digits] = shape as unknown as [string, string, string]
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits)
  if (magnitude >= 2n ** 64n || (sign === '-' && magnitude > 2n ** 63n)) return undefined
  return String(sign === '-' ? -magnitude : magnitude)
}
