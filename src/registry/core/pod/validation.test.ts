import { describe, expect, test } from 'vitest'
import { pods } from '../pods.ts'
import type { Body } from './testdata.ts'
import { container, createPod, podBody, update } from './testdata.ts'

const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const QUALIFIED =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

/** The internal struct in Go's JSON. */
const SYS_ADMIN = {
  Capabilities: { Add: ['CAP_SYS_ADMIN'], Drop: null },
  Privileged: null,
  SELinuxOptions: null,
  WindowsOptions: null,
  RunAsUser: null,
  RunAsGroup: null,
  RunAsNonRoot: null,
  ReadOnlyRootFilesystem: null,
  AllowPrivilegeEscalation: false,
  ProcMount: null,
  SeccompProfile: null,
  AppArmorProfile: null,
}

type Row = [rule: string, spec: Body, errors: string[]]

const within = (more: Body) => ({ containers: [container(more)] })
const mounting = (volume: Body, ...mounts: Body[]) => ({ volumes: [volume], containers: [container({ volumeMounts: mounts })] })

function refuses(rows: readonly Row[]): void {
  test.each(rows)('%s', (_rule, spec, errors) => {
    expect(createPod(spec).errors).toEqual(errors)
  })
}

describe('containers', () => {
  refuses([
    ['there is one at least', { containers: [] }, ['spec.containers: Required value']],
    ['a name is required', within({ name: '' }), ['spec.containers[0].name: Required value']],
    ['a name is a label', within({ name: 'A' }), [`spec.containers[0].name: Invalid value: "A": ${LABEL}`]],
    ['a name is used once', { containers: [container(), container()] }, ['spec.containers[1].name: Duplicate value: "c"']],
    [
      'init containers share the names of containers',
      { initContainers: [container()] },
      ['spec.initContainers[0].name: Duplicate value: "c"'],
    ],
    ['an image is required', within({ image: undefined }), ['spec.containers[0].image: Required value']],
    [
      'an image has no spaces around it',
      within({ image: ' i' }),
      ['spec.containers[0].image: Invalid value: " i": must not have leading or trailing whitespace'],
    ],
    [
      'a pull policy is one of three',
      within({ imagePullPolicy: 'Often' }),
      ['spec.containers[0].imagePullPolicy: Unsupported value: "Often": supported values: "Always", "IfNotPresent", "Never"'],
    ],
    [
      'a termination message policy is one of two',
      within({ terminationMessagePolicy: 'No' }),
      ['spec.containers[0].terminationMessagePolicy: Unsupported value: "No": supported values: "File", "FallbackToLogsOnError"'],
    ],
    [
      'an init container has no probes unless it is a sidecar',
      { initContainers: [container({ name: 'i', readinessProbe: { exec: { command: ['x'] } } })] },
      ['spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always'],
    ],
    [
      'an init container has no lifecycle unless it is a sidecar',
      { initContainers: [container({ name: 'i', lifecycle: { preStop: { exec: { command: ['x'] } } } })] },
      ['spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always'],
    ],
    [
      'a sidecar may have both',
      {
        initContainers: [
          container({
            name: 'i',
            restartPolicy: 'Always',
            readinessProbe: { exec: { command: ['x'] } },
            lifecycle: { preStop: { exec: { command: ['x'] } } },
          }),
        ],
      },
      [],
    ],
    [
      'ephemeral containers are not there from the start',
      { ephemeralContainers: [container({ name: 'e' })] },
      ['spec.ephemeralContainers: Forbidden: cannot be set on create'],
    ],
  ])
})

