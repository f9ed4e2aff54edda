import { describe, expect, test } from 'vitest'
import { plainValue } from '../api/json.ts'
import { groupVersion, type KubeObject } from '../api/object.ts'
import { recordedExchanges } from '../api/patch/recorded-exchanges.ts'
import { decodeProtobuf } from '../api/protobuf.ts'
import { builtinSchemas } from '../api/schemas.ts'
import { parseYaml } from '../api/yaml.ts'
import { definitions } from '../registry/definitions.ts'
import { type Endpoint, Registry } from '../registry/endpoint.ts'
import type { World } from '../registry/resource.ts'
import { negotiate, PLAIN_JSON } from './negotiate.ts'
import { type RenderContext, renderResult, renderStatus } from './render.ts'

const registry = new Registry(builtinSchemas)
const endpoints = new Map<string, Endpoint>()
for (const definition of definitions) {
  const endpoint = registry.add(definition, undefined)
  endpoints.set(`${groupVersion(definition.group, definition.version)}/${definition.kind}`, endpoint)
}

function context(accept: string): RenderContext {
  const format = negotiate(accept, { watch: false, table: true, protobuf: true, pretty: false })
  return { format, query: new URLSearchParams(), schemas: builtinSchemas, world: {} as World }
}

/** Every object that kube-apiserver answered with, once; placeholders that no type could hold are left out. */
async function recordedObjects(): Promise<Map<string, KubeObject>> {
  const objects = new Map<string, KubeObject>()
  for (const scenario of ['sa-crud', 'sa-patch', 'core-objects', 'rbac-objects', 'workloads', 'secrets', 'strategic-merge']) {
    for (const { name, status, answer } of await recordedExchanges(scenario)) {
      if (status > 201 || typeof answer !== 'object' || !endpoints.has(`${answer?.apiVersion}/${answer?.kind}`)) continue
      if (!/"<(?!rv)/.test(JSON.stringify(answer))) objects.set(`${scenario}: ${name}`, answer)
    }
  }
  return objects
}

const objects = await recordedObjects()

describe('renderResult() gives back what kube-apiserver answered', () => {
  const render = (object: KubeObject, accept: string): Uint8Array => {
    const endpoint = endpoints.get(`${object.apiVersion}/${object.kind}`) as Endpoint
    return renderResult({ kind: 'object', code: 200, endpoint, object }, context(accept))
  }

  test('the recordings hold enough of them', () => {
    expect(objects.size).toBeGreaterThan(50)
  })

  test.each([...objects])('%s', (_, object) => {
    expect(JSON.parse(Buffer.from(render(object, 'application/json')).toString())).toEqual(object)
    expect(plainValue(parseYaml(Buffer.from(render(object, 'application/yaml')).toString()).tree)).toEqual(object)
    const decoded = decodeProtobuf(Buffer.from(render(object, 'application/vnd.kubernetes.protobuf')))
    expect(JSON.parse(Buffer.from(render(decoded as KubeObject, 'application/json')).toString())).toEqual(object)
    const partial = JSON.parse(
      Buffer.from(render(object, 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1')).toString(),
    ) as KubeObject
    expect(partial).toEqual({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata })
  })
})

test('renderStatus() writes a refusal in YAML as kube-apiserver does', async () => {
  const refusals = (await recordedExchanges('forbidden')).filter(
    ({ answer }) => typeof answer === 'string' && answer.startsWith('apiVersion:'),
  )
  expect(refusals).not.toEqual([])
  for (const { answer } of refusals) {
    const status = plainValue(parseYaml(answer).tree) as Parameters<typeof renderStatus>[0]
    expect(Buffer.from(renderStatus(status, { ...PLAIN_JSON, media: 'application/yaml' }, builtinSchemas)).toString()).toBe(answer)
  }
})
