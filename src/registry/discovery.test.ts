/**
 * The list of definitions against the discovery documents of kube-apiserver 1.36.2.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { builtinSchemas } from '../api/schemas.ts'
import { Discovery } from '../server/discovery.ts'
import { definitionOf, definitions } from './definitions.ts'
import { Registry } from './endpoint.ts'

interface Resource {
  name: string
}

const recorded: { group: string; version: string; resources: Resource[] }[] = JSON.parse(
  readFileSync(join(import.meta.dirname, 'testdata/discovery.json'), 'utf8'),
)

/** Told elsewhere, because they need a running server. */
const WITH_A_SERVER = ['serviceaccounts/token']
const GROUPS_WITH_A_SERVER = ['authentication.k8s.io', 'authorization.k8s.io']
/** Not served. */
const OMITTED = ['componentstatuses', 'customresourcedefinitions/status']
/** Only read. */
const READ_ONLY = ['customresourcedefinitions']

const skipped = [...WITH_A_SERVER, ...OMITTED, ...READ_ONLY]
const groups = recorded.filter(({ group }) => !GROUPS_WITH_A_SERVER.includes(group))

function served(): Discovery {
  const registry = new Registry(builtinSchemas)
  for (const definition of definitions) registry.add(definition, undefined)
  return new Discovery(registry)
}

test.each(groups)('$group/$version', ({ group, version, resources }) => {
  const list = served().resourceList(group, version) as { resources: Resource[] }
  expect(list.resources.filter(({ name }) => !skipped.includes(name))).toEqual(resources.filter(({ name }) => !skipped.includes(name)))
})

test('nothing is defined twice', () => {
  const ids = definitions.map(({ group, version, resource }) => `${group}/${version}/${resource}`)
  expect(ids).toEqual([...new Set(ids)])
})

test('groups come in the order of upstream', () => {
  const names = served().groups()
  expect(names.map(({ name }) => name)).toEqual([...new Set(groups.map(({ group }) => group))])
  expect(names.find(({ name }) => name === 'autoscaling')?.versions).toEqual(['v2', 'v1'])
})

test('a definition is found by group, version and resource', () => {
  expect(definitionOf('', 'v1', 'secrets')?.kind).toBe('Secret')
  expect(definitionOf('autoscaling', 'v1', 'horizontalpodautoscalers')?.version).toBe('v1')
  expect(definitionOf('autoscaling', 'v3', 'horizontalpodautoscalers')).toBeUndefined()
})
