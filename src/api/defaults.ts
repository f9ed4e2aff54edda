/**
 * Defaults that the API types carry in their markers (`+default=`); what a kind computes is in its strategy.
 *
 * @see apimachinery, the generated zz_generated.defaults.go
 * @module
 */
import type { SchemaSource, StructType, ValueType } from './schema.ts'
import { builtinSchemas } from './schemas.ts'

interface Plan {
  /** Members with a default of their own. */
  defaults: { name: string; value: unknown }[]
  /** Members that hold structs with defaults. */
  inner: { name: string; type: ValueType }[]
}

const plans = new WeakMap<StructType, Plan | 'none'>()

/** Sets members that are absent and have a default, in place, at any depth; structs that are absent stay absent. */
export function applySchemaDefaults(schema: StructType, object: Record<string, any>, source: SchemaSource = builtinSchemas): void {
  const plan = planOf(schema, source)
  if (plan !== 'none') applyPlan(plan, object, source)
}

function applyPlan(plan: Plan, object: Record<string, any>, source: SchemaSource): void {
  for (const { name, value } of plan.defaults) {
    const given = object[name]
    // Objects are defaulted in place, so nobody may share the table's own.
    if (given === undefined || given === null) object[name] = typeof value === 'object' ? structuredClone(value) : value
  }
  for (const { name, type } of plan.inner) {
    const given = object[name]
    if (given !== undefined && given !== null) applyValue(type, given, source)
  }
}

function applyValue(type: ValueType, value: any, source: SchemaSource): void {
  switch (type.kind) {
    case 'struct': {
      const schema = source.struct(type.name)
      if (schema !== undefined) applySchemaDefaults(schema, value, source)
      return
    }
    case 'list':
      for (const item of value) if (item !== null) applyValue(type.items, item, source)
      return
    case 'map':
      for (const key of Object.keys(value)) if (value[key] !== null) applyValue(type.values, value[key], source)
      return
    case 'scalar':
      return
  }
}

/** A plan is made for a type and for all it reaches at once: a type is worth visiting if anything below it has a default. */
function planOf(schema: StructType, source: SchemaSource): Plan | 'none' {
  const known = plans.get(schema)
  if (known !== undefined) return known
  const reached = new Map<StructType, { defaults: Plan['defaults']; inner: { name: string; type: ValueType; struct: StructType }[] }>()
  const visit = (type: StructType): void => {
    if (reached.has(type)) return
    const entry: { defaults: Plan['defaults']; inner: { name: string; type: ValueType; struct: StructType }[] } = {
      defaults: [],
      inner: [],
    }
    reached.set(type, entry)
    for (const field of type.fields.values()) {
      if (isDefault(field.default)) entry.defaults.push({ name: field.name, value: field.default })
      const name = structIn(field.type)
      const struct = name === undefined ? undefined : source.struct(name)
      if (struct === undefined) continue
      entry.inner.push({ name: field.name, type: field.type, struct })
      visit(struct)
    }
  }
  visit(schema)
  const useful = new Set<StructType>()
  for (let before = -1; before !== useful.size; ) {
    before = useful.size
    for (const [type, entry] of reached)
      if (entry.defaults.length > 0 || entry.inner.some(({ struct }) => useful.has(struct))) useful.add(type)
  }
  for (const [type, entry] of reached) {
    const inner = entry.inner.filter(({ struct }) => useful.has(struct)).map(({ name, type: of }) => ({ name, type: of }))
    plans.set(type, useful.has(type) ? { defaults: entry.defaults, inner } : 'none')
  }
  return plans.get(schema) as Plan | 'none'
}

function structIn(type: ValueType): string | undefined {
  if (type.kind === 'struct') return type.name
  if (type.kind === 'list') return structIn(type.items)
  return type.kind === 'map' ? structIn(type.values) : undefined
}

/** Zero values in the facts say that a member is no pointer, not what it defaults to. */
function isDefault(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}
