import { describe, expect, test } from 'vitest'
import { normalize } from '../normalize.ts'
import type { KubeObject } from '../object.ts'
import { applyMergePatch } from '../patch/merge-patch.ts'
import { type Exchange, recordedExchanges } from '../patch/recorded-exchanges.ts'
import { builtinSchemas } from '../schemas.ts'
import { StatusError } from '../status.ts'
import { apply } from './apply.ts'
import { trackUpdate } from './track-update.ts'
import { fieldsOfParent, fieldsOfView } from './view-fields.ts'

/** Refusals of the registry, not of field management. */
const LATER = [
  'old resourceVersion',
  'another uid',
  'name differs from the path',
  'create with a uid',
  'an item without its key',
  'another port: both need names',
  'alice may not',
]

/** Entries as recordings have them: by manager and operation, times only told by being there. */
function comparable(entries: any): any {
  if (!entries) return undefined
  const key = (entry: any): string => `${entry.manager} ${entry.operation}`
  return entries
    .map((entry: any) => ({ ...entry, time: entry.time === undefined ? undefined : '<time>' }))
    .toSorted((a: any, b: any) => (key(a) < key(b) ? -1 : 1))
}

function kindAt(path: string): { group: string; version: string; kind: string } {
  if (path.includes('/deployments/')) return { group: 'apps', version: 'v1', kind: 'Deployment' }
  if (path.includes('/roles/')) return { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'Role' }
  return {
    group: '',
    version: 'v1',
    kind: path.includes('/services/') ? 'Service' : path.includes('/configmaps/') ? 'ConfigMap' : 'ServiceAccount',
  }
}

/** What the exchange makes of the object, short of defaults and admission. */
function outcome({ path, patchType, body }: Exchange, before: KubeObject | undefined): KubeObject {
  const gvk = kindAt(path)
  const schema = builtinSchemas.byKind(gvk.group, gvk.version, gvk.kind)!
  const apiVersion = gvk.group === '' ? gvk.version : `${gvk.group}/${gvk.version}`
  const query = new URL(path, 'http://x').searchParams
  const manager = query.get('fieldManager') ?? 'golden'
  const common = { schema, schemas: builtinSchemas, subresource: '', apiVersion, nowMs: 1e12, manager }
  if (path.includes('/scale')) return scaled(body, before!, manager)
  if (patchType === 'apply')
    return normalize(schema, apply({ ...common, live: before, config: body, gvk, force: query.has('force') })).object
  const after = normalize(schema, patchType === 'merge' ? applyMergePatch(before, body) : body).object
  trackUpdate({ ...common, before, after })
  return after
}

function scaled(body: any, parent: KubeObject, manager: string): KubeObject {
  const mapping = { apiVersion: 'apps/v1', viewVersion: 'autoscaling/v1', paths: { 'spec.replicas': 'spec.replicas' } }
  const view = (replicas: number): KubeObject => ({
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name: 'web', uid: 'u', managedFields: fieldsOfView(parent.metadata!.managedFields, mapping) },
    spec: { replicas },
    status: { replicas: 0 },
  })
  const after = view(body.spec.replicas)
  const schema = builtinSchemas.byKind('autoscaling', 'v1', 'Scale')!
  trackUpdate({
    before: view(parent['spec'].replicas),
    after,
    schema,
    schemas: builtinSchemas,
    subresource: 'scale',
    apiVersion: 'autoscaling/v1',
    nowMs: 1e12,
    manager,
  })
  const managedFields = fieldsOfParent(parent.metadata!.managedFields, after.metadata!.managedFields, mapping)
  return { ...parent, metadata: { ...parent.metadata, managedFields }, spec: { ...parent['spec'], replicas: body.spec.replicas } }
}

function refusalOf(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    if (error instanceof StatusError)
      return { message: error.message, reason: error.status.reason, details: error.status.details, code: error.code }
    throw error
  }
  return undefined
}

/** The object as it is stored: recordings of some steps pick parts of it. */
function stored(exchange: Exchange, made: KubeObject, before: KubeObject | undefined): KubeObject {
  const { answer, path } = exchange
  if (path.includes('/scale')) return made
  const { metadata, managedFields, ...rest } = answer
  return {
    ...before,
    kind: kindAt(path).kind,
    apiVersion: made.apiVersion,
    ...rest,
    metadata: { ...made.metadata, ...metadata, uid: 'u', managedFields: made.metadata?.managedFields },
  }
}

for (const scenario of ['apply', 'sa-patch']) {
  describe(`apply() and trackUpdate() give what kube-apiserver recorded in ${scenario}`, async () => {
    const live = new Map<string, KubeObject>()
    for (const exchange of await recordedExchanges(scenario)) {
      const { name, path, patchType, body, status, answer, method } = exchange
      const key = path.replace(/\?.*|\/scale.*/, '')
      const object = method === 'POST' ? `${key}/${body?.metadata?.name}` : key
      if (
        LATER.includes(name) ||
        (method !== 'POST' && method !== 'PUT' && patchType !== 'apply' && patchType !== 'merge') ||
        typeof body === 'string'
      ) {
        if (status < 300 && answer?.metadata?.managedFields && answer.kind !== 'Scale')
          live.set(object, { ...answer, metadata: { ...answer.metadata, uid: 'u' } })
        continue
      }
      if (
        path.includes('/namespaces/g-applied') ||
        (answer?.kind === 'Status' && patchType !== 'apply') ||
        answer?.message?.includes('PatchOptions')
      )
        continue
      const before = live.get(object)
      if (status >= 300) {
        if (!answer.message.includes('does not match')) {
          test(name, () => {
            const { message, reason, details, code } = answer
            expect(refusalOf(() => outcome(exchange, before))).toEqual({ message, reason, details, code })
          })
        }
        continue
      }
      const made = outcome(exchange, before)
      test(name, () => {
        if (answer.kind === 'Scale') return
        const recorded = answer.managedFields ?? answer.metadata?.managedFields
        expect(comparable(made.metadata?.managedFields)).toEqual(comparable(recorded))
        if (answer.data !== undefined) expect(made['data']).toEqual(answer.data)
      })
      if (!path.includes('dryRun')) live.set(object, stored(exchange, made, before))
    }
  })
}
