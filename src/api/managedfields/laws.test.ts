import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalize } from '../normalize.ts'
import type { KubeObject } from '../object.ts'
import { copyJson, equalJson } from '../patch/json-value.ts'
import type { SchemaSource, StructType } from '../schema.ts'
import { StatusError } from '../status.ts'
import { apply } from './apply.ts'
import { compareObjects } from './compare.ts'
import { configuredFields } from './configured.ts'
import { decodeEntries, type Owner, readFields } from './entries.ts'
import { difference, equalSets, type FieldSet, intersection, isEmptySet, LEAF, recursiveDifference, union } from './field-set.ts'
import { withoutGivenUp } from './given-up.ts'
import { compareElements, inOrder } from './path-element.ts'
import { pruned } from './prune.ts'
import { topologyOf } from './topology.ts'
import { trackUpdate } from './track-update.ts'

/** A kind with every sort of list and map, nested in each other. */
const thing: StructType = {
  name: 'Thing',
  gvk: { group: '', version: 'v1', kind: 'Thing' },
  fields: new Map(
    [
      { name: 'kind', type: { kind: 'scalar', scalar: 'string' } },
      { name: 'apiVersion', type: { kind: 'scalar', scalar: 'string' } },
      { name: 'metadata', type: { kind: 'struct', name: 'Meta' }, default: {} },
      { name: 'spec', type: { kind: 'struct', name: 'Spec' }, default: {} },
    ].map((field) => [field.name, { always: false, required: false, ...field } as any]),
  ),
}
const struct = (name: string, fields: any[], more: Partial<StructType> = {}): StructType => ({
  name,
  fields: new Map(fields.map((field) => [field.name, { always: false, required: false, ...field }])),
  ...more,
})
const text = { kind: 'scalar', scalar: 'string' }
const number = { kind: 'scalar', scalar: 'int32' }
const structs = new Map(
  [
    struct('Meta', [
      { name: 'name', type: text },
      { name: 'uid', type: text },
      { name: 'labels', type: { kind: 'map', values: text } },
      { name: 'finalizers', type: { kind: 'list', items: text }, listType: 'set' },
      { name: 'managedFields', type: { kind: 'list', items: { kind: 'struct', name: 'Any' } } },
    ]),
    struct('Any', [], { preserveUnknown: true }),
    struct('Spec', [
      { name: 'count', type: number, pointer: true },
      { name: 'free', type: { kind: 'scalar', scalar: 'raw' } },
      { name: 'plain', type: { kind: 'list', items: text } },
      { name: 'whole', type: { kind: 'map', values: text }, mapType: 'atomic' },
      { name: 'items', type: { kind: 'list', items: { kind: 'struct', name: 'Item' } }, listType: 'map', listMapKeys: ['port', 'name'] },
    ]),
    struct('Item', [
      { name: 'name', type: text, default: 'tcp' },
      { name: 'port', type: number, always: true },
      { name: 'value', type: text, always: true },
      { name: 'inner', type: { kind: 'list', items: { kind: 'struct', name: 'Item' } }, listType: 'map', listMapKeys: ['name'] },
      { name: 'tags', type: { kind: 'map', values: text } },
    ]),
  ].map((type) => [type.name, type]),
)
const schemas: SchemaSource = { struct: (name) => structs.get(name) }
const topology = topologyOf(thing, schemas)

const few = fc.constantFrom('a', 'b', 'c')
const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined, freq: 2 })
const item = (depth: number): fc.Arbitrary<any> =>
  fc.record({
    name: some(few),
    port: fc.constantFrom(1, 2),
    value: some(few),
    tags: some(fc.dictionary(few, few, { maxKeys: 2 })),
    inner: depth > 0 ? some(keyed(item(depth - 1), ({ name }) => String(name))) : fc.constant(undefined),
  })
const keyed = (one: fc.Arbitrary<any>, key: (value: any) => string): fc.Arbitrary<any[]> =>
  fc.uniqueArray(one, { maxLength: 3, selector: key })