describe('ports', () => {
  const ports = (...list: Body[]) => within({ ports: list })
  refuses([
    ['a port is required', ports({ containerPort: 0 }), ['spec.containers[0].ports[0].containerPort: Required value']],
    [
      'a port is in range',
      ports({ containerPort: 65536 }),
      ['spec.containers[0].ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive'],
    ],
    [
      'a protocol is one of three',
      ports({ containerPort: 1, protocol: 'tcp' }),
      ['spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"'],
    ],
    [
      'a name has a letter',
      ports({ containerPort: 1, name: '12' }),
      ['spec.containers[0].ports[0].name: Invalid value: "12": must contain at least one letter (a-z)'],
    ],
    [
      'a name is at most 15 long',
      ports({ containerPort: 1, name: 'abcdefghijklmnop' }),
      ['spec.containers[0].ports[0].name: Invalid value: "abcdefghijklmnop": must be no more than 15 characters'],
    ],
    [
      'a name is used once',
      ports({ containerPort: 1, name: 'a' }, { containerPort: 2, name: 'a' }),
      ['spec.containers[0].ports[1].name: Duplicate value: "a"'],
    ],
    [
      'a host port is in range',
      ports({ containerPort: 1, hostPort: -1 }),
      ['spec.containers[0].ports[0].hostPort: Invalid value: -1: must be between 1 and 65535, inclusive'],
    ],
    [
      'a host port is used once per protocol',
      ports({ containerPort: 1, hostPort: 5 }, { containerPort: 2, hostPort: 5 }, { containerPort: 3, hostPort: 5, protocol: 'UDP' }),
      ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//5"'],
    ],
    [
      'on the network of the host both ports agree',
      { hostNetwork: true, ...ports({ containerPort: 1, hostPort: 2 }) },
      ['spec.containers[0].ports[0].hostPort: Invalid value: 2: must match `containerPort` when `hostNetwork` is true'],
    ],
  ])
})

