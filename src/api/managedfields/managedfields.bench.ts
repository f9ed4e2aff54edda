/**
 * What tracking owners costs: `npx vitest bench src/api/managedfields`.
 *
 * @module
 */
import { bench, describe } from 'vitest'
import { normalize } from '../normalize.ts'
import type { KubeObject } from '../object.ts'
import { builtinSchemas } from '../schemas.ts'
import { apply } from './apply.ts'
import { trackUpdate } from './track-update.ts'

const configMap = {
  schema: builtinSchemas.byKind('', 'v1', 'ConfigMap')!,
  schemas: builtinSchemas,
  subresource: '',
  apiVersion: 'v1',
  nowMs: 1e12,
  manager: 'm',
}
const data = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`key${i}`, `value${i}`]))
const created: KubeObject = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'x', namespace: 'd', labels: { a: '1' } }, data }
trackUpdate({ ...configMap, before: undefined, after: created })
const stored: KubeObject = { ...created, metadata: { ...created.metadata, uid: 'u' } }
const changed: KubeObject = { ...structuredClone(stored), data: { ...data, key3: 'other' } }
const { managedFields } = changed.metadata!

describe('a config map of ten keys', () => {
  bench('created', () => {
    trackUpdate({ ...configMap, before: undefined, after: created })
  })
  bench('updated in one key', () => {
    changed.metadata!.managedFields = managedFields
    trackUpdate({ ...configMap, before: stored, after: changed, manager: 'other' })
  })
  const config = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'x', labels: { b: '2' } }, data: { ...data, more: '1' } }
  bench('applied', () => {
    apply({ ...configMap, live: stored, config, gvk: { group: '', version: 'v1', kind: 'ConfigMap' }, force: false })
  })
})

describe('a deployment', () => {
  const gvk = { group: 'apps', version: 'v1', kind: 'Deployment' }
  const deployment = { ...configMap, schema: builtinSchemas.byKind('apps', 'v1', 'Deployment')!, apiVersion: 'apps/v1', gvk, force: false }
  const config = (image: string, env: object[]): KubeObject => ({
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image, env, ports: [{ containerPort: 80 }] }] } },
    },
  })
  const full = config('i:1', [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ])
  const live = normalize(deployment.schema, apply({ ...deployment, live: undefined, config: full })).object
  live.metadata.uid = 'u'
  bench('applied again', () => {
    apply({ ...deployment, live, config: full })
  })
  const less = config('i:1', [{ name: 'A', value: '1' }])
  bench('applied with something given up', () => {
    apply({ ...deployment, live, config: less })
  })
})
