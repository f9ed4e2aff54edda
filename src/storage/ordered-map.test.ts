import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OrderedMap, prefixEnd } from './ordered-map.ts'

const key = fc.oneof(
  fc.constantFrom('a/', 'b/', 'ab/').chain((prefix) => fc.integer({ min: 0, max: 400 }).map((n) => `${prefix}${n}`)),
  fc.string({ unit: 'binary', maxLength: 4 }),
)
const command = fc.record({ type: fc.constantFrom('set', 'set', 'set', 'delete', 'snapshot'), key })

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(utf8(a)), Buffer.from(utf8(b)))
}

/** Lone surrogates too, as their code points would be written. */
function utf8(text: string): number[] {
  const bytes: number[] = []
  for (const unit of text.split('').map((c) => c.charCodeAt(0))) {
    const rank = unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
    bytes.push(rank >> 16, (rank >> 8) & 255, rank & 255)
  }
  return bytes
}

describe('ordered map', () => {
  test('agrees with a sorted plain map after any series of changes, and snapshots keep their moment', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 600 }), key, key, (commands, prefix, start) => {
        const map = new OrderedMap<number>()
        const model = new Map<string, number>()
        const moments: { view: ReturnType<typeof map.snapshot>; model: Map<string, number> }[] = []
        for (const [at, { type, key }] of commands.entries()) {
          if (type === 'set') {
            expect(map.set(key, at)).toBe(model.get(key))
            model.set(key, at)
          } else if (type === 'delete') {
            expect(map.delete(key)).toBe(model.get(key))
            model.delete(key)
          } else if (moments.length < 5) moments.push({ view: map.snapshot(), model: new Map(model) })
        }
        moments.push({ view: map.snapshot(), model })
        for (const { view, model } of moments) {
          expect(view.size).toBe(model.size)
          for (const p of ['', 'a/', 'b/', prefix]) {
            for (const s of ['', 'a/2', start]) {
              const keys = [...model.keys()].filter((k) => k.startsWith(p) && byBytes(k, s) >= 0).sort(byBytes)
              expect([...view.scan(p, s)]).toEqual(keys.map((k) => model.get(k)))
              expect(view.count(p, s)).toBe(keys.length)
            }
          }
          for (const [k, v] of model) expect(view.get(k)).toBe(v)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('a map of sorted entries equals one that was filled by hand', () => {
    const keys = Array.from({ length: 5000 }, (_, n) => `k${String(n).padStart(5, '0')}`)
    const map = OrderedMap.fromSorted(keys, keys)
    expect(map.size).toBe(5000)
    expect([...map.scan('k0001')]).toEqual(keys.filter((k) => k.startsWith('k0001')))
    expect(map.count('', 'k04990')).toBe(10)
    for (const k of keys) expect(map.delete(k)).toBe(k)
    expect(map.size).toBe(0)
    expect(map.get('k00001')).toBeUndefined()
  })

  test('a fork goes its own way', () => {
    const map = new OrderedMap<number>()
    for (let n = 0; n < 100; n++) map.set(`k${n}`, n)
    const fork = map.fork()
    fork.delete('k7')
    map.set('k8', -8)
    expect([map.get('k7'), map.get('k8'), fork.get('k7'), fork.get('k8')]).toEqual([7, -8, undefined, 8])
  })

  test('the scan of a live map is not disturbed by changes under way', () => {
    const map = new OrderedMap<number>()
    for (let n = 100; n < 300; n++) map.set(`k${n}`, n)
    const seen: number[] = []
    for (const value of map.scan('k')) {
      map.delete(`k${value}`)
      map.set(`k${value + 500}`, 0)
      seen.push(value)
    }
    expect(seen).toHaveLength(200)
  })

  test('the end of a prefix is the first string after all that start with it', () => {
    expect(prefixEnd('/registry/pods/')).toBe('/registry/pods0')
    expect(prefixEnd('a\udfff')).toBe('b')
    expect(prefixEnd('a\uffff')).toBe('a\ud800')
    expect(prefixEnd('')).toBeUndefined()
  })
})