describe('environment', () => {
  const env = (...list: Body[]) => within({ env: list })
  const envFrom = (...list: Body[]) => within({ envFrom: list })
  const at = 'spec.containers[0].env[0]'
  refuses([
    ['a name is required', env({ name: '', value: 'x' }), [`${at}.name: Required value`]],
    [
      'a value is given or found',
      env({ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }),
      [`${at}.valueFrom: Invalid value: "": may not be specified when \`value\` is not empty`],
    ],
    [
      'a value is found somewhere',
      env({ name: 'A', valueFrom: {} }),
      [
        `${at}.valueFrom: Invalid value: "": must specify one of: \`fieldRef\`, \`resourceFieldRef\`, \`configMapKeyRef\`, \`secretKeyRef\` or \`fileKeyRef\``,
      ],
    ],
    [
      'a value is found in one place',
      env({ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' }, secretKeyRef: { name: 's', key: 'k' } } }),
      [`${at}.valueFrom: Invalid value: "": may not have more than one field specified at a time`],
    ],
    ['a field is named', env({ name: 'A', valueFrom: { fieldRef: {} } }), [`${at}.valueFrom.fieldRef.fieldPath: Required value`]],
    [
      'a field exists',
      env({ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.what' } } }),
      [`${at}.valueFrom.fieldRef.fieldPath: Invalid value: "spec.what": error converting fieldPath: field label not supported: spec.what`],
    ],
    [
      'a label is named by a qualified name',
      env({ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.labels['a b']" } } }),
      [`${at}.valueFrom.fieldRef: Invalid value: "a b": ${QUALIFIED}`],
    ],
    [
      'a resource is known',
      env({ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.gpu' } } }),
      [
        `${at}.valueFrom.resourceFieldRef.resource: Unsupported value: "limits.gpu": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"`,
      ],
    ],
    [
      'a divisor fits the resource',
      env({ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '3' } } }),
      [
        `${at}.valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource`,
      ],
    ],
    [
      'a secret and its key are named',
      env({ name: 'A', valueFrom: { secretKeyRef: {} } }),
      [`${at}.valueFrom.secretKeyRef.name: Invalid value: "": ${SUBDOMAIN}`, `${at}.valueFrom.secretKeyRef.key: Required value`],
    ],
    [
      'a key is a file name',
      env({ name: 'A', valueFrom: { configMapKeyRef: { name: 'm', key: 'a b' } } }),
      [
        `${at}.valueFrom.configMapKeyRef.key: Invalid value: "a b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`,
      ],
    ],
    [
      'a source of many is one of two',
      envFrom({}),
      ['spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`'],
    ],
    [
      'a source of many is not both',
      envFrom({ configMapRef: { name: 'a' }, secretRef: { name: 'a' } }),
      ['spec.containers[0].envFrom: Invalid value: "": may not have more than one field specified at a time'],
    ],
    ['a source of many is named', envFrom({ secretRef: {} }), ['spec.containers[0].envFrom[0].secretRef.name: Required value']],
  ])
})

describe('resources', () => {
  const resources = (more: Body) => within({ resources: more })
  refuses([
    [
      'a limit is not negative',
      resources({ limits: { cpu: '-1' } }),
      [
        'spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
        'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
    [
      'a request is not above its limit',
      resources({ requests: { cpu: '2' }, limits: { cpu: '1' } }),
      ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
    ],
    [
      'a name without a domain is a standard one',
      resources({ limits: { gpu: '1' } }),
      [
        'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers',
        'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
      ],
    ],
    [
      'an extended resource is whole',
      resources({ limits: { 'example.com/gpu': '500m' } }),
      [
        'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
        'spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
      ],
    ],
    [
      'an extended resource has a limit',
      resources({ requests: { 'example.com/gpu': '1' } }),
      ['spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources'],
    ],
    [
      'an extended resource is asked for as it is limited',
      resources({ requests: { 'example.com/gpu': '1' }, limits: { 'example.com/gpu': '2' } }),
      ['spec.containers[0].resources.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2'],
    ],
    [
      'huge pages need cpu or memory',
      resources({ limits: { 'hugepages-2Mi': '2Mi' } }),
      ['spec.containers[0].resources: Forbidden: HugePages require cpu or memory'],
    ],
    [
      'a claim is one of the pod',
      resources({ claims: [{ name: 'x' }] }),
      ['spec.containers[0].resources.claims[0]: Not found: "x": must be one of the names in pod.spec.resourceClaims which is empty'],
    ],
    [
      'a resize policy names cpu or memory',
      within({ resizePolicy: [{ resourceName: 'disk', restartPolicy: 'NotRequired' }] }),
      ['spec.containers[0].resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"'],
    ],
    [
      'a resize policy restarts or not',
      within({ resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'No' }] }),
      ['spec.containers[0].resizePolicy: Unsupported value: "No": supported values: "NotRequired", "RestartContainer"'],
    ],
  ])
})

describe('probes and hooks', () => {
  const live = (probe: Body) => within({ livenessProbe: probe })
  const at = 'spec.containers[0].livenessProbe'
  const command = { exec: { command: ['x'] } }
  refuses([
    ['a probe does something', live({}), [`${at}: Required value: must specify a handler type`]],
    [
      'a probe does one thing',
      live({ ...command, tcpSocket: { port: 1 } }),
      [`${at}.tcpSocket: Forbidden: may not specify more than 1 handler type`],
    ],
    ['a command is given', live({ exec: {} }), [`${at}.exec.command: Required value`]],
    [
      'times are not negative',
      live({ ...command, initialDelaySeconds: -1 }),
      [`${at}.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0`],
    ],
    [
      'a liveness probe succeeds at once',
      live({ ...command, successThreshold: 2 }),
      [`${at}.successThreshold: Invalid value: 2: must be 1`],
    ],
    [
      'a grace period is positive',
      live({ ...command, terminationGracePeriodSeconds: 0 }),
      [`${at}.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0`],
    ],
    [
      'a readiness probe has no grace period',
      within({ readinessProbe: { ...command, terminationGracePeriodSeconds: 1 } }),
      ['spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set for readinessProbes'],
    ],
    [
      'a port is in range',
      live({ httpGet: { port: 0 } }),
      [`${at}.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive`],
    ],
    [
      'a scheme is one of two',
      live({ httpGet: { port: 1, scheme: 'ftp' } }),
      [`${at}.httpGet.scheme: Unsupported value: "ftp": supported values: "HTTP", "HTTPS"`],
    ],
    [
      'a header is one',
      live({ httpGet: { port: 1, httpHeaders: [{ name: 'a b', value: '' }] } }),
      [
        `${at}.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')`,
      ],
    ],
    ['grpc has a port', live({ grpc: { port: 0 } }), [`${at}.grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive`]],
    [
      'a hook does something',
      within({ lifecycle: { preStop: {} } }),
      ['spec.containers[0].lifecycle.preStop: Required value: must specify a handler type'],
    ],
    [
      'a hook sleeps within the grace of the pod',
      within({ lifecycle: { preStop: { sleep: { seconds: 31 } } } }),
      [
        'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)',
      ],
    ],
  ])
})

describe('volumes', () => {
  const volume = (source: Body) => ({ volumes: [{ name: 'v', ...source }] })
  const projecting = (projected: Body) => ({ serviceAccountName: 'default', ...volume({ projected }) })
  const at = 'spec.volumes[0]'
  refuses([
    ['a name is required', { volumes: [{ name: '', emptyDir: {} }] }, [`${at}.name: Required value`]],
    ['a name is a label', { volumes: [{ name: 'A', emptyDir: {} }] }, [`${at}.name: Invalid value: "A": ${LABEL}`]],
    [
      'a name is used once',
      {
        volumes: [
          { name: 'v', emptyDir: {} },
          { name: 'v', emptyDir: {} },
        ],
      },
      ['spec.volumes[1].name: Duplicate value: "v"'],
    ],
    [
      'there is one source',
      volume({ emptyDir: {}, hostPath: { path: '/x' } }),
      [`${at}.hostPath: Forbidden: may not specify more than 1 volume type`],
    ],
    [
      'the path of a host has no ..',
      volume({ hostPath: { path: '/a/../b' } }),
      [`${at}.hostPath.path: Invalid value: "/a/../b": must not contain '..'`],
    ],
    [
      'the kind of a host path is known',
      volume({ hostPath: { path: '/a', type: 'Odd' } }),
      [
        `${at}.hostPath.type: Unsupported value: "Odd": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"`,
      ],
    ],
    [
      'an empty directory has no negative size',
      volume({ emptyDir: { sizeLimit: '-1' } }),
      [`${at}.emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity`],
    ],
    ['a secret is named', volume({ secret: {} }), [`${at}.secret.secretName: Required value`]],
    [
      'a mode is one of a file',
      volume({ secret: { secretName: 's', defaultMode: 512 } }),
      [`${at}.secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive`],
    ],
    [
      'an item has a key and a path',
      volume({ configMap: { name: 'm', items: [{ key: '', path: '' }] } }),
      [`${at}.configMap.items[0].key: Required value`, `${at}.configMap.items[0].path: Required value`],
    ],
    [
      'a path leads down',
      volume({ configMap: { name: 'm', items: [{ key: 'k', path: '../x' }] } }),
      [`${at}.configMap.items[0].path: Invalid value: "../x": must not contain '..'`],
    ],
    [
      'a path is relative',
      volume({ configMap: { name: 'm', items: [{ key: 'k', path: '/x' }] } }),
      [`${at}.configMap.items[0].path: Invalid value: "/x": must be a relative path`],
    ],
    ['a claim is named', volume({ persistentVolumeClaim: {} }), [`${at}.persistentVolumeClaim.claimName: Required value`]],
    [
      'an nfs export has a server and an absolute path',
      volume({ nfs: { server: '', path: 'x' } }),
      [`${at}.nfs.server: Required value`, `${at}.nfs.path: Invalid value: "x": must be an absolute path`],
    ],
    ['a csi volume has a driver', volume({ csi: { driver: '' } }), [`${at}.csi.driver: Required value`]],
    [
      'a projected token lives ten minutes at least',
      projecting({ sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 599 } }] }),
      [
        `${at}.projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes`,
      ],
    ],
    [
      'a projected token lives 2^32 seconds at most',
      projecting({ sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 4294967297 } }] }),
      [
        `${at}.projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds`,
      ],
    ],
    [
      'a projected token has a path',
      projecting({ sources: [{ serviceAccountToken: { path: '' } }] }),
      [`${at}.projected.path: Required value`],
    ],
    [
      'two projections do not write one path',
      volume({
        projected: {
          sources: [
            { secret: { name: 's', items: [{ key: 'k', path: 'p' }] } },
            { configMap: { name: 'm', items: [{ key: 'k', path: 'p' }] } },
          ],
        },
      }),
      [`${at}.projected: Invalid value: "m": conflicting duplicate paths`],
    ],
    [
      'a mounted volume is one of the pod',
      within({ volumeMounts: [{ name: 'x', mountPath: '/x' }] }),
      ['spec.containers[0].volumeMounts[0].name: Not found: "x"'],
    ],
    [
      'a mount has a path',
      mounting({ name: 'v', emptyDir: {} }, { name: 'v', mountPath: '' }),
      ['spec.containers[0].volumeMounts[0].mountPath: Required value'],
    ],
    [
      'a path is mounted once',
      mounting({ name: 'v', emptyDir: {} }, { name: 'v', mountPath: '/a' }, { name: 'v', mountPath: '/a' }),
      ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique'],
    ],
    [
      'a sub path stays inside',
      mounting({ name: 'v', emptyDir: {} }, { name: 'v', mountPath: '/a', subPath: '../b' }),
      ['spec.containers[0].volumeMounts.subPath: Invalid value: "../b": must not contain \'..\''],
    ],
    [
      'a sub path is given or computed',
      mounting({ name: 'v', emptyDir: {} }, { name: 'v', mountPath: '/a', subPath: 'b', subPathExpr: 'c' }),
      ['spec.containers[0].volumeMounts[0].subPathExpr: Invalid value: "c": subPathExpr and subPath are mutually exclusive'],
    ],
    [
      'a device is a claim',
      { volumes: [{ name: 'v', emptyDir: {} }], ...within({ volumeDevices: [{ name: 'v', devicePath: '/d' }] }) },
      [
        'spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
      ],
    ],
  ])
})

