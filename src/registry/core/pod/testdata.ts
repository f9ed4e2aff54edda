/**
 * Writes for tests: a body goes through decoding, defaults and the hooks of its kind as it does in the server, with nothing stored.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeBody } from '../../../api/decode.ts'
import { applySchemaDefaults } from '../../../api/defaults.ts'
import { type FieldError, fieldErrorText } from '../../../api/field.ts'
import type { KubeObject } from '../../../api/object.ts'
import { builtinSchemas } from '../../../api/schemas.ts'
import type { Pod } from '../../../api/types/core/v1.ts'
import type { ResourceDefinition, UpdateStrategy, World, Write } from '../../resource.ts'
import { pods } from '../pods.ts'

export const NOW_MS = Date.parse('2025-06-15T12:00:00Z')
const UID = '11111111-2222-4333-8444-555555555555'

/** A body as a test writes it: members of any kind, right or wrong. */
export type Body = any

export interface TestWrite extends Write {
  warnings: string[]
}

export function testWrite(more: { subresource?: string; allowPrivileged?: boolean } = {}): TestWrite {
  const { subresource = '', allowPrivileged = false } = more
  const warnings: string[] = []
  return {
    world: { features: { allowPrivileged } } as World,
    user: { username: 'admin', groups: [] } as unknown as Write['user'],
    namespace: 'ns',
    name: 'x',
    subresource,
    verb: 'update',
    dryRun: false,
    nowMs: NOW_MS,
    warnings,
    warn: (text) => warnings.push(text),
  }
}

/** What the decoder makes of the body, with all defaults. */
export function load<T extends KubeObject>(definition: ResourceDefinition, body: Body): T {
  const schema = builtinSchemas.struct(definition.schema)
  if (schema === undefined) throw new Error(`no schema ${definition.schema}`)
  const { group, version, kind } = definition
  const bytes = Buffer.from(JSON.stringify(body))
  const { object } = decodeBody(bytes, 'application/json', { schema, gvk: { group, version, kind }, strict: 'Strict' })
  applySchemaDefaults(schema, object)
  definition.strategy.defaults?.(object)
  return object as T
}

export interface Outcome<T> {
  object: T
  errors: string[]
  warnings: string[]
}

/** POST up to the store. */
export function create<T extends KubeObject>(definition: ResourceDefinition, body: Body, write = testWrite()): Outcome<T> {
  const object = load<T>(definition, body)
  object.metadata = { uid: UID, ...object.metadata }
  const { strategy } = definition
  strategy.prepareForCreate?.(object, write)
  const errors = strategy.validate?.(object, write) ?? []
  write.warnings.push(...(strategy.warnings?.(object, undefined, write) ?? []))
  return { object, errors: errors.map(fieldErrorText), warnings: write.warnings }
}

/** PUT of `body` over the created `before`, through the resource itself or one of its subresources. */
export function update<T extends KubeObject>(
  definition: ResourceDefinition,
  { before, after, subresource = '' }: { before: Body; after: Body; subresource?: string },
): Outcome<T> {
  const write = testWrite({ subresource })
  const old = load<T>(definition, before)
  const object = load<T>(definition, after)
  for (const one of [old, object]) one.metadata = { uid: UID, resourceVersion: '1', generation: 1, ...one.metadata }
  const strategy = strategyOf(definition, subresource)
  strategy.prepareForUpdate?.(object, old, write)
  if (strategy.specChanged?.(object, old) === true) object.metadata!.generation = old.metadata!.generation! + 1
  const errors: FieldError[] = strategy.validateUpdate?.(object, old, write) ?? []
  write.warnings.push(...(strategy.warnings?.(object, old, write) ?? []))
  return { object, errors: errors.map(fieldErrorText), warnings: write.warnings }
}

function strategyOf(definition: ResourceDefinition, subresource: string): UpdateStrategy {
  if (subresource === '') return definition.strategy
  const found = definition.subresources?.[subresource]
  if (found?.type !== 'object') throw new Error(`${definition.resource}/${subresource} is not an object`)
  return found.strategy
}

export const container = (more: Body = {}) => ({ name: 'c', image: 'example/i:1', ...more })

export const podBody = (spec: Body = {}, metadata: Body = {}) => ({
  metadata: { name: 'p', namespace: 'ns', ...metadata },
  spec: { containers: [container()], ...spec },
})

export const createPod = (spec: Body = {}, metadata: Body = {}): Outcome<Pod> => create<Pod>(pods, podBody(spec, metadata))

/** A template of a workload whose selector is `a: b`. */
export const template = (spec: Body = {}, metadata: Body = {}) => ({
  metadata: { labels: { a: 'b' }, ...metadata },
  spec: { containers: [container()], ...spec },
})

export interface RecordedCreate {
  step: string
  resource: string
  body: Body
  response: Body
}

const GOLDEN = join(import.meta.dirname, '../../../../test/golden')

/** The creations of one scenario that kube-apiserver was recorded with, each with its answer. */
export async function recordedCreates(scenario: string): Promise<RecordedCreate[]> {
  const step =
    (method: string) =>
    (path: string, body: Body, options: Body = {}) => ({ method, path, body, options })
  const tools = new Proxy({}, { get: (_, name: string) => step(name) })
  const module = (await import(join(GOLDEN, 'scenarios', `${scenario}.mjs`))) as { default(tools: unknown): { steps: Body[] } }
  const { exchanges } = JSON.parse(readFileSync(join(GOLDEN, 'recordings', `${scenario}.json`), 'utf8')) as { exchanges: Body[] }
  const answers = new Map<string, Body>(exchanges.map((exchange) => [exchange.step, exchange.response]))
  const found: RecordedCreate[] = []
  for (const { method, path, body, options } of module.default(tools).steps) {
    const response = answers.get(options?.name)
    if (method !== 'post' || typeof body !== 'object' || response === undefined) continue
    const resource = path.split('?')[0].split('/').at(-1)
    found.push({ step: options.name, resource, body, response: response.body })
  }
  return found
}
