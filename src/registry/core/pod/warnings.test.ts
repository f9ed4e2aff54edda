import { expect, test } from 'vitest'
import { type Body, container, createPod } from './testdata.ts'

const within = (more: Body) => ({ containers: [container(more)] })

test.each<[spec: Body, warnings: string[]]>([
  [{}, []],
  [
    { nodeSelector: { 'beta.kubernetes.io/os': 'linux' } },
    ['spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'],
  ],
  [
    { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }] },
    ['spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod'],
  ],
  [
    {
      hostAliases: [
        { ip: '192.0.2.1', hostnames: ['a'] },
        { ip: '192.0.2.1', hostnames: ['b'] },
      ],
    },
    ['spec.hostAliases[1].ip: duplicate ip "192.0.2.1"'],
  ],
  [{ imagePullSecrets: [{ name: 'a' }, { name: 'a' }] }, ['spec.imagePullSecrets[1].name: duplicate name "a"']],
  [{ imagePullSecrets: [{}] }, ['spec.imagePullSecrets[0].name: invalid empty name ""']],
  [
    within({ resources: { requests: { memory: '100m' } } }),
    ['spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer'],
  ],
  [
    within({
      env: [
        { name: 'A', value: '1' },
        { name: 'A', value: '2' },
      ],
    }),
    ['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply'],
  ],
  [
    within({
      ports: [
        { name: 'a', containerPort: 80 },
        { name: 'b', containerPort: 80 },
      ],
    }),
    ['spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]'],
  ],
])('a pod with %j', (spec, warnings) => {
  expect(createPod(spec).warnings).toEqual(warnings)
})

test('a name that is no label is no good host name', () => {
  expect(createPod({}, { name: 'a.b' }).warnings).toEqual([
    "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
  ])
})