describe('placement', () => {
  const required = (term: Body) => ({
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
  })
  const node = (term: Body) => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } } },
  })
  const spread = (more: Body) => ({
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', ...more }],
  })
  const tolerating = (toleration: Body) => ({ tolerations: [toleration] })
  refuses([
    ['a node selector has labels', { nodeSelector: { 'a b': 'c' } }, [`spec.nodeSelector: Invalid value: "a b": ${QUALIFIED}`]],
    [
      'a node affinity has terms',
      { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } } },
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
      ],
    ],
    [
      'In has values',
      node({ matchExpressions: [{ key: 'a', operator: 'In' }] }),
      [
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      ],
    ],
    [
      'Exists has none',
      node({ matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }),
      [
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      ],
    ],
    [
      'Gt has one',
      node({ matchExpressions: [{ key: 'a', operator: 'Gt' }] }),
      [
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'",
      ],
    ],
    [
      'only the name of a node is a field',
      node({ matchFields: [{ key: 'spec.x', operator: 'In', values: ['a'] }] }),
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key: Invalid value: "spec.x": not a valid field selector key',
      ],
    ],
    [
      'a preference has a weight',
      {
        affinity: {
          nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, preference: { matchExpressions: [] } }] },
        },
      },
      [
        'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100',
      ],
    ],
    [
      'an affinity to pods has a topology',
      required({ labelSelector: {}, topologyKey: '' }),
      [
        'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty',
        `spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": name part must be non-empty`,
        `spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": ${QUALIFIED}`,
      ],
    ],
    [
      'match label keys need a selector',
      required({ topologyKey: 'zone', matchLabelKeys: ['a'] }),
      [
        'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set',
      ],
    ],
    ['a skew is positive', spread({ maxSkew: 0 }), ['spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than 0']],
    [
      'a spread has a topology',
      spread({ topologyKey: '' }),
      ['spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty'],
    ],
    [
      'a spread is kept or not',
      spread({ whenUnsatisfiable: 'Never' }),
      [
        'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Never": supported values: "DoNotSchedule", "ScheduleAnyway"',
      ],
    ],
    [
      'the least domains are for what is kept',
      spread({ minDomains: 2, whenUnsatisfiable: 'ScheduleAnyway' }),
      [
        'spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
      ],
    ],
    [
      'a spread is there once',
      { topologySpreadConstraints: [...spread({}).topologySpreadConstraints, ...spread({}).topologySpreadConstraints] },
      ['spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"'],
    ],
    [
      'a toleration without a key tolerates all',
      tolerating({ value: 'x' }),
      [
        'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      'a toleration for a time is one of not being evicted',
      tolerating({ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 1 }),
      ['spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set'],
    ],
    [
      'Exists has no value',
      tolerating({ key: 'a', operator: 'Exists', value: 'x' }),
      ['spec.tolerations[0].operator: Invalid value: "x": value must be empty when `operator` is \'Exists\''],
    ],
    [
      'an operator is known',
      tolerating({ key: 'a', operator: 'Like' }),
      ['spec.tolerations[0].operator: Unsupported value: "Like": supported values: "Equal", "Exists"'],
    ],
    [
      'an effect is known',
      tolerating({ key: 'a', operator: 'Exists', effect: 'Never' }),
      ['spec.tolerations[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"'],
    ],
    ['a gate is named once', { schedulingGates: [{ name: 'a/b' }, { name: 'a/b' }] }, ['spec.schedulingGates[1]: Duplicate value: "a/b"']],
    [
      'a gated pod is on no node',
      { schedulingGates: [{ name: 'a/b' }], nodeName: 'n' },
      ['spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared'],
    ],
  ])
})

