import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { buildOpenAPI } from '../api/openapi/build.ts'
import { builtinSchemas } from '../api/schemas.ts'
import { definitions } from '../registry/definitions.ts'
import { Registry } from '../registry/endpoint.ts'
import { DOCUMENTS_FILE, INDEX_FILE, OPENAPI_INFO, OpenAPIDocuments, packDocuments } from './openapi-documents.ts'

const leases = definitions.filter(({ group }) => group === 'coordination.k8s.io')
const budgets = definitions.filter(({ group }) => group === 'policy')

async function builtFolder(): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), 'openapi-'))
  const { index, documents } = await packDocuments(buildOpenAPI(leases, OPENAPI_INFO))
  await writeFile(join(folder, INDEX_FILE), JSON.stringify(index))
  await writeFile(join(folder, DOCUMENTS_FILE), documents)
  return pathToFileURL(`${folder}/`)
}

function registryOf(...resources: typeof definitions): Registry {
  const registry = new Registry(builtinSchemas)
  for (const definition of resources) registry.add(definition, undefined)
  return registry
}

test('documents that the build packed come out as they went in', async () => {
  const { v2, v3 } = await new OpenAPIDocuments(registryOf(...leases), await builtFolder()).all()
  const direct = buildOpenAPI(leases, OPENAPI_INFO)
  expect(await v2.read('json')).toEqual(direct.v2.json)
  expect(gunzipSync(await v2.readGzip('protobuf'))).toEqual(direct.v2.protobuf)
  expect([...v3.keys()]).toEqual([...direct.v3.keys()])
  const lease = v3.get('apis/coordination.k8s.io/v1')
  expect(lease?.hash).toBe(direct.v3.get('apis/coordination.k8s.io/v1')?.hash)
  expect(await lease?.read('protobuf')).toEqual(direct.v3.get('apis/coordination.k8s.io/v1')?.protobuf)
})

test('without a build the documents are made from the registry', async () => {
  const { v2, v3 } = await new OpenAPIDocuments(registryOf(...leases), new URL('file:///nowhere/openapi/')).all()
  const direct = buildOpenAPI(leases, OPENAPI_INFO)
  expect(v2.hash).toBe(direct.v2.hash)
  expect(gunzipSync(await v2.readGzip('json'))).toEqual(direct.v2.json)
  expect([...v3.keys()]).toEqual([...direct.v3.keys()])
})

test('a group version that is added later gets its document, and the others keep theirs', async () => {
  const registry = registryOf(...leases)
  const documents = new OpenAPIDocuments(registry, await builtFolder())
  const before = await documents.all()
  expect(before.v3.has('apis/policy/v1')).toBe(false)
  for (const definition of budgets) registry.add(definition, undefined)
  const { v3 } = await documents.all()
  expect(v3.get('apis/coordination.k8s.io/v1')).toBe(before.v3.get('apis/coordination.k8s.io/v1'))
  const policy = JSON.parse(Buffer.from((await v3.get('apis/policy/v1')?.read('json')) ?? '').toString())
  expect(Object.keys(policy.paths)).toContain('/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets')
})
