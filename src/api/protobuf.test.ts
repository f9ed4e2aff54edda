import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBody, JSON_TYPE } from './decode.ts'
import { encodeObject } from './encode.ts'
import type { KubeObject } from './object.ts'
import {
  decodeProtobuf,
  decodeProtobufObject,
  encodeListMessage,
  encodeMessage,
  encodeProtobuf,
  encodeWatchFrame,
  isProtobuf,
  ProtobufError,
  unwrapUnknown,
  wrapUnknown,
} from './protobuf.ts'
import { builtinSchemas } from './schemas.ts'
import { arbitraryObject } from './testdata/arbitrary-object.ts'

// Written by the encoders of Kubernetes 1.36.2.
const written: [json: string, hex: string][] = [
  [
    '{"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"robot","namespace":"default","creationTimestamp":"2024-01-02T03:04:05Z","labels":{"b":"2","a":"1"}},"secrets":[{"name":"s"}],"automountServiceAccountToken":false}',
    '6b3873000a140a027631120e536572766963654163636f756e7412490a340a05726f626f7412001a0764656661756c7422002a0032003800420808a5facdac0610005a060a01611201315a060a0162120132120f0a0012001a017322002a0032003a0020001a002200',
  ],
  [
    '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"},"spec":{"volumes":[{"name":"v","secret":{"secretName":"s"}}],"containers":[{"name":"c","resources":{"limits":{"cpu":"1500m"}},"livenessProbe":{"httpGet":{"port":"http"}}}]},"status":{}}',
    '6b3873000a090a0276311203506f64129f010a110a017012001a0022002a0032003800420012750a0a0a0176120532030a0173124b0a016312002a0042100a0e0a0363707512070a05313530306d52200a1412120a00120a080110001a04687474701a002200100018002000280030006a007200800100880100900100a201001a00320042004a0052005800600068008201008a01009a0100c201001a130a001a0022002a0032004a005a0072008801001a002200',
  ],
  [
    '{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","metadata":{},"spec":{"audiences":["x"],"expirationSeconds":0},"status":{"token":""}}',
    '6b3873000a280a1861757468656e7469636174696f6e2e6b38732e696f2f7631120c546f6b656e52657175657374121f0a100a0012001a0022002a0032003800420012050a017820001a040a0012001a002200',
  ],
  [
    '{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1","metadata":{"name":"a.b"},"spec":{"group":"b","names":{"plural":"a","kind":"A"},"scope":"Cluster","versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","default":{"a":1},"properties":{"x":{"items":{"type":"string"}}},"additionalProperties":true}}}]},"status":{"acceptedNames":{"plural":"","kind":""}}}',
    '6b3873000a330a17617069657874656e73696f6e732e6b38732e696f2f76311218437573746f6d5265736f75726365446566696e6974696f6e12d6010a130a03612e6212001a0022002a0032003800420012b0010a01621a0a0a016112002201412a002207436c75737465723a93010a027631100118012286010a83010a00120022002a066f626a65637432003a0042090a077b2261223a317d500060007a00900100ea014c0a017812470a00120022002a0032003a00500060007a00900100c201260a240a00120022002a06737472696e6732003a00500060007a00900100a80200b80200c00200a80200b80200c00200f201020801a80200b80200c00200380050001a0c12080a00120022002a0020001a002200',
  ],
]

function schemaOf({ apiVersion = '', kind = '' }: KubeObject) {
  const [version = '', group = ''] = apiVersion.split('/').reverse()
  return builtinSchemas.byKind(group, version, kind)!
}

describe('protobuf as kube-apiserver writes it', () => {
  for (const [json, hex] of written) {
    const object = JSON.parse(json) as KubeObject
    test(`is read: ${object.kind}`, () => expect(decodeProtobuf(Buffer.from(hex, 'hex'))).toEqual(object))
    test(`is written: ${object.kind}`, () => expect(encodeProtobuf(schemaOf(object), object).toString('hex')).toBe(hex))
  }
})