const anyConfig: fc.Arbitrary<any> = fc
  .record({
    metadata: fc.record({
      name: fc.constant('x'),
      labels: some(fc.dictionary(few, few, { maxKeys: 2 })),
      finalizers: some(fc.uniqueArray(few)),
    }),
    spec: some(
      fc.record({
        count: some(fc.integer({ min: 0, max: 2 })),
        free: some(fc.oneof(few, fc.dictionary(few, fc.oneof(few, fc.constant(null)), { maxKeys: 2 }))),
        plain: some(fc.array(few, { maxLength: 2 })),
        whole: some(fc.dictionary(few, few, { maxKeys: 2 })),
        items: some(keyed(item(1), ({ name, port }) => `${name ?? 'tcp'} ${port}`)),
      }),
    ),
  })
  .map((config) => ({ kind: 'Thing', apiVersion: 'v1', ...defined(config) }))

function defined(value: any): any {
  if (Array.isArray(value)) return value.map(defined)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [[key, defined(one)]])))
}

function withoutEmpty(value: any): any {
  if (Array.isArray(value)) return value.map(withoutEmpty)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([key, one]) => [key, withoutEmpty(one)] as const)
  return Object.fromEntries(members.filter(([, one]) => typeof one !== 'object' || one === null || Object.keys(one).length > 0))
}

interface Step {
  manager: string
  how: 'apply' | 'force' | 'update'
  config: any
}
const anySteps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    manager: fc.constantFrom('m', 'n'),
    how: fc.constantFrom('apply' as const, 'force' as const, 'update' as const),
    config: anyConfig,
  }),
  { minLength: 1, maxLength: 6 },
)

const common = { schema: thing, schemas, subresource: '', apiVersion: 'v1', nowMs: 0 }
const gvk = { group: '', version: 'v1', kind: 'Thing' }

function applied(live: KubeObject | undefined, { manager, how, config }: Step): KubeObject {
  return stored(apply({ ...common, live, config, gvk, manager, force: how === 'force' }))
}

function stored(object: KubeObject): KubeObject {
  const { managedFields } = object.metadata!
  const normal = normalize(thing, object, schemas).object
  normal.metadata = { ...normal.metadata, uid: 'u', managedFields }
  return normal
}

function step(live: KubeObject | undefined, one: Step): KubeObject | undefined {
  if (one.how === 'update') {
    const after = normalize(thing, one.config, schemas).object
    if (live !== undefined) after.metadata.uid = 'u'
    trackUpdate({ ...common, before: live, after, manager: one.manager })
    return { ...after, metadata: { ...after.metadata, uid: 'u' } }
  }
  try {
    return applied(live, one)
  } catch (error) {
    if (error instanceof StatusError && error.code === 409) return live
    throw error
  }
}

const run = (steps: readonly Step[]): KubeObject | undefined => steps.reduce<KubeObject | undefined>(step, undefined)
const anySet: fc.Arbitrary<FieldSet> = fc
  .tuple(anyConfig, anyConfig)
  .map(([a, b]) => union(configuredFields(a, topology), compareObjects({}, b, topology, { decoded: true }).changed ?? LEAF))

describe('field sets', () => {
  test('come out of JSON as they went in', () => {
    fc.assert(
      fc.property(anySet, (set) => {
        expect(readFields(JSON.parse(JSON.stringify(inOrder(set))))).toEqual(set)
      }),
    )
  })

  test('in order have their elements in order, and the same members', () => {
    const ordered = (set: FieldSet): boolean => {
      const keys = Object.keys(set).filter((key, i) => key !== '.' || i > 0)
      return keys.every((key, i) => key !== '.' && (i === 0 || compareElements(keys[i - 1]!, key) < 0)) && Object.values(set).every(ordered)
    }
    fc.assert(
      fc.property(anySet, (set) => {
        expect(ordered(inOrder(set))).toBe(true)
        expect(equalSets(set, inOrder(set))).toBe(true)
      }),
    )
  })

  test('obey the laws of sets', () => {
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        const common = intersection(a, b) ?? LEAF
        expect(equalSets(union(a, b), union(b, a))).toBe(true)
        expect(equalSets(common, intersection(b, a) ?? LEAF)).toBe(true)
        expect(equalSets(union(difference(a, b), common), a)).toBe(true)
        expect(isEmptySet(difference(a, a))).toBe(true)
        expect(intersection(difference(a, b), b)).toBeUndefined()
        expect(isEmptySet(difference(recursiveDifference(a, b), difference(a, b)))).toBe(true)
      }),
    )
  })
})

