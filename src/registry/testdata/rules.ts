/**
 * Objects to write, one row for a rule (or for rules that are told in one answer). What kube-apiserver 1.36.2 answers is recorded in
 * `rules.json` by `record-rules.ts`.
 *
 * @module
 */
export interface Rule {
  name: string
  /** `apis/apps/v1/namespaces/default/deployments`. */
  path: string
  create: Body
  /** PUT over what was created; metadata.resourceVersion is filled in. */
  update?: Body
  /** Where the update goes: `status`, `finalize`. */
  subresource?: string
}

export type Body = Record<string, unknown>

const IN = 'namespaces/default'
const LONG = 'x'.repeat(64)

function of(apiVersion: string, kind: string, path: string) {
  const prefix = apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`
  const body = (given: Body): Body => ({
    apiVersion,
    kind,
    ...given,
    metadata: { name: 'rule', ...(given['metadata'] as Body | undefined) },
  })
  return (name: string, create: Body, update?: Body, subresource?: string): Rule => ({
    name: `${apiVersion} ${kind}: ${name}`,
    path: `${prefix}/${path}`,
    create: body(create),
    ...(update !== undefined && { update: body(update) }),
    ...(subresource !== undefined && { subresource }),
  })
}

const configMap = of('v1', 'ConfigMap', `${IN}/configmaps`)
const secret = of('v1', 'Secret', `${IN}/secrets`)
const namespace = of('v1', 'Namespace', 'namespaces')
const serviceAccount = of('v1', 'ServiceAccount', `${IN}/serviceaccounts`)
const service = of('v1', 'Service', `${IN}/services`)
const endpoints = of('v1', 'Endpoints', `${IN}/endpoints`)
const node = of('v1', 'Node', 'nodes')
const limitRange = of('v1', 'LimitRange', `${IN}/limitranges`)
const quota = of('v1', 'ResourceQuota', `${IN}/resourcequotas`)
const volume = of('v1', 'PersistentVolume', 'persistentvolumes')
const claim = of('v1', 'PersistentVolumeClaim', `${IN}/persistentvolumeclaims`)
const coreEvent = of('v1', 'Event', `${IN}/events`)
const event = of('events.k8s.io/v1', 'Event', `${IN}/events`)
const role = of('rbac.authorization.k8s.io/v1', 'Role', `${IN}/roles`)
const clusterRole = of('rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles')
const roleBinding = of('rbac.authorization.k8s.io/v1', 'RoleBinding', `${IN}/rolebindings`)
const clusterRoleBinding = of('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'clusterrolebindings')
const lease = of('coordination.k8s.io/v1', 'Lease', `${IN}/leases`)
const autoscaler = of('autoscaling/v2', 'HorizontalPodAutoscaler', `${IN}/horizontalpodautoscalers`)
const autoscalerV1 = of('autoscaling/v1', 'HorizontalPodAutoscaler', `${IN}/horizontalpodautoscalers`)
const ingress = of('networking.k8s.io/v1', 'Ingress', `${IN}/ingresses`)
const ingressClass = of('networking.k8s.io/v1', 'IngressClass', 'ingressclasses')
const networkPolicy = of('networking.k8s.io/v1', 'NetworkPolicy', `${IN}/networkpolicies`)
const ipAddress = of('networking.k8s.io/v1', 'IPAddress', 'ipaddresses')
const serviceCIDR = of('networking.k8s.io/v1', 'ServiceCIDR', 'servicecidrs')
const budget = of('policy/v1', 'PodDisruptionBudget', `${IN}/poddisruptionbudgets`)
const storageClass = of('storage.k8s.io/v1', 'StorageClass', 'storageclasses')
const attributesClass = of('storage.k8s.io/v1', 'VolumeAttributesClass', 'volumeattributesclasses')
const csiDriver = of('storage.k8s.io/v1', 'CSIDriver', 'csidrivers')
const csiNode = of('storage.k8s.io/v1', 'CSINode', 'csinodes')
const capacity = of('storage.k8s.io/v1', 'CSIStorageCapacity', `${IN}/csistoragecapacities`)
const attachment = of('storage.k8s.io/v1', 'VolumeAttachment', 'volumeattachments')
const mutating = of('admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration', 'mutatingwebhookconfigurations')
const validating = of('admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', 'validatingwebhookconfigurations')
const policy = of('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies')
const policyBinding = of('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings')
const mutatingPolicy = of('admissionregistration.k8s.io/v1', 'MutatingAdmissionPolicy', 'mutatingadmissionpolicies')
const priorityClass = of('scheduling.k8s.io/v1', 'PriorityClass', 'priorityclasses')
const runtimeClass = of('node.k8s.io/v1', 'RuntimeClass', 'runtimeclasses')
const slice = of('discovery.k8s.io/v1', 'EndpointSlice', `${IN}/endpointslices`)
const flowSchema = of('flowcontrol.apiserver.k8s.io/v1', 'FlowSchema', 'flowschemas')
const level = of('flowcontrol.apiserver.k8s.io/v1', 'PriorityLevelConfiguration', 'prioritylevelconfigurations')
const apiService = of('apiregistration.k8s.io/v1', 'APIService', 'apiservices')
const certificate = of('certificates.k8s.io/v1', 'CertificateSigningRequest', 'certificatesigningrequests')
const deviceClass = of('resource.k8s.io/v1', 'DeviceClass', 'deviceclasses')
const deviceClaim = of('resource.k8s.io/v1', 'ResourceClaim', `${IN}/resourceclaims`)
const claimTemplate = of('resource.k8s.io/v1', 'ResourceClaimTemplate', `${IN}/resourceclaimtemplates`)
const deviceSlice = of('resource.k8s.io/v1', 'ResourceSlice', 'resourceslices')

const PORT = { port: 80 }
/** alice of devs, as PEM in base64. */
const REQUEST =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIWk1JR0JBZ0VBTUI4eERUQUxCZ05WQkFvTUJHUmxkbk14RGpBTUJnTlZCQU1NQldGc2FXTmxNRmt3RXdZSApLb1pJemowQ0FRWUlLb1pJemowREFRY0RRZ0FFa3BEY2daeEN0czJzdXBrTExEdXBNU1d3OFdsdktGcUxZQWplCkdxMFg2RHVCV25rSFV1YnVsV3FwNXNCZFh2QlVxOENoK0JJN3UvOERNNWFSbEJ4eXY2QUFNQW9HQ0NxR1NNNDkKQkFNQ0EwY0FNRVFDSUNpUFo4ZXBPYjNPTFRnTldlYmlPdi9PdnNKQm1jMmpuT08xWXMzVUJNY3FBaUJjQ1J3MwpuOEQrNnkvbEN0d0o2c2dQNlpVbDZMdmVsQ0xrVmVRYmJmUzZLdz09Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo='
const CSR = { request: REQUEST, signerName: 'a.b/c', usages: ['client auth'] }
const REGARDING = { kind: 'Pod', namespace: 'default', name: 'p' }
const NOTE = {
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingController: 'x.io/c',
  reportingInstance: 'i',
  action: 'a',
  reason: 'r',
  type: 'Normal',
  regarding: REGARDING,
}
const HPA = { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' }, maxReplicas: 3 }
const BACKEND = { service: { name: 's', port: { number: 80 } } }
const HOST_PATH = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } }
const CLAIM = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
const HOOK = { name: 'a.b.c', admissionReviewVersions: ['v1'], sideEffects: 'None', clientConfig: { url: 'https://x.y/z' } }
const SCHEMA = { priorityLevelConfiguration: { name: 'global-default' } }

export const rules: readonly Rule[] = [
  configMap('plain', { data: { a: 'b' } }, { data: { a: 'c' } }),
  configMap('keys', { data: { 'a b': '' }, binaryData: { 'c/d': '' } }),
  configMap('key of dots', { data: { '..': '' } }),
  configMap('empty key', { data: { '': '' } }),
  configMap('hidden parent', { data: { '..a': '' } }),
  configMap('a key twice', { data: { a: '' }, binaryData: { a: '' } }),
  configMap('immutable', { immutable: true, data: { a: '' } }, { immutable: true, data: { a: 'b' }, binaryData: { c: '' } }),
  configMap('immutable cannot be taken back', { immutable: true }, { immutable: false }),
  configMap('too large', { data: { a: 'x'.repeat(1024 * 1024 + 1) } }),
  configMap('name', { metadata: { name: 'A_b' } }),
  secret('defaults', { stringData: { a: 'b' } }, { stringData: { c: 'd' } }),
  secret('keys', { data: { 'a b': '' } }),
  secret('type is immutable', { type: 'a' }, { type: 'b' }),
  secret('immutable', { immutable: true, data: {} }, { data: { a: '' } }),
  secret('service account token without account', { type: 'kubernetes.io/service-account-token' }),
  secret('docker config', { type: 'kubernetes.io/dockerconfigjson' }),
  secret('docker config is not JSON', { type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': 'x' } }),
  secret('docker cfg', { type: 'kubernetes.io/dockercfg' }),
  secret('basic auth', { type: 'kubernetes.io/basic-auth' }),
  secret('ssh auth', { type: 'kubernetes.io/ssh-auth' }),
  secret('tls', { type: 'kubernetes.io/tls' }),
  secret('tls half', { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } }),
  namespace('label and finalizer', {}, { metadata: { labels: { a: 'b' } } }),
  namespace('finalizers', { spec: { finalizers: ['a', 'a.b/c', 'kubernetes'] } }),
  namespace('name', { metadata: { name: 'a.b' } }),
  namespace('status', {}, { status: { phase: 'Terminating' } }, 'status'),
  namespace('finalize', {}, { spec: { finalizers: ['x y'] } }, 'finalize'),
  serviceAccount('secrets are only names', { secrets: [{ name: 'a', namespace: 'b', kind: 'c' }], imagePullSecrets: [{ name: 'p' }] }),
  serviceAccount('name', { metadata: { name: 'A' } }),
  service('no ports', { spec: {} }),
  service('defaults', { spec: { ports: [PORT] } }),
  service('defaults of node ports', { spec: { type: 'NodePort', ports: [PORT] } }),
  service('defaults of load balancers', { spec: { type: 'LoadBalancer', ports: [PORT], sessionAffinity: 'ClientIP' } }),
  service('headless without ports', { spec: { clusterIP: 'None' } }),
  service('external name', { spec: { type: 'ExternalName', externalName: 'a.b' } }),
  service('external name missing', { spec: { type: 'ExternalName' } }),
  service('external name invalid', { spec: { type: 'ExternalName', externalName: 'A_' } }),
  service('external name with address', { spec: { type: 'ExternalName', externalName: 'a.b', clusterIP: '10.0.0.5' } }),
  service('name', { metadata: { name: '1a' }, spec: { ports: [PORT] } }),
  service('types', { spec: { type: 'X', sessionAffinity: 'Y', ports: [PORT] } }),
  service('ports', {
    spec: {
      ports: [
        { port: 0 },
        { name: 'A', port: 1, protocol: 'X' },
        { name: 'a', port: 70000, targetPort: 'A_b' },
        { name: 'a', port: 70000, targetPort: 0 },
      ],
    },
  }),
  service('node ports of cluster IPs', { spec: { ports: [{ port: 1, nodePort: 30001 }] } }),
  service('node port twice', {
    spec: {
      type: 'NodePort',
      ports: [
        { name: 'a', port: 1, nodePort: 30005 },
        { name: 'b', port: 2, nodePort: 30005 },
      ],
    },
  }),
  service('node port outside', { spec: { type: 'NodePort', ports: [{ port: 1, nodePort: 80 }] } }),
  service('selector', { spec: { selector: { 'a b': LONG }, ports: [PORT] } }),
  service('addresses', { spec: { clusterIPs: ['x'], clusterIP: 'y', externalIPs: ['127.0.0.1', 'z'], ports: [PORT] } }),
  service('address outside', { spec: { clusterIP: '1.2.3.4', ports: [PORT] } }),
  service('families', { spec: { ipFamilies: ['IPv6'], ports: [PORT] } }),
  service('unknown family', { spec: { ipFamilies: ['IPv5'], ipFamilyPolicy: 'Z', ports: [PORT] } }),
  service('two stacks preferred', { spec: { ipFamilyPolicy: 'PreferDualStack', ports: [PORT] } }),
  service('two stacks required', { spec: { ipFamilyPolicy: 'RequireDualStack', ports: [PORT] } }),
  service('affinity timeout', {
    spec: { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } }, ports: [PORT] },
  }),
  service('affinity config without affinity', { spec: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } }, ports: [PORT] } }),
  service('traffic policies', { spec: { externalTrafficPolicy: 'Local', internalTrafficPolicy: 'X', ports: [PORT] } }),
  service('health check port', { spec: { healthCheckNodePort: 30100, ports: [PORT] } }),
  service('source ranges', { spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['x'], ports: [PORT] } }),
  service('source ranges of others', { spec: { loadBalancerSourceRanges: ['10.0.0.0/8'], ports: [PORT] } }),
  service('load balancer class', { spec: { loadBalancerClass: 'a/b', ports: [PORT] } }),
  service(
    'load balancer class changes',
    { spec: { type: 'LoadBalancer', loadBalancerClass: 'a/b', ports: [PORT] } },
    { spec: { type: 'LoadBalancer', loadBalancerClass: 'a/c', ports: [PORT] } },
  ),
  service('address changes', { spec: { ports: [PORT] } }, { spec: { clusterIP: '10.0.0.77', ports: [PORT] } }),
  service('to external name', { spec: { ports: [PORT] } }, { spec: { type: 'ExternalName', externalName: 'a.b', ports: [PORT] } }),
  service('app protocol', { spec: { ports: [{ port: 1, appProtocol: 'a b' }] } }),
  service('traffic distribution', { spec: { trafficDistribution: 'x', ports: [PORT] } }),
  service(
    'status',
    { spec: { type: 'LoadBalancer', ports: [PORT] } },
    { spec: { ports: [PORT] }, status: { loadBalancer: { ingress: [{ ip: 'x' }, { hostname: '1.2.3.4' }] } } },
    'status',
  ),
  endpoints('plain', { subsets: [{ addresses: [{ ip: '10.1.1.1' }], ports: [PORT] }] }),
  endpoints('rules', {
    subsets: [
      {},
      {
        addresses: [{ ip: '127.0.0.1' }, { ip: 'x', hostname: 'A_', nodeName: 'B_' }],
        ports: [
          { port: 0, name: 'A' },
          { port: 1, protocol: 'X' },
        ],
      },
    ],
  }),
  node('plain', { spec: { podCIDR: '10.1.0.0/24' } }),
  node('taints', {
    spec: {
      taints: [
        { key: 'a b', effect: 'X' },
        { key: 'a', effect: '' },
        { key: 'b', effect: 'NoSchedule', value: 'x y' },
        { key: 'b', effect: 'NoSchedule' },
      ],
    },
  }),
  node('pod ranges', { spec: { podCIDRs: ['x', '10.0.0.0/24', '10.0.1.0/24'] } }),
  node('capacity', { status: { capacity: { 'a b': '1', 'x.io/y': '1500m' } } }),
  node('frozen fields', { spec: { podCIDR: '10.1.0.0/24', providerID: 'a' } }, { spec: { podCIDR: '10.2.0.0/24', providerID: 'b' } }),
  node('status', {}, { status: { conditions: [{ type: 'Ready', status: 'True' }] } }, 'status'),
  limitRange('defaults', { spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } }),
  limitRange('rules', {
    spec: {
      limits: [
        { type: 'Container', min: { cpu: '2' }, max: { cpu: '1' } },
        { type: 'Pod', default: { cpu: '1' } },
        { type: 'PersistentVolumeClaim' },
        { type: 'Container', maxLimitRequestRatio: { cpu: '0.5' } },
      ],
    },
  }),
  quota('plain', { spec: { hard: { pods: '1', 'requests.cpu': '1' } } }),
  quota('rules', { spec: { hard: { x: '1' }, scopes: ['X', 'BestEffort', 'NotBestEffort'] } }),
  quota('negative', { spec: { hard: { pods: '-1' } } }),
  quota('count', { spec: { hard: { 'count/a b': '1' } } }),
  quota('scope with resources', { spec: { hard: { 'requests.cpu': '1' }, scopes: ['BestEffort'] } }),
  quota('scopes do not change', { spec: { hard: { pods: '1' } } }, { spec: { hard: { pods: '1' }, scopes: ['Terminating'] } }),
  quota('selector', {
    spec: {
      hard: { pods: '1' },
      scopeSelector: {
        matchExpressions: [
          { scopeName: 'X', operator: 'In' },
          { scopeName: 'PriorityClass', operator: 'Exists', values: ['a'] },
        ],
      },
    },
  }),
  volume('defaults', { spec: HOST_PATH }),
  volume('nothing', { spec: {} }),
  volume('two sources', { spec: { ...HOST_PATH, nfs: { server: 's', path: '/p' } } }),
  volume('rules', {
    spec: {
      ...HOST_PATH,
      accessModes: ['X'],
      capacity: { cpu: '1' },
      persistentVolumeReclaimPolicy: 'X',
      volumeMode: 'Y',
      hostPath: { path: '/a/../b' },
    },
  }),
  volume('source does not change', { spec: HOST_PATH }, { spec: { ...HOST_PATH, hostPath: { path: '/y' } } }),
  volume('local without affinity', { spec: { ...HOST_PATH, hostPath: undefined, local: { path: '/x' } } }),
  claim('defaults', { spec: CLAIM }),
  claim('nothing', { spec: {} }),
  claim('rules', {
    spec: { ...CLAIM, accessModes: ['X'], resources: { requests: { storage: '0' } }, storageClassName: 'A_', volumeMode: 'Z' },
  }),
  claim('spec does not change', { spec: CLAIM }, { spec: { ...CLAIM, accessModes: ['ReadOnlyMany'] } }),
  coreEvent('plain', { involvedObject: REGARDING, reason: 'r', message: 'm', count: 2 }),
  coreEvent('namespace', { involvedObject: { kind: 'Pod', namespace: 'other' } }),
  coreEvent('new style', { involvedObject: REGARDING, eventTime: '2026-01-01T00:00:00.000000Z' }),
  event('plain', NOTE),
  event('nothing', {}),
  event('rules', {
    ...NOTE,
    reportingController: 'a b',
    type: 'X',
    note: 'x'.repeat(1025),
    action: 'x'.repeat(129),
    reason: 'x'.repeat(129),
    series: { count: 1, lastObservedTime: '2026-01-01T00:00:00.000000Z' },
  }),
  event('deprecated fields', { ...NOTE, deprecatedCount: 1 }),
  event('only the series changes', NOTE, { ...NOTE, action: 'b', note: 'n' }),
  role('plain', { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }),
  role('rules', {
    rules: [
      {},
      { verbs: ['get'] },
      { verbs: ['get'], nonResourceURLs: ['/x'] },
      { verbs: ['get'], nonResourceURLs: ['/x'], resources: ['pods'] },
    ],
  }),
  role('name', { metadata: { name: 'a%' } }),
  clusterRole('aggregation', { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } }),
  clusterRole('empty aggregation', { aggregationRule: {} }),
  clusterRole('bad aggregation', {
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { 'a b': 'c' } }, { matchExpressions: [{ key: 'a', operator: 'X' }] }] },
  }),
  roleBinding('defaults', {
    roleRef: { kind: 'Role', name: 'r' },
    subjects: [
      { kind: 'User', name: 'u' },
      { kind: 'ServiceAccount', name: 's' },
    ],
  }),
  roleBinding('rules', {
    roleRef: { apiGroup: 'x', kind: 'X' },
    subjects: [{ kind: 'X' }, { kind: 'User', apiGroup: 'y', name: 'u' }, { kind: 'ServiceAccount', name: 'A_', apiGroup: 'z' }],
  }),
  roleBinding('role does not change', { roleRef: { kind: 'Role', name: 'r' } }, { roleRef: { kind: 'Role', name: 's' } }),
  clusterRoleBinding('rules', { roleRef: { kind: 'Role', name: 'r' }, subjects: [{ kind: 'ServiceAccount', name: 's' }] }),
  lease('plain', { spec: { holderIdentity: 'h', leaseDurationSeconds: 5 } }),
  lease('rules', { spec: { leaseDurationSeconds: 0, leaseTransitions: -1 } }),
  lease('strategy', { spec: { strategy: 'X' } }),
  autoscaler('defaults', { spec: HPA }),
  autoscaler('nothing', { spec: {} }),
  autoscaler('rules', {
    spec: {
      ...HPA,
      minReplicas: 0,
      maxReplicas: 0,
      metrics: [
        { type: 'X' },
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } },
        { type: 'Pods', pods: { metric: { name: '' }, target: { type: 'AverageValue' } } },
      ],
    },
  }),
  autoscaler('behavior', {
    spec: {
      ...HPA,
      behavior: {
        scaleUp: { stabilizationWindowSeconds: 4000, policies: [{ type: 'X', value: 0, periodSeconds: 0 }] },
        scaleDown: { selectPolicy: 'Y' },
      },
    },
  }),
  autoscaler('default behavior', { spec: { ...HPA, behavior: { scaleUp: {} } } }),
  autoscalerV1('plain', { spec: { ...HPA, targetCPUUtilizationPercentage: 50 } }),
  autoscalerV1('defaults', { spec: HPA }),
  autoscalerV1('rules', { spec: { scaleTargetRef: { kind: 'A B' }, minReplicas: 5, maxReplicas: 3, targetCPUUtilizationPercentage: -1 } }),
  ingress('plain', { spec: { defaultBackend: BACKEND } }),
  ingress('nothing', { spec: {} }),
  ingress('rules', {
    spec: {
      ingressClassName: 'A_',
      rules: [
        { host: '1.2.3.4', http: { paths: [] } },
        {
          host: '*.a_',
          http: {
            paths: [
              { path: 'x', backend: {} },
              { path: '/a//b', pathType: 'Exact', backend: { service: { name: 'A', port: {} } } },
              {
                path: '/',
                pathType: 'Z',
                backend: { service: { name: 's', port: { name: 'x', number: 1 } }, resource: { kind: 'k', name: 'n' } },
              },
            ],
          },
        },
      ],
    },
  }),
  ingress('tls', { spec: { defaultBackend: BACKEND, tls: [{ hosts: ['A'], secretName: 'B_' }] } }),
  ingress('class twice', {
    metadata: { annotations: { 'kubernetes.io/ingress.class': 'a' } },
    spec: { ingressClassName: 'b', defaultBackend: BACKEND },
  }),
  ingressClass('plain', { spec: { controller: 'a.b/c', parameters: { kind: 'K', name: 'n' } } }),
  ingressClass('rules', { spec: { controller: 'x', parameters: { scope: 'X', kind: '', name: '' } } }),
  ingressClass('controller does not change', { spec: { controller: 'a.b/c' } }, { spec: { controller: 'a.b/d' } }),
  networkPolicy('defaults', { spec: { podSelector: {} } }),
  networkPolicy('defaults of egress', { spec: { podSelector: {}, egress: [{ ports: [{ port: 80 }] }] } }),
  networkPolicy('rules', {
    spec: {
      podSelector: { matchLabels: { 'a b': '' } },
      policyTypes: ['X', 'Ingress', 'Egress'],
      ingress: [
        {
          from: [{}, { ipBlock: { cidr: 'x' } }, { ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/8'] }, podSelector: {} }],
          ports: [{ port: 0, protocol: 'X' }, { port: 'A_', endPort: 5 }, { port: 5, endPort: 1 }, { endPort: 3 }],
        },
      ],
    },
  }),
  ipAddress('rules', { metadata: { name: '010.0.0.1' }, spec: { parentRef: { resource: 'A', name: '', namespace: 'B' } } }),
  ipAddress('plain', { metadata: { name: '192.0.2.9' }, spec: { parentRef: { resource: 'services', name: 'x', namespace: 'default' } } }),
  serviceCIDR('rules', { spec: { cidrs: ['x', '10.0.0.1/8', '10.0.0.0/8'] } }),
  serviceCIDR('nothing', { spec: {} }),
  budget('plain', { spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } } }),
  budget('both', { spec: { minAvailable: -1, maxUnavailable: '200%' } }),
  budget('rules', {
    spec: { minAvailable: 'x', selector: { matchExpressions: [{ key: 'a b', operator: 'In' }] }, unhealthyPodEvictionPolicy: 'Z' },
  }),
  storageClass('defaults', { provisioner: 'a.b/c' }),
  storageClass('rules', {
    provisioner: 'A B',
    reclaimPolicy: 'X',
    volumeBindingMode: 'Y',
    parameters: { '': 'x' },
    allowedTopologies: [{ matchLabelExpressions: [{ key: 'a b' }] }],
  }),
  storageClass('does not change', { provisioner: 'a.b/c' }, { provisioner: 'a.b/d', reclaimPolicy: 'Retain', parameters: { a: 'b' } }),
  attributesClass('rules', { driverName: '' }),
  attributesClass('does not change', { driverName: 'a', parameters: { a: 'b' } }, { driverName: 'b', parameters: { a: 'c' } }),
  csiDriver('defaults', { spec: {} }),
  csiDriver('rules', {
    spec: { volumeLifecycleModes: ['X'], fsGroupPolicy: 'Y', tokenRequests: [{ audience: 'a' }, { audience: 'a', expirationSeconds: 5 }] },
  }),
  csiDriver('does not change', { spec: {} }, { spec: { attachRequired: false } }),
  csiNode('rules', {
    spec: {
      drivers: [
        { name: '', nodeID: '' },
        { name: 'a', nodeID: 'x'.repeat(200), topologyKeys: ['', 'a b'], allocatable: { count: -1 } },
        { name: 'a', nodeID: 'y' },
      ],
    },
  }),
  capacity('rules', { storageClassName: 'A_', capacity: '-1', maximumVolumeSize: '-2', nodeTopology: { matchLabels: { 'a b': '' } } }),
  capacity('does not change', { storageClassName: 'a' }, { storageClassName: 'b' }),
  attachment('rules', { spec: { attacher: '', nodeName: '', source: {} } }),
  attachment(
    'does not change',
    { spec: { attacher: 'a', nodeName: 'n', source: { persistentVolumeName: 'p' } } },
    { spec: { attacher: 'b', nodeName: 'n', source: { persistentVolumeName: 'p' } } },
  ),
  mutating('defaults', { webhooks: [HOOK] }),
  mutating('rules', {
    webhooks: [
      {
        name: 'a',
        clientConfig: {},
        admissionReviewVersions: [],
        sideEffects: 'X',
        failurePolicy: 'Y',
        matchPolicy: 'Z',
        timeoutSeconds: 40,
        reinvocationPolicy: 'W',
      },
    ],
  }),
  validating('defaults', {
    webhooks: [{ ...HOOK, rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }] }],
  }),
  validating('targets', {
    webhooks: [
      {
        ...HOOK,
        rules: [{ operations: [], apiGroups: ['*', 'a'], apiVersions: [''], resources: ['*', 'pods', '*/*'], scope: 'X' }],
        clientConfig: { url: 'http://x:y@z?a#b' },
      },
      { ...HOOK, clientConfig: { service: { name: '', namespace: '', path: 'x//y', port: 0 } } },
    ],
  }),
  policy('rules', {
    spec: {
      validations: [{}, { expression: 'true', reason: 'X' }],
      failurePolicy: 'Y',
      auditAnnotations: [{ key: '', valueExpression: '' }],
    },
  }),
  policy('nothing', { spec: {} }),
  policyBinding('rules', { spec: { policyName: '', validationActions: ['Deny', 'Warn', 'Deny', 'X'] } }),
  policyBinding('nothing', { spec: { policyName: 'p' } }),
  mutatingPolicy('nothing', { spec: {} }),
  priorityClass('plain', { value: 5 }),
  priorityClass('system prefix', { metadata: { name: 'system-x' }, value: 5 }),
  priorityClass('too high', { value: 2000000000 }),
  priorityClass('does not change', { value: 5 }, { value: 6, preemptionPolicy: 'Never' }),
  runtimeClass('rules', {
    handler: 'A_',
    overhead: { podFixed: { cpu: '-1' } },
    scheduling: { nodeSelector: { 'a b': '' }, tolerations: [{ operator: 'Exists', value: 'x' }] },
  }),
  runtimeClass('does not change', { handler: 'a' }, { handler: 'b' }),
  slice('defaults', { addressType: 'IPv4', endpoints: [{ addresses: ['10.1.1.1'] }], ports: [{ port: 80 }] }),
  slice('rules', {
    addressType: 'IPv4',
    endpoints: [{}, { addresses: ['x', '127.0.0.1', '::1'], hostname: 'A_', nodeName: 'B_' }],
    ports: [{ name: 'A_', protocol: 'X', appProtocol: 'a b' }, {}, {}],
  }),
  slice('address type', { addressType: 'X', endpoints: [] }),
  slice('address type does not change', { addressType: 'IPv4', endpoints: [] }, { addressType: 'IPv6', endpoints: [] }),
  flowSchema('defaults', { spec: SCHEMA }),
  flowSchema('rules', {
    spec: {
      priorityLevelConfiguration: { name: 'A_' },
      matchingPrecedence: 20000,
      distinguisherMethod: { type: 'X' },
      rules: [
        {},
        {
          subjects: [{ kind: 'X' }, { kind: 'User' }, { kind: 'ServiceAccount', serviceAccount: { name: '', namespace: '' } }],
          resourceRules: [{ verbs: [], apiGroups: [], resources: [] }],
          nonResourceRules: [{ verbs: ['X'], nonResourceURLs: ['x', '/a*b'] }],
        },
      ],
    },
  }),
  level('defaults', { spec: { type: 'Limited' } }),
  level('rules', {
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: -1,
        lendablePercent: 200,
        limitResponse: { type: 'Queue', queuing: { queues: 0, handSize: 100, queueLengthLimit: 0 } },
      },
    },
  }),
  level('type', { spec: { type: 'X' } }),
  apiService('rules', {
    metadata: { name: 'v1.a.b' },
    spec: { group: 'a.c', version: 'v2', groupPriorityMinimum: 0, versionPriority: 2000 },
  }),
  apiService('insecure with bundle', {
    metadata: { name: 'v1.a.b' },
    spec: {
      group: 'a.b',
      version: 'v1',
      groupPriorityMinimum: 1,
      versionPriority: 1,
      insecureSkipTLSVerify: true,
      caBundle: 'eA==',
      service: { name: '', namespace: '' },
    },
  }),
  deviceClass('rules', {
    spec: { selectors: [{}], config: [{}, { opaque: { driver: 'A_b', parameters: [1] } }], extendedResourceName: 'x' },
  }),
  deviceClaim('rules', {
    spec: {
      devices: {
        requests: [
          { name: '' },
          { name: 'a', exactly: { deviceClassName: '', allocationMode: 'X' } },
          {
            name: 'a',
            exactly: {
              deviceClassName: 'c',
              allocationMode: 'All',
              count: 2,
              tolerations: [
                { operator: 'Exists', value: 'a' },
                { operator: 'Z', effect: 'Q' },
              ],
            },
          },
          { name: 'f', firstAvailable: [{ name: 'a' }] },
        ],
        constraints: [{ requests: ['a', 'a', 'zz', 'f/a/b'] }, { matchAttribute: 'foo' }, { matchAttribute: 'a.b/3' }],
        config: [{ requests: ['f/x'] }],
      },
    },
  }),
  deviceClaim('defaults', { spec: { devices: { requests: [{ name: 'a', exactly: { deviceClassName: 'c' } }] } } }),
  deviceClaim('admin access', { spec: { devices: { requests: [{ name: 'a', exactly: { deviceClassName: 'c', adminAccess: true } }] } } }),
  deviceClaim(
    'status',
    { spec: { devices: { requests: [{ name: 'a', exactly: { deviceClassName: 'c' } }] } } },
    { status: { reservedFor: [{ resource: 'pods', name: 'p', uid: 'u' }], devices: [{ driver: 'd', pool: 'p', device: 'x' }] } },
    'status',
  ),
  claimTemplate('rules', { spec: { metadata: { labels: { 'a b': '' } }, spec: { devices: { requests: [{ name: 'a' }] } } } }),
  deviceSlice('nothing', { spec: { driver: '', pool: { name: '', generation: -1, resourceSliceCount: 0 } } }),
  deviceSlice('rules', {
    spec: {
      driver: 'A',
      allNodes: true,
      nodeName: 'x',
      pool: { name: 'a/B', generation: 1, resourceSliceCount: 1 },
      devices: [
        {
          name: 'a',
          attributes: { y: { int: 1, bool: true } },
          nodeName: 'x',
          taints: [{ key: '', effect: 'X' }],
          bindingConditions: ['a'],
        },
        { name: 'a' },
      ],
    },
  }),
  deviceSlice('attributes', {
    spec: {
      driver: 'a',
      allNodes: true,
      pool: { name: 'a', generation: 1, resourceSliceCount: 1 },
      devices: [
        { name: 'a', attributes: { 'a/': { version: '1' } } },
        { name: 'b', attributes: { x: {} } },
      ],
    },
  }),
  deviceSlice('capacity', {
    spec: {
      driver: 'a',
      allNodes: true,
      pool: { name: 'a', generation: 1, resourceSliceCount: 1 },
      devices: [
        { name: 'a', capacity: { m: { value: '1', requestPolicy: { default: '1' } } } },
        {
          name: 'b',
          allowMultipleAllocations: true,
          capacity: { m: { value: '10', requestPolicy: { default: '3', validRange: { min: '4', max: '11', step: '4' } } } },
        },
      ],
    },
  }),
  csiNode(
    'plain',
    { spec: { drivers: [{ name: 'a', nodeID: 'n', topologyKeys: ['x'] }] } },
    { spec: { drivers: [{ name: 'a', nodeID: 'm', topologyKeys: ['x'] }] } },
  ),
  attachment(
    'status',
    { spec: { attacher: 'a', nodeName: 'n', source: { persistentVolumeName: 'p' } } },
    { spec: { attacher: 'a', nodeName: 'n', source: { persistentVolumeName: 'p' } }, status: { attached: true } },
    'status',
  ),
  attributesClass('plain', { driverName: 'a', parameters: { a: 'b' } }),
  serviceCIDR('plain', { spec: { cidrs: ['10.7.0.0/24'] } }, { spec: { cidrs: ['10.8.0.0/24'] } }),
  budget('generation', { spec: { maxUnavailable: '50%', selector: {} } }, { spec: { maxUnavailable: '60%', selector: {} } }),
  budget(
    'status',
    { spec: { maxUnavailable: 1 } },
    { status: { disruptionsAllowed: -1, currentHealthy: -1, desiredHealthy: -1, expectedPods: -1 } },
    'status',
  ),
  validating('generation', { webhooks: [HOOK] }, { webhooks: [{ ...HOOK, timeoutSeconds: 5 }] }),
  validating('name twice', { webhooks: [HOOK, HOOK] }),
  validating('match conditions', {
    webhooks: [
      {
        ...HOOK,
        matchConditions: [
          { name: '', expression: '' },
          { name: 'a b', expression: 'true' },
          { name: 'a', expression: 'true' },
          { name: 'a', expression: 'true' },
        ],
      },
    ],
  }),
  policy('defaults', {
    spec: {
      matchConstraints: { resourceRules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }] },
      validations: [{ expression: 'true' }],
    },
  }),
  policyBinding('plain', { spec: { policyName: 'p', validationActions: ['Deny'] } }),
  mutatingPolicy('plain', {
    spec: {
      reinvocationPolicy: 'Never',
      matchConstraints: { resourceRules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }] },
      mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "add", path: "/x", value: "y"}]' } }],
    },
  }),
  runtimeClass('plain', { handler: 'a', scheduling: { tolerations: [{ key: 'a', operator: 'Exists' }] } }),
  slice('two endpoints', {
    addressType: 'IPv4',
    endpoints: [
      { addresses: ['10.1.1.1'], conditions: { ready: true }, zone: 'z' },
      { addresses: ['10.1.1.2'], nodeName: 'n', topology: {} },
    ],
    ports: [
      { name: 'a', port: 1 },
      { name: 'b', port: 2 },
    ],
  }),
  slice('port name twice', { addressType: 'IPv4', endpoints: [], ports: [{ name: 'a' }, { name: 'a' }] }),
  slice('names as addresses', { addressType: 'FQDN', endpoints: [{ addresses: ['A_b'] }] }),
  level('exempt with limits', { spec: { type: 'Exempt', limited: {} } }),
  level('generation', { spec: { type: 'Limited' } }, { spec: { type: 'Limited', limited: { nominalConcurrencyShares: 5 } } }),
  apiService('plain', {
    metadata: { name: 'v1.a.b' },
    spec: { group: 'a.b', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1, service: { name: 's', namespace: 'default' } },
  }),
  deviceClass('plain', { spec: { selectors: [{ cel: { expression: 'true' } }] } }, { spec: {} }),
  claimTemplate('defaults', {
    spec: { spec: { devices: { requests: [{ name: 'a', firstAvailable: [{ name: 'b', deviceClassName: 'c' }] }] } } },
  }),
  deviceSlice(
    'plain',
    { spec: { driver: 'a', nodeName: 'n', pool: { name: 'a', generation: 1, resourceSliceCount: 1 }, devices: [{ name: 'a' }] } },
    { spec: { driver: 'b', nodeName: 'm', pool: { name: 'a', generation: 1, resourceSliceCount: 1 } } },
  ),
  lease('plain update', { spec: { holderIdentity: 'h' } }, { spec: { holderIdentity: 'i', leaseTransitions: 1 } }),
  lease('preferred holder', { spec: { preferredHolder: 'x' } }),
  certificate('plain', { spec: CSR }),
  certificate('nothing', { spec: {} }),
  certificate('rules', { spec: { request: 'eA==', signerName: 'x', usages: ['x', 'client auth', 'client auth'], expirationSeconds: 5 } }),
  certificate('legacy signer', { spec: { ...CSR, signerName: 'kubernetes.io/legacy-unknown' } }),
  certificate('usages of clients', { spec: { ...CSR, signerName: 'kubernetes.io/kube-apiserver-client' } }),
  certificate(
    'spec does not change',
    { spec: CSR },
    { metadata: { labels: { a: 'b' } }, spec: { ...CSR, signerName: 'a.b/d', usages: [] } },
  ),
  certificate(
    'approval',
    { spec: CSR },
    { spec: CSR, status: { conditions: [{ type: 'Approved', status: 'True', reason: 'r', message: 'm' }], certificate: 'eA==' } },
    'approval',
  ),
  certificate(
    'approved and denied',
    { spec: CSR },
    {
      spec: CSR,
      status: {
        conditions: [
          { type: 'Approved', status: 'True' },
          { type: 'Denied', status: 'True' },
        ],
      },
    },
    'approval',
  ),
  certificate(
    'unapproved',
    { spec: CSR },
    { spec: CSR, status: { conditions: [{ type: 'Approved', status: 'False' }, { type: '' }] } },
    'approval',
  ),
  certificate(
    'status does not approve',
    { spec: CSR },
    { spec: CSR, status: { conditions: [{ type: 'Approved', status: 'True' }] } },
    'status',
  ),
  certificate('no certificate', { spec: CSR }, { spec: CSR, status: { certificate: 'eA==' } }, 'status'),
  quota(
    'status',
    { spec: { hard: { pods: '1' } } },
    { spec: { hard: { pods: '1' } }, status: { hard: { pods: '1' }, used: { pods: '0.5' } } },
    'status',
  ),
  claim('status', { spec: CLAIM }, { spec: CLAIM, status: { phase: 'Bound', capacity: { storage: '1Gi' } } }, 'status'),
  claim('data source', {
    spec: { ...CLAIM, dataSource: { kind: 'X', name: 'n' }, dataSourceRef: { apiGroup: 'a.b', kind: 'Y', name: '' } },
  }),
  claim('selector', { spec: { ...CLAIM, selector: { matchLabels: { 'a b': '' } } } }),
  volume('claim reference', { spec: { ...HOST_PATH, claimRef: { name: 'n', namespace: 'default' }, storageClassName: 'A_' } }),
  volume('csi', { spec: { ...HOST_PATH, hostPath: undefined, csi: { driver: '', volumeHandle: '' } } }),
  volume('affinity', {
    spec: {
      ...HOST_PATH,
      hostPath: undefined,
      local: { path: '/x' },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'X' }] }] } },
    },
  }),
  ingress(
    'status',
    { spec: { defaultBackend: BACKEND } },
    { spec: { defaultBackend: BACKEND }, status: { loadBalancer: { ingress: [{ ip: 'x' }] } } },
    'status',
  ),
  ingress('generation', { spec: { defaultBackend: BACKEND } }, { spec: { defaultBackend: BACKEND, ingressClassName: 'a' } }),
  networkPolicy('generation', { spec: { podSelector: {} } }, { spec: { podSelector: { matchLabels: { a: 'b' } } } }),
  autoscaler('generation and status', { spec: HPA }, { spec: HPA, status: { currentReplicas: -1, desiredReplicas: -1 } }, 'status'),
  autoscaler('metrics of objects', {
    spec: {
      ...HPA,
      metrics: [
        {
          type: 'Object',
          object: { describedObject: { kind: 'K', name: 'n' }, metric: { name: 'm' }, target: { type: 'Value', value: '5' } },
        },
        {
          type: 'External',
          external: {
            metric: { name: 'm', selector: { matchLabels: { a: 'b' } } },
            target: { type: 'AverageValue', averageValue: '1500m' },
          },
        },
        {
          type: 'ContainerResource',
          containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 5 } },
        },
      ],
    },
  }),
  priorityClass('two policies', { value: 5, preemptionPolicy: 'X' }),
  priorityClass('description', { value: 5, globalDefault: true, description: 'd' }, { value: 5, description: 'e' }),
  limitRange('requests above limits', {
    spec: { limits: [{ type: 'Container', default: { cpu: '1' }, defaultRequest: { cpu: '2' }, max: { cpu: '3' }, min: { cpu: '0' } }] },
  }),
  service('load balancer address', {
    spec: { type: 'LoadBalancer', loadBalancerIP: '1.2.3.4', allocateLoadBalancerNodePorts: false, ports: [PORT] },
  }),
  service(
    'node port kept',
    { spec: { type: 'NodePort', ports: [{ port: 1, nodePort: 30111 }] } },
    { spec: { type: 'NodePort', ports: [{ port: 2 }] } },
  ),
  service('selector changes', { spec: { selector: { a: 'b' }, ports: [PORT] } }, { spec: { selector: { c: 'd' }, ports: [PORT] } }),
  service('to node port', { spec: { ports: [PORT] } }, { spec: { type: 'NodePort', ports: [PORT] } }),
  service('policy local', { spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [PORT] } }),
  service('distribution', { spec: { trafficDistribution: 'PreferClose', publishNotReadyAddresses: true, ports: [PORT] } }),
  node('labels', { metadata: { labels: { 'beta.kubernetes.io/os': 'linux' } }, spec: { unschedulable: true } }),
  node('config source', { spec: { configSource: { configMap: {} } } }),
]

export interface Answer {
  status: number
  /** Of a refusal: its first line, as Go's printed differences follow. */
  message?: string
  warnings?: string[]
  object?: Body
}

/** What of an answer is the same on every server. */
export function answerOf(status: number, body: any, warnings: readonly string[]): Answer {
  const told = warnings.length === 0 ? {} : { warnings: [...warnings] }
  if (body.kind === 'Status') return { status, message: body.message.split('\n')[0], ...told }
  const { metadata, ...rest } = structuredClone(body)
  const { name, labels, annotations, generation } = metadata
  const text = JSON.stringify({ ...rest, metadata: { name, labels, annotations, generation } })
  const chosen = text
    // Of the client certificate it was recorded with.
    .replace(/"extra":\{"authentication.kubernetes.io\/credential-id":\[[^\]]*\]\},/, '')
    .replace(/,"extra":\{"authentication.kubernetes.io\/credential-id":\[[^\]]*\]\}/, '')
    .replaceAll(/"(last\w+Time)":"[^"]+"/g, '"$1":"now"')
    // Put there by admission.
    .replace('"taints":[{"key":"node.kubernetes.io/not-ready","effect":"NoSchedule"}]', '"taints":[]')
    .replace(',"taints":[]', '')
    .replace('"taints":[]', '')
    .replaceAll(/"clusterIP":"10\.\d+\.\d+\.\d+"/g, '"clusterIP":"chosen"')
    .replaceAll(/"clusterIPs":\["10\.\d+\.\d+\.\d+"\]/g, '"clusterIPs":["chosen"]')
    .replaceAll(/odePort":3\d{4}/g, 'odePort":30000')
  return { status, ...told, object: JSON.parse(chosen) }
}

/** What is recorded for a rule. */
export interface Answers {
  create: Answer
  /** Of what was created, before the update. */
  table?: { columns: unknown[]; cells: unknown[] }
  update?: Answer
}

/** Ages differ; of a description its beginning tells which it is. */
export function tableOf(columns: unknown[], cells: unknown[]): { columns: unknown[]; cells: unknown[] } {
  const named = columns as { name: string; description: string }[]
  // A controller's word comes some time after a flow schema.
  const settled = cells.map((cell, index) => (named[index]?.name === 'MissingPL' ? '?' : cell))
  const text = JSON.stringify(settled)
    .replaceAll(/"(?:\d+[smhd])+"|"20\d\d-[^"]*Z"/g, '"age"')
    .replaceAll(/"10\.0\.0\.\d+"/g, '"chosen"')
    .replaceAll(/:3\d{4}\//g, ':30000/')
  return { columns: named.map((column) => ({ ...column, description: column.description.slice(0, 40) })), cells: JSON.parse(text) }
}