describe('the pod', () => {
  refuses([
    [
      'a restart policy is one of three',
      { restartPolicy: 'Sometimes' },
      ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
    ],
    [
      'a DNS policy is one of four',
      { dnsPolicy: 'Mine' },
      ['spec.dnsPolicy: Unsupported value: "Mine": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"'],
    ],
    [
      'without DNS there is a name server',
      { dnsPolicy: 'None' },
      ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
    ],
    [
      'a name server is an address',
      { dnsPolicy: 'None', dnsConfig: { nameservers: ['x'] } },
      ['spec.dnsConfig.nameservers[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ],
    [
      'a service account is named by a subdomain',
      { serviceAccountName: 'A' },
      [`spec.serviceAccountName: Invalid value: "A": ${SUBDOMAIN}`],
    ],
    ['a node is named by a subdomain', { nodeName: 'A' }, [`spec.nodeName: Invalid value: "A": ${SUBDOMAIN}`]],
    [
      'a deadline is positive',
      { activeDeadlineSeconds: 0 },
      ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
    ],
    ['a host name is a label', { hostname: 'a.b' }, ['spec.hostname: Invalid value: "a.b": must not contain dots']],
    [
      'an alias has an address and names',
      { hostAliases: [{ ip: 'x', hostnames: ['A'] }] },
      [
        'spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        `spec.hostAliases[0].hostnames[0]: Invalid value: "A": ${SUBDOMAIN}`,
      ],
    ],
    ['a priority class is named by a subdomain', { priorityClassName: 'A' }, [`spec.priorityClassName: Invalid value: "A": ${SUBDOMAIN}`]],
    [
      'a preemption policy is one of two',
      { preemptionPolicy: 'Often' },
      ['spec.preemptionPolicy: Unsupported value: "Often": supported values: "PreemptLowerPriority", "Never"'],
    ],
    [
      'a readiness gate is a qualified name',
      { readinessGates: [{ conditionType: 'a b' }] },
      [`spec.readinessGates[0].conditionType: Invalid value: "a b": ${QUALIFIED}`],
    ],
    [
      'an operating system is one of two',
      { os: { name: 'plan9' } },
      ['spec.os: Unsupported value: "plan9": supported values: "linux", "windows"'],
    ],
    [
      'an account token needs an account',
      {
        volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }],
      },
      ['spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set'],
    ],
  ])
})

