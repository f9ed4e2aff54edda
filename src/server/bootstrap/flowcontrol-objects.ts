/**
 * The priority levels and flow schemas that a cluster starts with.
 *
 * @see apiserver/pkg/apis/flowcontrol/bootstrap/default.go
 * @module
 */
import type { FlowSchemaSpec, PriorityLevelConfigurationSpec, ResourcePolicyRule, Subject } from '../../api/types/flowcontrol/v1.ts'
import { MANDATORY_FLOW_SCHEMAS, MANDATORY_PRIORITY_LEVELS } from '../../registry/flowcontrol/mandatory.ts'

type Named<T> = readonly (readonly [name: string, spec: T])[]

const group = (name: string): Subject => ({ kind: 'Group', group: { name } })
const user = (name: string): Subject => ({ kind: 'User', user: { name } })
const KUBE_SYSTEM_ACCOUNTS: Subject = { kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name: '*' } }
const EVERYBODY = [group('system:unauthenticated'), group('system:authenticated')]

const EVERY_RESOURCE: ResourcePolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }
const EVERYTHING = { resourceRules: [EVERY_RESOURCE], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }

function level(shares: number, queues: number, handSize: number, lendablePercent: number): PriorityLevelConfigurationSpec {
  return {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: shares,
      limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } },
      lendablePercent,
    },
  }
}

function schema(
  level: string,
  precedence: number,
  distinguisher: 'ByUser' | 'ByNamespace' | undefined,
  rules: FlowSchemaSpec['rules'],
): FlowSchemaSpec {
  return {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: precedence,
    ...(distinguisher === undefined ? {} : { distinguisherMethod: { type: distinguisher } }),
    rules,
  }
}

export const SUGGESTED_LEVELS: Named<PriorityLevelConfigurationSpec> = [
  ['system', level(30, 64, 6, 33)],
  ['node-high', level(40, 64, 6, 25)],
  ['leader-election', level(10, 16, 4, 0)],
  ['workload-high', level(40, 128, 6, 50)],
  ['workload-low', level(100, 128, 6, 90)],
  ['global-default', level(20, 128, 6, 50)],
]

export const SUGGESTED_SCHEMAS: Named<FlowSchemaSpec> = [
  ['system-nodes', schema('system', 500, 'ByUser', [{ subjects: [group('system:nodes')], ...EVERYTHING }])],
  [
    'system-node-high',
    schema('node-high', 400, 'ByUser', [
      {
        subjects: [group('system:nodes')],
        resourceRules: [
          { verbs: ['*'], apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true, namespaces: ['*'] },
          { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] },
        ],
      },
    ]),
  ],
  [
    'probes',
    schema('exempt', 2, undefined, [
      { subjects: EVERYBODY, nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }] },
    ]),
  ],
  [
    'system-leader-election',
    schema('leader-election', 100, 'ByUser', [
      {
        subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler'), KUBE_SYSTEM_ACCOUNTS],
        resourceRules: [
          { verbs: ['get', 'create', 'update'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] },
        ],
      },
    ]),
  ],
  [
    'kube-controller-manager',
    schema('workload-high', 800, 'ByNamespace', [{ subjects: [user('system:kube-controller-manager')], ...EVERYTHING }]),
  ],
  ['kube-scheduler', schema('workload-high', 800, 'ByNamespace', [{ subjects: [user('system:kube-scheduler')], ...EVERYTHING }])],
  ['kube-system-service-accounts', schema('workload-high', 900, 'ByNamespace', [{ subjects: [KUBE_SYSTEM_ACCOUNTS], ...EVERYTHING }])],
  ['service-accounts', schema('workload-low', 9000, 'ByUser', [{ subjects: [group('system:serviceaccounts')], ...EVERYTHING }])],
  ['global-default', schema('global-default', 9900, 'ByUser', [{ subjects: EVERYBODY, ...EVERYTHING }])],
]

export const MANDATORY_LEVELS: Named<PriorityLevelConfigurationSpec> = Object.entries(MANDATORY_PRIORITY_LEVELS)
export const MANDATORY_SCHEMAS: Named<FlowSchemaSpec> = Object.entries(MANDATORY_FLOW_SCHEMAS)