describe('protobuf', () => {
  for (const name of builtinSchemas.names()) {
    const schema = builtinSchemas.struct(name)
    if (schema?.gvk === undefined || !name.startsWith('io.k8s.') || name.endsWith('List') || name.endsWith('.WatchEvent')) continue
    test(`keeps every ${name.slice(7)}`, () => {
      fc.assert(
        fc.property(arbitraryObject(schema), (object) => {
          const normal = decodeBody(encodeObject(object), JSON_TYPE, { schema, gvk: schema.gvk!, strict: 'Strict' }).object
          const { kind: _, apiVersion: __, ...members } = normal
          expect(decodeProtobufObject(schema, encodeMessage(schema, normal))).toEqual(members)
        }),
        { numRuns: 3 },
      )
    })
  }

  test('of a list is its metadata and the messages of its items', () => {
    const pod = builtinSchemas.byKind('', 'v1', 'Pod')!
    const list = builtinSchemas.byKind('', 'v1', 'PodList')!
    const items = ['a', 'b'].map((name) => ({ metadata: { name } }))
    const whole = encodeMessage(list, { metadata: { resourceVersion: '7' }, items })
    const joined = encodeListMessage(
      { resourceVersion: '7' },
      items.map((item) => encodeMessage(pod, item)),
    )
    expect(joined.equals(whole)).toBe(true)
    expect(decodeProtobuf(wrapUnknown('v1', 'PodList', joined))).toMatchObject({
      kind: 'PodList',
      metadata: { resourceVersion: '7' },
      items,
    })
  })

  test('of a watch event is framed by its length', () => {
    const object = wrapUnknown('v1', 'Pod', Buffer.alloc(300))
    const frame = encodeWatchFrame('ADDED', object)
    expect(frame.readUInt32BE()).toBe(frame.length - 4)
    expect(frame.subarray(4, 11).toString('latin1')).toBe('\n\x05ADDED')
    expect(frame.subarray(frame.length - object.length).equals(object)).toBe(true)
  })

  test('leaves out fields that nobody knows', () => {
    const account = builtinSchemas.byKind('', 'v1', 'ServiceAccount')!
    const extra = Buffer.concat([
      encodeMessage(account, { metadata: { name: 'a' } }),
      Buffer.from('f80101fa01024142f90100000000000000007d00000000', 'hex').subarray(0, 3),
    ])
    expect(decodeProtobufObject(account, extra)).toEqual({ metadata: { name: 'a' } })
  })

  test('joins a message that comes in pieces', () => {
    const account = builtinSchemas.byKind('', 'v1', 'ServiceAccount')!
    const pieces = Buffer.concat([encodeMessage(account, { metadata: { name: 'a' } }), Buffer.from('0a050a0362626222'.slice(0, 14), 'hex')])
    expect(decodeProtobufObject(account, pieces)).toEqual({ metadata: { name: 'bbb' } })
  })

  test('never fails in another way than with ProtobufError', () => {
    const pod = builtinSchemas.byKind('', 'v1', 'Pod')!
    const good = Buffer.from(written[1]![1], 'hex')
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, end) => {
        const bytes = Buffer.from(good.subarray(0, Math.max(end, 1)))
        if (at < bytes.length) bytes[at] = byte
        try {
          decodeProtobufObject(pod, unwrapUnknown(bytes).raw)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError)
        }
      }),
    )
  })

  test('is bounded in depth', () => {
    const definition = builtinSchemas.struct('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps')!
    let message = Buffer.alloc(0)
    const not = definition.fields.get('not')!.number!
    for (let i = 0; i < 1000; i++) {
      const head = not < 16 ? [(not << 3) | 2] : [(((not << 3) | 2) % 128) | 128, (not << 3) >> 7]
      const length =
        message.length < 128
          ? [message.length]
          : message.length < 16384
            ? [(message.length % 128) | 128, message.length >> 7]
            : [(message.length % 128) | 128, ((message.length >> 7) % 128) | 128, message.length >> 14]
      message = Buffer.concat([Buffer.from([...head, ...length]), message])
    }
    expect(() => decodeProtobufObject(definition, message)).toThrow(ProtobufError)
  })
})

test('isProtobuf() tells stored objects of kube-apiserver from JSON', () => {
  expect(isProtobuf(Buffer.from(written[0]![1], 'hex'))).toBe(true)
  expect(isProtobuf(Buffer.from('{"kind":"Pod"}'))).toBe(false)
  expect(isProtobuf(Buffer.alloc(0))).toBe(false)
})

test('decodeProtobuf() answers undefined for a kind without schema', () => {
  expect(decodeProtobuf(wrapUnknown('example.com/v1', 'Widget', Buffer.alloc(0)))).toBeUndefined()
})
