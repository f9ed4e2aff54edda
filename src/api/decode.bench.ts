/**
 * What decoding, encoding and normalizing cost, on bodies like those that clients send: `npx vitest bench src/api`.
 */
import { bench, describe } from 'vitest'
import { decodeBody, JSON_TYPE, PROTOBUF_TYPE } from './decode.ts'
import { encodeObject } from './encode.ts'
import { encodeProtobuf } from './protobuf.ts'
import { builtinSchemas } from './schemas.ts'

const configMapSchema = builtinSchemas.byKind('', 'v1', 'ConfigMap')!
const podSchema = builtinSchemas.byKind('', 'v1', 'Pod')!
const configMapOptions = { schema: configMapSchema, gvk: configMapSchema.gvk!, strict: 'Warn' } as const
const podOptions = { schema: podSchema, gvk: podSchema.gvk!, strict: 'Warn' } as const

const configMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'default', labels: { app: 'web', tier: 'front' } },
  data: Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`key-${i}`, 'value '.repeat(16)])),
}
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-7d4b9c6f5-x2x9z', namespace: 'default', labels: { app: 'web', 'pod-template-hash': '7d4b9c6f5' } },
  spec: {
    serviceAccountName: 'web',
    containers: [
      {
        name: 'web',
        image: 'registry.example.com/shop/web:1.42.0',
        args: ['--listen=:8080', '--log-level=info'],
        ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
        env: [
          { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'MODE', value: 'production' },
        ],
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
        readinessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 5 },
        volumeMounts: [{ name: 'config', mountPath: '/etc/web', readOnly: true }],
      },
    ],
    volumes: [{ name: 'config', configMap: { name: 'settings' } }],
    tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }],
  },
}
const configMapJson = Buffer.from(JSON.stringify(configMap))
const podJson = Buffer.from(JSON.stringify(pod))
const decodedPod = decodeBody(podJson, JSON_TYPE, podOptions).object
const podProtobuf = encodeProtobuf(podSchema, decodedPod)
const podWithTypo = Buffer.from(JSON.stringify({ ...pod, sepc: {} }))

describe('decodeBody()', () => {
  bench(`ConfigMap, ${configMapJson.length} bytes of JSON`, () => void decodeBody(configMapJson, JSON_TYPE, configMapOptions))
  bench(`Pod, ${podJson.length} bytes of JSON`, () => void decodeBody(podJson, JSON_TYPE, podOptions))
  bench(`Pod, ${podProtobuf.length} bytes of protobuf`, () => void decodeBody(podProtobuf, PROTOBUF_TYPE, podOptions))
  bench('Pod with an unknown member (the exact reader)', () => void decodeBody(podWithTypo, JSON_TYPE, podOptions))
  bench('JSON.parse alone of the Pod', () => void JSON.parse(podJson.toString()))
})

describe('encode', () => {
  bench('Pod to JSON', () => void encodeObject(decodedPod))
  bench('Pod to JSON by its schema', () => void encodeObject(decodedPod, podSchema))
  bench('Pod to protobuf', () => void encodeProtobuf(podSchema, decodedPod))
})
