import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBody, JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE } from './decode.ts'
import { encodeObject } from './encode.ts'
import { normalize } from './normalize.ts'
import type { GroupVersionKind } from './object.ts'
import { encodeProtobuf } from './protobuf.ts'
import { builtinSchemas } from './schemas.ts'
import { StatusError } from './status.ts'
import { arbitraryObject } from './testdata/arbitrary-object.ts'

function decode(body: string | Buffer, kind = 'Pod', strict: 'Strict' | 'Warn' | 'Ignore' = 'Strict', type = JSON_TYPE, group = '') {
  const gvk: GroupVersionKind = { group, version: 'v1', kind }
  return decodeBody(Buffer.from(body), type, { schema: builtinSchemas.byKind(group, 'v1', kind)!, gvk, strict })
}

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof StatusError && error.code === 400 && error.reason === 'BadRequest') return error.message
    throw error
  }
  throw new Error('was accepted')
}

const META_STRUCT = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
const UNRECOGNIZED = "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: "

describe('decodeBody() refuses as kube-apiserver does', () => {
  const cases: [body: string, message: string][] = [
    ['[]', `${UNRECOGNIZED}json: cannot unmarshal array into Go value of type ${META_STRUCT} (5b5d)`],
    ['5', `${UNRECOGNIZED}json: cannot unmarshal number into Go value of type ${META_STRUCT} (35)`],
    ['"x"', `${UNRECOGNIZED}json: cannot unmarshal string into Go value of type ${META_STRUCT} (227822)`],
    ['', `${UNRECOGNIZED}unexpected end of JSON input (<empty>)`],
    ['nonsense', `${UNRECOGNIZED}invalid character 'o' in literal null (expecting 'u') (6e6f6e73656e7365)`],
    ['{"apiVersion":"v1",', `${UNRECOGNIZED}unexpected end of JSON input ({"apiVersion":"v1",)`],
    [
      '{"apiVersion":"v1","kind":"Pod"}{"kind":"Pod"}',
      `${UNRECOGNIZED}invalid character '{' after top-level value ({"apiVersion":"v1","kind":"Pod ...)`,
    ],
    [
      '{"apiVersion":"v1","kind":5}',
      `${UNRECOGNIZED}json: cannot unmarshal number into Go struct field .kind of type string ({"apiVersion":"v1","kind":5})`,
    ],
    [
      '{"apiVersion":"a/b/c"}',
      'the object provided is unrecognized (must be of type Pod): unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c"})',
    ],
    [
      '{"kind":"PodList","apiVersion":"v1"}',
      'PodList in version "v1" cannot be handled as a Pod: converting (v1.PodList) to (core.Pod): unknown conversion',
    ],
    [
      '{"kind":"Role","apiVersion":"rbac.authorization.k8s.io/v1"}',
      'Role in version "v1" cannot be handled as a Pod: converting (v1.Role) to (core.Pod): unknown conversion',
    ],
    [
      '{"kind":"Pod","apiVersion":"example.com/v1"}',
      'Pod in version "v1" cannot be handled as a Pod: no kind "Pod" is registered for version "example.com/v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    ],
    ['{"metadata":{"labels":{"a":5}}}', 'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string'],
    ['{"metadata":{"name":5}}', 'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string'],
    ['{"metadata":{"creationTimestamp":"x"}}', 'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"'],
    [
      '{"metadata":{"creationTimestamp":5}}',
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string',
    ],
    ['{"spec":{"containers":"x"}}', 'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container'],
    ['{"spec":[]}', 'json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec'],
    [
      '{"spec":{"restartPolicy":{}}}',
      'json: cannot unmarshal object into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy',
    ],
    [
      '{"spec":{"volumes":[{"emptyDir":5}]}}',
      'json: cannot unmarshal number into Go struct field Volume.spec.volumes.VolumeSource.emptyDir of type v1.EmptyDirVolumeSource',
    ],
    [
      '{"spec":{"terminationGracePeriodSeconds":1.5}}',
      'json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64',
    ],
    [
      '{"spec":{"terminationGracePeriodSeconds":99999999999999999999}}',
      'json: cannot unmarshal number 99999999999999999999 into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64',
    ],
    [
      '{"spec":{"containers":[{"ports":[{"containerPort":"x"}]}]}}',
      'json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
    ],
    [
      '{"spec":{"hostNetwork":"x","containers":5}}',
      'json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool',
    ],
    [
      '{"spec":{"containers":[{"resources":{"limits":{"cpu":"abc"}}}]}}',
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    // What a type's own decoder says comes before what was only noted.
    [
      '{"spec":{"hostNetwork":"x"},"metadata":{"creationTimestamp":"y"}}',
      'parsing time "y" as "2006-01-02T15:04:05Z07:00": cannot parse "y" as "2006"',
    ],
  ]
  for (const [body, message] of cases) {
    const full = /cannot be handled|unrecognized/.test(message) ? message : `Pod in version "v1" cannot be handled as a Pod: ${message}`
    test(body.slice(0, 70) || 'nothing', () => expect(refusal(() => decode(body))).toBe(full))
  }

  test('base64 that is none', () => {
    expect(refusal(() => decode('{"data":{"a":"?"}}', 'Secret'))).toBe(
      'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0',
    )
  })

  test('a version that upstream knows but this endpoint does not take', () => {
    const body = '{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1beta1"}'
    expect(refusal(() => decode(body, 'TokenReview', 'Warn', JSON_TYPE, 'authentication.k8s.io'))).toBe(
      'the API version in the data (authentication.k8s.io/v1beta1) does not match the expected API version (authentication.k8s.io/v1)',
    )
  })

  test('an eviction of v1beta1 is taken as one of v1', () => {
    const body = '{"kind":"Eviction","apiVersion":"policy/v1beta1","metadata":{"name":"p"}}'
    expect(decode(body, 'Eviction', 'Strict', JSON_TYPE, 'policy').object).toMatchObject({ kind: 'Eviction', apiVersion: 'policy/v1' })
    expect(refusal(() => decode(body.replace('v1beta1', 'v1beta2'), 'Eviction', 'Strict', JSON_TYPE, 'policy'))).toContain('v1beta2')
  })

  test('protobuf that is none', () => {
    expect(refusal(() => decode('{}', 'Pod', 'Warn', PROTOBUF_TYPE))).toMatch(
      /^the object provided is unrecognized .*expected prefix \[107 56 115 0\] \(\{\}\)$/,
    )
    expect(refusal(() => decode(Buffer.from('6b38730012050a0f', 'hex'), 'Pod', 'Warn', PROTOBUF_TYPE))).toContain('unexpected EOF')
  })
})

describe('decodeBody() finds unknown and duplicate members', () => {
  const typos =
    '{"metadata":{"name":"p","lables":{}},"spec":{"containers":[{"name":"c","env":[{"name":"a","vlaue":"b"}]}],"unknown":1,"unknown":2},"Spec":{}}'
  const found = [
    'unknown field "metadata.lables"',
    'unknown field "spec.containers[0].env[0].vlaue"',
    'unknown field "spec.unknown"',
    'unknown field "Spec"',
  ]

  test('and refuses them when strict', () => {
    expect(refusal(() => decode(typos))).toBe(`Pod in version "v1" cannot be handled as a Pod: strict decoding error: ${found.join(', ')}`)
  })

  test('and reports them when warning', () => expect(decode(typos, 'Pod', 'Warn').strictErrors).toEqual(found))

  test('and says nothing when told to ignore them', () => {
    const { object, strictErrors } = decode(typos, 'Pod', 'Ignore')
    expect(strictErrors).toEqual([])
    expect(object['spec'].unknown).toBeUndefined()
  })

  test('and takes the last of duplicates', () => {
    const body =
      '{"metadata":{"name":"p","name":"q"},"spec":{"containers":[{"name":"c","image":"a","image":"b"}],"hostname":"x"},"spec":{"hostname":"y"}}'
    const { object, strictErrors } = decode(body, 'Pod', 'Warn')
    expect(strictErrors).toEqual([
      'duplicate field "metadata.name"',
      'duplicate field "spec.containers[0].image"',
      'duplicate field "spec"',
    ])
    expect(object.metadata?.name).toBe('q')
    expect(object['spec']).toEqual({ containers: [{ name: 'c', image: 'b', resources: {} }], hostname: 'y' })
  })

  test('in maps of the user as well', () => {
    expect(decode('{"data":{"x":"1","x":"2"}}', 'ConfigMap', 'Warn').strictErrors).toEqual(['duplicate field "data.x"'])
  })

  test('but no more than a hundred', () => {
    const body = JSON.stringify(Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`x${i}`, i])))
    expect(decode(body, 'Pod', 'Warn').strictErrors).toHaveLength(100)
  })

  test('in YAML by line, before unknown ones in sorted order', () => {
    const body = 'kind: Pod\napiVersion: v1\nzz: 1\nmetadata: {name: a, b: c}\nspec:\n  hostname: x\n  hostname: z\n'
    expect(decode(body, 'Pod', 'Warn', YAML_TYPE).strictErrors).toEqual([
      'line 7: key "hostname" already set in map',
      'unknown field "metadata.b"',
      'unknown field "zz"',
    ])
    expect(refusal(() => decode(body, 'Pod', 'Strict', YAML_TYPE))).toBe(
      'Pod in version "v1" cannot be handled as a Pod: strict decoding error: yaml: unmarshal errors:\n  line 7: key "hostname" already set in map, unknown field "metadata.b", unknown field "zz"',
    )
  })
})