describe('security contexts', () => {
  const own = (securityContext: Body) => within({ securityContext })
  const at = 'spec.containers[0].securityContext'
  refuses([
    ['a privileged container is not allowed', own({ privileged: true }), [`${at}.privileged: Forbidden: disallowed by cluster policy`]],
    ['a user is an id', own({ runAsUser: -1 }), [`${at}.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive`]],
    [
      'a user of the pod is an id',
      { securityContext: { runAsUser: -1 } },
      ['spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive'],
    ],
    [
      'no escalation with CAP_SYS_ADMIN',
      own({ allowPrivilegeEscalation: false, capabilities: { add: ['CAP_SYS_ADMIN'] } }),
      [
        `${at}: Invalid value: ${JSON.stringify(SYS_ADMIN)}: cannot set \`allowPrivilegeEscalation\` to false and \`capabilities.Add\` CAP_SYS_ADMIN`,
      ],
    ],
    [
      'a local profile has a path',
      own({ seccompProfile: { type: 'Localhost' } }),
      [`${at}.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost`],
    ],
    [
      'a profile that is not local has none',
      own({ seccompProfile: { type: 'Unconfined', localhostProfile: 'x' } }),
      [
        `${at}.seccompProfile.localhostProfile: Invalid value: {"Type":"Unconfined","LocalhostProfile":"x"}: can only be set when seccomp type is Localhost`,
      ],
    ],
    [
      'a kind of profile is known',
      own({ seccompProfile: { type: 'Odd' } }),
      [`${at}.seccompProfile.type: Unsupported value: "Odd": supported values: "Localhost", "RuntimeDefault", "Unconfined"`],
    ],
    [
      'a proc mount is known',
      own({ procMount: 'Odd' }),
      [`${at}.procMount: Unsupported value: "Odd": supported values: "Default", "Unmasked"`],
    ],
    [
      'a sysctl has a name of one',
      { securityContext: { sysctls: [{ name: 'A!', value: '1' }] } },
      [
        'spec.securityContext.sysctls[0].name: Invalid value: "A!": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
      ],
    ],
    [
      'a sysctl is there once',
      {
        securityContext: {
          sysctls: [
            { name: 'a.b', value: '1' },
            { name: 'a.b', value: '1' },
          ],
        },
      },
      ['spec.securityContext.sysctls[1].name: Duplicate value: "a.b"'],
    ],
    [
      'users are not those of the host',
      { hostUsers: false, hostNetwork: true },
      ['spec.hostNetwork: Forbidden: when `hostUsers` is false'],
    ],
    [
      'the processes of the host are not shared inside',
      { hostPID: true, shareProcessNamespace: true },
      ['spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled'],
    ],
  ])
})

