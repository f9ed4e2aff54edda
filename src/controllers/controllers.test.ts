import { describe, expect, test } from 'vitest'
import { CONTROLLER_NAMES } from '../cli/serverflags.ts'
import { controllers } from './controllers.ts'
import { testServer } from './testdata/server.ts'

describe('controllers', () => {
  test('have names of kube-controller-manager, each its own', () => {
    const names = controllers.map(({ name }) => name)
    expect(names.filter((name) => !CONTROLLER_NAMES.includes(name))).toEqual([])
    expect(new Set(names).size).toBe(names.length)
  })

  test('do not run where none is selected, but for the loops of the server itself', async () => {
    const world = await testServer((options) => ({ ...options, controllers: { ...options.controllers, selection: ['-*'] } }))
    const configMaps = '/api/v1/namespaces/kube-system/configmaps'
    await world.until('the tracking', () => world.get(`${configMaps}/kube-apiserver-legacy-service-account-token-tracking`))
    expect((await world.get('/api/v1/serviceaccounts'))?.['items']).toEqual([])
    expect(await world.get(`${configMaps}/kube-root-ca.crt`)).toBeUndefined()
    await world.stop()
  })

  test('run one by one when named', async () => {
    const selection = ['serviceaccount-controller']
    const world = await testServer((options) => ({ ...options, controllers: { ...options.controllers, selection } }))
    await world.makeNamespace('g-one')
    expect(await world.get('/api/v1/namespaces/g-one/configmaps/kube-root-ca.crt')).toBeUndefined()
    await world.stop()
  })
})
