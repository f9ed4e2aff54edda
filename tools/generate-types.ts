/**
 * Writes `src/api/types/**`: TypeScript interfaces of every API type, from the wire facts in `src/api/facts/`.
 *
 * Every member is optional: a decoded body is whatever its sender left out. Validation says what is required.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'

interface FieldFact {
  type?: string
  ref?: string
  list?: FieldFact
  map?: FieldFact
}
interface TypeFact {
  type?: string
  fields?: Record<string, FieldFact>
}

const OUT = 'src/api/types'
const PLAIN: Record<string, string> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'string',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'number | string',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'string',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'string',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': 'Record<string, unknown>',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'Record<string, any>',
}

/** `io.k8s.api.core.v1.Pod` lives in `core/v1.ts` under the name `Pod`. */
function place(fullName: string): { file: string; name: string } {
  const parts = fullName.split('.')
  const name = parts.pop() as string
  const version = parts.pop() as string
  const group = parts.pop() as string
  return { file: `${group}/${version}`, name }
}

const facts: Record<string, TypeFact> = {}
for (const file of readdirSync('src/api/facts').filter((name) => name.endsWith('.json'))) {
  Object.assign(facts, JSON.parse(readFileSync(`src/api/facts/${file}`, 'utf8')))
}

const files = new Map<string, { bodies: string[]; imports: Map<string, Set<string>> }>()
for (const [fullName, fact] of Object.entries(facts)) {
  if (fact.fields === undefined || PLAIN[fullName] !== undefined) continue
  const { file, name } = place(fullName)
  let target = files.get(file)
  if (target === undefined) {
    target = { bodies: [], imports: new Map() }
    files.set(file, target)
  }
  const { imports } = target
  const typeOf = (field: FieldFact): string => {
    if (field.list) return `${wrap(typeOf(field.list))}[]`
    if (field.map) return `Record<string, ${typeOf(field.map)}>`
    if (field.ref !== undefined) {
      const plain = PLAIN[field.ref]
      if (plain !== undefined) return plain
      if (facts[field.ref]?.fields === undefined) return 'any'
      const other = place(field.ref)
      if (other.file === file) return other.name
      const alias = `${other.file.replace(/(^|\/)(\w)/g, (_, __, letter: string) => letter.toUpperCase())}`
      imports.set(other.file, (imports.get(other.file) ?? new Set()).add(alias))
      return `${alias}.${other.name}`
    }
    if (field.type?.startsWith('integer') || field.type?.startsWith('number')) return 'number'
    if (field.type?.startsWith('boolean')) return 'boolean'
    if (field.type?.startsWith('string')) return 'string'
    return 'any'
  }
  const members = Object.entries(fact.fields).map(
    ([key, field]) => `  ${/^[a-zA-Z]\w*$/.test(key) ? key : `'${key}'`}?: ${typeOf(field)} | undefined`,
  )
  target.bodies.push(`export interface ${name} {\n${members.join('\n')}\n}`)
}

function wrap(type: string): string {
  return type.includes('|') ? `(${type})` : type
}

// Only what differs is written: somebody may be reading the rest at this moment.
const written = new Set<string>()
for (const [file, { bodies, imports }] of files) {
  const path = `${OUT}/${file}.ts`
  mkdirSync(dirname(path), { recursive: true })
  const head = [...imports].map(([other, aliases]) => {
    const from = relative(dirname(path), `${OUT}/${other}.ts`)
    return `import type * as ${[...aliases][0]} from '${from.startsWith('.') ? from : `./${from}`}'`
  })
  const text = `// Made by tools/generate-types.ts from src/api/facts; not edited by hand.\n${head.join('\n')}${head.length ? '\n\n' : ''}${bodies.join('\n\n')}\n`
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text)
  written.add(path)
}
for (const entry of readdirSync(OUT, { recursive: true, withFileTypes: true })) {
  const path = `${relative('.', entry.parentPath)}/${entry.name}`
  if (entry.isFile() && !written.has(path)) rmSync(path)
}