describe('an update of a pod', () => {
  const put = (before: Body, after: Body, subresource = '') => update(pods, { before, after, subresource }).errors
  const gate = (name: string) => ({ schedulingGates: [{ name }] })
  const ONLY =
    'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

  test.each<[rule: string, before: Body, after: Body]>([
    ['an image', {}, within({ image: 'example/j:1' })],
    ['a new deadline', {}, { activeDeadlineSeconds: 10 }],
    ['a shorter deadline', { activeDeadlineSeconds: 10 }, { activeDeadlineSeconds: 5 }],
    ['one more toleration', {}, { tolerations: [{ key: 'a', operator: 'Exists' }] }],
    ['a gate taken away', gate('a/b'), {}],
    ['a selector of a gated pod', gate('a/b'), { ...gate('a/b'), nodeSelector: { a: 'b' } }],
    ['a negative grace set to one', { terminationGracePeriodSeconds: -5 }, { terminationGracePeriodSeconds: 1 }],
  ])('may change: %s', (_rule, before, after) => {
    expect(put(podBody(before), podBody(after))).toEqual([])
  })

  test('may change nothing else', () => {
    const [error, ...more] = put(podBody(), podBody({ restartPolicy: 'Never' }))
    expect(more).toEqual([])
    expect(error?.startsWith(`spec: Forbidden: ${ONLY}\n`)).toBe(true)
    expect(error).toContain('\n@@ -')
    expect(error).toMatch(/\n- "restartPolicy": "Always",\n\+ "restartPolicy": "Never",\n/)
  })

  test.each<[rule: string, before: Body, after: Body, error: string]>([
    [
      'no container more',
      {},
      { containers: [container(), container({ name: 'd' })] },
      'spec.containers: Forbidden: pod updates may not add or remove containers',
    ],
    [
      'no longer deadline',
      { activeDeadlineSeconds: 5 },
      { activeDeadlineSeconds: 10 },
      'spec.activeDeadlineSeconds: Invalid value: 10: must be less than or equal to previous value',
    ],
    [
      'no deadline taken away',
      { activeDeadlineSeconds: 5 },
      {},
      'spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value',
    ],
    [
      'no toleration less',
      { tolerations: [{ key: 'a', operator: 'Exists' }] },
      {},
      'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    ],
    [
      'no gate more',
      gate('a/b'),
      { schedulingGates: [{ name: 'a/b' }, { name: 'c/d' }] },
      "spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'c/d'",
    ],
    [
      'no other selector of a gated pod',
      { ...gate('a/b'), nodeSelector: { a: 'b' } },
      { ...gate('a/b'), nodeSelector: { a: 'c' } },
      'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
    ],
  ])('refuses: %s', (_rule, before, after, error) => {
    expect(put(podBody(before), podBody(after))[0]).toBe(error)
  })

  test('of an ephemeral container adds only', () => {
    const debug = { name: 'd', image: 'i' }
    const changed = { ephemeralContainers: [{ ...debug, image: 'j' }] }
    expect(put(podBody(), podBody({ ephemeralContainers: [debug] }), 'ephemeralcontainers')).toEqual([])
    expect(put(podBody({ ephemeralContainers: [debug] }), podBody(changed), 'ephemeralcontainers')).toEqual([
      expect.stringMatching(/^spec\.ephemeralContainers: Forbidden: existing ephemeral containers "d" may not be changed\n/),
    ])
    expect(put(podBody({ ephemeralContainers: [debug] }), podBody(), 'ephemeralcontainers')).toEqual([
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers "d" may not be removed\n',
    ])
  })

  test('of resources keeps the class of service', () => {
    const cpu = (quantity: string) => podBody(within({ resources: { requests: { cpu: quantity } } }))
    expect(put(cpu('1'), cpu('2'), 'resize')).toEqual([])
    expect(put({ ...podBody(), status: { qosClass: 'BestEffort' } }, cpu('2'), 'resize')).toEqual([
      'spec: Invalid value: "BestEffort": Pod QOS Class may not change as a result of resizing',
    ])
  })

  test('of the status keeps a phase that ended its containers', () => {
    const before = { ...podBody(), status: { containerStatuses: [{ name: 'c', state: { terminated: { exitCode: 0 } } }] } }
    const after = { ...podBody(), status: { containerStatuses: [{ name: 'c', state: { running: {} } }] } }
    before.spec.restartPolicy = after.spec.restartPolicy = 'Never'
    expect(put(before, after, 'status')).toEqual([
      'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
    ])
  })
})
