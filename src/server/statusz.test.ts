import { expect, test } from 'vitest'
import { statuszForm, statuszObject, statuszText } from './statusz.ts'

const structured = (type: string, version: string) => `${type};g=config.k8s.io;v=${version};as=Statusz`

test.each([
  ['', 'text/plain', ''],
  ['*/*', 'text/plain', ''],
  ['text/plain', 'text/plain', ''],
  [structured('application/json', 'v1beta1'), 'application/json', 'v1beta1'],
  [structured('application/yaml', 'v1alpha1'), 'application/yaml', 'v1alpha1'],
  [`${structured('application/json', 'v7')},*/*`, 'text/plain', ''],
])('%s is answered as %s', (accept, type, version) => {
  expect(statuszForm(accept)).toEqual({ type, version })
})

test.each(['application/xml', 'application/json', 'application/json;g=config.k8s.io;v=v1beta1'])('%s is nothing there is', (accept) => {
  expect(() => statuszForm(accept)).toThrow('only the following media types are accepted: application/json, application/yaml, text/plain')
})

const of = {
  startedMs: Date.parse('2026-01-02T03:04:05Z'),
  nowMs: Date.parse('2026-01-02T05:09:12Z'),
  goVersion: '',
  binaryVersion: '1.36.2',
  emulationVersion: '1.36',
  paths: ['/healthz', '/statusz'],
}

test('people read it', () => {
  expect(statuszText(of)).toContain('\nStarted: Fri Jan  2 03:04:05 UTC 2026\nUp: 2 hr 05 min 07 sec\n')
  expect(statuszText(of)).toContain('\napiserver statusz\nWarning: This endpoint is not meant to be machine parseable')
})

test('programs get an object', () => {
  expect(statuszObject(of, 'v1beta1')).toMatchObject({
    kind: 'Statusz',
    apiVersion: 'config.k8s.io/v1beta1',
    metadata: { name: 'apiserver' },
    startTime: '2026-01-02T03:04:05Z',
    uptimeSeconds: 7507,
    paths: ['/healthz', '/statusz'],
  })
})