describe('compareObjects()', () => {
  test('finds nothing between equals, and the same fields whichever way round', () => {
    fc.assert(
      fc.property(anyConfig, anyConfig, (a, b) => {
        const [left, right] = [a, b].map((one) => normalize(thing, one, schemas).object)
        const there = compareObjects(left, right, topology, { decoded: true })
        const back = compareObjects(right, left, topology, { decoded: true })
        expect(compareObjects(left, copyJson(left), topology, { decoded: true })).toEqual({ changed: undefined, removed: undefined })
        if (equalJson(left, right)) expect(there).toEqual({ changed: undefined, removed: undefined })
        expect(equalSets(union(there.changed ?? LEAF, there.removed ?? LEAF), union(back.changed ?? LEAF, back.removed ?? LEAF))).toBe(true)
      }),
    )
  })
})

describe('apply()', () => {
  test('applied again changes nothing', () => {
    fc.assert(
      // What is empty is not stored, so applying it is a change each time.
      fc.property(anySteps, anyConfig.map(withoutEmpty), (steps, config) => {
        const once = applied(run(steps), { manager: 'm', how: 'force', config })
        expect(applied(once, { manager: 'm', how: 'apply', config })).toEqual(once)
      }),
    )
  })

  test('by force leaves the manager no conflicts and everything it named as it said', () => {
    fc.assert(
      fc.property(anySteps, anyConfig, (steps, config) => {
        const forced = applied(run(steps), { manager: 'm', how: 'force', config })
        const { changed } = compareObjects(forced, normalize(thing, config, schemas).object, topology, { decoded: false })
        expect(intersection(configuredFields(config, topology), changed ?? LEAF) ?? LEAF).toEqual(LEAF)
      }),
    )
  })

  test('gives the manager exactly the fields it named', () => {
    fc.assert(
      fc.property(anySteps, anyConfig, (steps, config) => {
        const entries = applied(run(steps), { manager: 'm', how: 'force', config }).metadata!.managedFields
        const own = entries?.find(({ manager, operation }) => manager === 'm' && operation === 'Apply')?.fieldsV1 ?? {}
        const named = difference(configuredFields(config, topology), {
          'f:kind': LEAF,
          'f:apiVersion': LEAF,
          'f:metadata': { '.': LEAF, 'f:name': LEAF },
        })
        expect(own).toEqual(named)
      }),
    )
  })

  test('changes neither the live object nor the configuration', () => {
    fc.assert(
      fc.property(anySteps, anyConfig, (steps, config) => {
        const live = run(steps)
        const before = copyJson(live)
        const sent = copyJson(config)
        applied(live, { manager: 'n', how: 'force', config })
        expect(live).toEqual(before)
        expect(config).toEqual(sent)
      }),
    )
  })

  test('prunes in one walk as it does by sets', () => {
    fc.assert(
      fc.property(anyConfig, anySet, anySet, (config, last, owned) => {
        const owner: Owner = { manager: 'm', operation: 'Apply', subresource: '', apiVersion: 'v1', fields: last, time: undefined }
        const same = (object: KubeObject): KubeObject => object
        const bySets = pruned(config, owner, [{ ...owner, fields: owned }], () => ({ topology, convert: same, back: same }))
        expect(withoutGivenUp(config, last, owned, topology)).toEqual(bySets)
      }),
      { numRuns: 500 },
    )
  })
})

describe('trackUpdate()', () => {
  test('gives every field that changed to its manager alone', () => {
    fc.assert(
      fc.property(anySteps, anyConfig, (steps, config) => {
        const before = run(steps)
        const after = step(before, { manager: 'u', how: 'update', config })!
        const { changed = LEAF } = compareObjects(before ?? {}, after, topology, { decoded: true })
        const named = difference(changed, {
          'f:kind': LEAF,
          'f:apiVersion': LEAF,
          'f:metadata': { '.': LEAF, 'f:name': LEAF, 'f:uid': LEAF, 'f:managedFields': LEAF },
        })
        for (const owner of decodeEntries(after.metadata!.managedFields, true)!.values()) {
          const theirs = intersection(owner.fields, named) ?? LEAF
          expect(theirs).toEqual(owner.manager === 'u' ? named : LEAF)
        }
      }),
    )
  })
})
