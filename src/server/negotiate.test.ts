import { expect, test } from 'vitest'
import { negotiate, wantsPretty } from './negotiate.ts'

const OBJECT = { watch: false, table: true, protobuf: true, pretty: false }

const rows: [name: string, accept: string, want: object][] = [
  ['nothing asked is JSON', '', { media: 'application/json', transform: 'none' }],
  ['any type is JSON', 'text/html, */*', { media: 'application/json' }],
  ['the first acceptable clause counts', 'application/yaml,application/json', { media: 'application/yaml' }],
  ['quality counts before order', 'application/yaml;q=0.5,application/json', { media: 'application/json' }],
  ['protobuf', 'application/vnd.kubernetes.protobuf', { media: 'application/vnd.kubernetes.protobuf' }],
  ['a table', 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json', { transform: 'Table', transformVersion: 'v1' }],
  [
    'a table of the version that is known',
    'application/json;as=Table;v=v9;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io',
    { transform: 'Table', transformVersion: 'v1beta1' },
  ],
  [
    'no table in protobuf: the next clause',
    'application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json',
    { media: 'application/json', transform: 'none' },
  ],
  [
    'metadata only, in protobuf',
    'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    { transform: 'PartialObjectMetadataList', media: 'application/vnd.kubernetes.protobuf' },
  ],
]

for (const [name, accept, want] of rows) {
  test(`negotiate(): ${name}`, () => {
    expect(negotiate(accept, OBJECT)).toMatchObject(want)
  })
}

test('negotiate() refuses what nobody makes, with what there is', () => {
  expect(() => negotiate('application/json;as=Poem;v=v1;g=meta.k8s.io', OBJECT)).toThrow(
    'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  )
  expect(() => negotiate('application/yaml', { ...OBJECT, watch: true })).toThrow('application/json;stream=watch')
  expect(() => negotiate('application/json;as=Table;v=v1;g=meta.k8s.io', { ...OBJECT, table: false })).toThrow('only the following')
})

test('a kind without a wire format is JSON even for those who prefer protobuf, but its metadata has one', () => {
  const form = { ...OBJECT, protobuf: false }
  const protobuf = 'application/vnd.kubernetes.protobuf'
  expect(negotiate(`${protobuf},application/json`, form).media).toBe('application/json')
  expect(negotiate(`${protobuf};as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json`, form).media).toBe(protobuf)
  expect(() => negotiate(protobuf, form)).toThrow('only the following media types are accepted: application/json, application/yaml')
})

test('wantsPretty() follows the parameter, and without one the client', () => {
  expect(wantsPretty(new URLSearchParams('pretty=true'), 'kubectl/v1.32')).toBe(true)
  expect(wantsPretty(new URLSearchParams('pretty=0'), 'curl/8')).toBe(false)
  expect(wantsPretty(new URLSearchParams(), 'curl/8')).toBe(true)
  expect(wantsPretty(new URLSearchParams(), 'kubectl/v1.32')).toBe(false)
})