describe('decodeBody() brings objects into one form', () => {
  test('without null, without empty members, with what Go always writes, in canonical texts', () => {
    const body = {
      metadata: { name: 'p', creationTimestamp: null, labels: {}, finalizers: [] },
      spec: {
        hostNetwork: false,
        nodeName: '',
        terminationGracePeriodSeconds: 0,
        containers: [{ image: 'i', resources: { limits: { cpu: '1000m', memory: '1024Mi', x: 2 } }, ports: [{ containerPort: 80 }] }],
        volumes: [{ name: 'v', emptyDir: {} }],
      },
      status: { startTime: '2024-01-02T05:04:05.999+02:00' },
    }
    expect(decode(JSON.stringify(body)).object).toEqual({
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'p' },
      spec: {
        volumes: [{ name: 'v', emptyDir: {} }],
        containers: [{ name: '', image: 'i', ports: [{ containerPort: 80 }], resources: { limits: { cpu: '1', memory: '1Gi', x: '2' } } }],
        terminationGracePeriodSeconds: 0,
      },
      status: { startTime: '2024-01-02T03:04:05Z' },
    })
  })

  test('with integers exact', () => {
    expect(decode('{"spec":{"terminationGracePeriodSeconds":9007199254740993}}').object['spec'].terminationGracePeriodSeconds).toBe(
      9007199254740993n,
    )
  })

  test('with labels named as members of every object', () => {
    const { object } = decode('{"metadata":{"labels":{"__proto__":"x","constructor":"y"}}}')
    expect(Object.entries(object.metadata?.labels ?? {})).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
    expect(decode('{"metadata":{"labels":{"__proto__":"x","a":"1","a":"2"}}}', 'Pod', 'Warn').object.metadata?.labels).toEqual(
      JSON.parse('{"__proto__":"x","a":"2"}'),
    )
  })

  const kinds = ['Pod', 'ConfigMap', 'Secret', 'Node', 'Service', 'Event', 'PersistentVolume'].map(
    (kind) => builtinSchemas.byKind('', 'v1', kind)!,
  )
  for (const schema of kinds) {
    test(`whatever the encoding: ${schema.gvk!.kind}`, () => {
      fc.assert(
        fc.property(arbitraryObject(schema), (object) => {
          const options = { schema, gvk: schema.gvk!, strict: 'Strict' as const }
          const normal = decodeBody(encodeObject(object), JSON_TYPE, options).object
          expect(normalize(schema, normal)).toEqual({ object: normal, strictErrors: [] })
          expect(decodeBody(encodeObject(normal, schema), JSON_TYPE, options).object).toEqual(normal)
          expect(decodeBody(encodeProtobuf(schema, normal), PROTOBUF_TYPE, options).object).toEqual(normal)
        }),
        { numRuns: 30 },
      )
    })
  }
})

test('decodeBody() gives the quick and the exact way one answer', () => {
  const schema = builtinSchemas.byKind('', 'v1', 'Pod')!
  fc.assert(
    fc.property(arbitraryObject(schema), (object) => {
      const quick = decodeBody(encodeObject(object), JSON_TYPE, { schema, gvk: schema.gvk!, strict: 'Ignore' }).object
      const exact = decodeBody(encodeObject({ ...object, unheardOf: 1 }), JSON_TYPE, { schema, gvk: schema.gvk!, strict: 'Ignore' }).object
      expect(exact).toEqual(quick)
    }),
    { numRuns: 30 },
  )
})

test('normalize() keeps unknown members where the schema says so', () => {
  const schema = { name: 'com.example.v1.Widget', fields: new Map(), preserveUnknown: true }
  expect(normalize(schema, { a: 1, b: { c: [2] } })).toEqual({ object: { a: 1, b: { c: [2] } }, strictErrors: [] })
})
