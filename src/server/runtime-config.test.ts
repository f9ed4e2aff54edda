import { describe, expect, test } from 'vitest'
import type { ResourceDefinition } from '../registry/resource.ts'
import { enabledDefinitions } from './runtime-config.ts'

const definition = (group: string, version: string, resource: string) => ({ group, version, resource }) as ResourceDefinition
const all = [
  definition('', 'v1', 'pods'),
  definition('apps', 'v1', 'deployments'),
  definition('apps', 'v1', 'daemonsets'),
  definition('batch', 'v1', 'jobs'),
]
const names = (config: Record<string, boolean>) => enabledDefinitions(all, config).map(({ resource }) => resource)

describe('enabledDefinitions()', () => {
  test('leaves out a version and a single resource', () => {
    expect(names({ 'apps/v1': false })).toEqual(['pods', 'jobs'])
    expect(names({ 'apps/v1/daemonsets': false })).toEqual(['pods', 'deployments', 'jobs'])
  })
  test('lets the finer key count', () => {
    expect(names({ 'api/ga': false, v1: true, 'apps/v1': true })).toEqual(['pods', 'deployments', 'daemonsets'])
  })
  test('refuses to turn on what is not there, and to turn off what the server needs', () => {
    expect(() => names({ 'api/beta': true })).toThrow('podpass does not serve that')
    expect(() => names({ 'apps/v2': true })).toThrow('podpass does not serve that')
    expect(() => names({ v1: false })).toThrow('v1 cannot be turned off')
  })
})
