import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from './testdata/server.ts'

const PATH = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies'

/** What kube-controller-manager 1.36.2 wrote of these, without the numbers that it gives to types. */
const RECORDED = JSON.parse(readFileSync(new URL('testdata/policy-status.json', import.meta.url), 'utf8')) as {
  spec: object
  status: object
}[]

let world: TestServer
beforeAll(async () => {
  world = await testServer()
})
afterAll(() => world.stop())

function policy(name: string, spec: object): object {
  return { kind: 'ValidatingAdmissionPolicy', apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name }, spec }
}

test.each(RECORDED)('expressions that do not fit the types of their objects are told: %#', async ({ spec, status }) => {
  const name = `checked-${RECORDED.findIndex((one) => one.spec === spec)}`
  await world.post(PATH, policy(name, spec))
  const checked = await world.until(
    'the status',
    async () => ((await world.get(`${PATH}/${name}`)) as any)?.status?.observedGeneration === 1,
  )
  expect(checked).toBe(true)
  expect(((await world.get(`${PATH}/${name}`)) as any).status).toEqual(status)
})

test('a policy that changes is checked again', async () => {
  const rules = { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }] }
  const made: any = await world.post(PATH, policy('changes', { matchConstraints: rules, validations: [{ expression: 'object.foo == 1' }] }))
  const statusOf = async (generation: number) => {
    const { status } = (await world.get(`${PATH}/changes`)) as any
    return status?.observedGeneration === generation ? status : undefined
  }
  const wrong: any = await world.until('a warning', () => statusOf(1))
  expect(wrong.typeChecking.expressionWarnings).toHaveLength(1)
  const present: any = await world.get(`${PATH}/changes`)
  await world.send('PUT', `${PATH}/changes`, { ...present, spec: { ...made.spec, validations: [{ expression: 'has(object.spec)' }] } })
  expect(await world.until('no warning', () => statusOf(2))).toEqual({ observedGeneration: 2, typeChecking: {} })
})
