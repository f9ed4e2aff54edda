/**
 * kube-apiserver's flags as `podpass serve` takes them, and kube-controller-manager's for the controllers in the same process.
 *
 * Three kinds: those that are acted upon; those that are accepted because they tune a part which podpass does not have, so that nothing is
 * lost by passing them; and those that ask for something podpass does not do, which are refused rather than ignored.
 *
 * @see cmd/kube-apiserver/app/options/options.go, cmd/kube-controller-manager/app/options/options.go
 * @module
 */
import { AUDIT_FLAGS } from './auditflags.ts'
import { AUTHENTICATION_FLAGS } from './authenticationflags.ts'
import { AUTHORIZATION_FLAGS } from './authorizationflags.ts'
import type { Flag, Flags } from './flags.ts'

const SERVING = 'Serving'
const STORE = 'Store'
const ACCOUNTS = 'Service accounts'
const AUTHENTICATION = 'Authentication'
const AUTHORIZATION = 'Authorization and admission'
const API = 'API'
const CONTROLLERS = 'Controllers'
const OURS = 'Only podpass'

/** What the server acts upon. */
export const SERVER_FLAGS = {
  'bind-address': {
    category: SERVING,
    type: 'string',
    value: 'ip',
    default: '127.0.0.1',
    help: 'The address to listen on. kube-apiserver listens on all of them unless told otherwise; podpass on loopback only.',
  },
  'secure-port': { category: SERVING, type: 'int', default: 6443, help: 'The HTTPS port. 0 takes any free one.' },
  'advertise-address': {
    category: SERVING,
    type: 'string',
    value: 'ip',
    help: 'The address in the endpoints of the kubernetes Service; the bind address when not given.',
  },
  'external-hostname': { category: SERVING, type: 'string', help: 'The host in the URLs that the server says of itself.' },
  'tls-cert-file': {
    category: SERVING,
    type: 'string',
    value: 'file',
    help: 'The serving certificate, followed by its intermediates. Made by a CA of its own in --cert-dir when not given.',
  },
  'tls-private-key-file': { category: SERVING, type: 'string', value: 'file', help: 'The key of --tls-cert-file.' },
  'tls-sni-cert-key': {
    category: SERVING,
    type: 'stringArray',
    value: 'cert,key[:names]',
    help: 'A further certificate and key for clients that ask for one of the names; those of the certificate when none are given.',
  },
  'tls-min-version': { category: SERVING, type: 'string', default: 'VersionTLS12', help: 'VersionTLS12 or VersionTLS13.' },
  'tls-cipher-suites': {
    category: SERVING,
    type: 'strings',
    default: [],
    help: "Cipher suites of TLS 1.2 by their IANA names; the platform's when none are given.",
  },
  'cert-dir': {
    category: SERVING,
    type: 'string',
    value: 'folder',
    help: 'Where a serving certificate that podpass made itself is kept; pki in the data folder when not given.',
  },
  'cors-allowed-origins': {
    category: SERVING,
    type: 'strings',
    default: [],
    help: 'Regular expressions; browsers may call from origins that match one.',
  },
  'request-timeout': { category: SERVING, type: 'duration', default: 60, help: 'The longest a request that is no watch may take.' },
  'min-request-timeout': {
    category: SERVING,
    type: 'int',
    value: 'seconds',
    default: 1800,
    help: 'A watch without a timeout of its own gets a random one of at least this.',
  },
  'shutdown-delay-duration': {
    category: SERVING,
    type: 'duration',
    default: 0,
    help: 'How long after the signal to stop requests are still answered while /readyz fails.',
  },
  'max-requests-inflight': {
    category: SERVING,
    type: 'int',
    default: 400,
    help: 'Together with the next, how many requests are worked on at once.',
  },
  'max-mutating-requests-inflight': { category: SERVING, type: 'int', default: 200, help: 'Requests that change something, likewise.' },
  'enable-priority-and-fairness': {
    category: SERVING,
    type: 'bool',
    default: true,
    help: 'Queue by flow schemas and priority levels instead of by the two numbers alone.',
  },

  ...AUDIT_FLAGS,

  'etcd-servers': { category: STORE, type: 'strings', default: [], help: 'An etcd cluster as the store, by its URLs.' },
  'etcd-cafile': { category: STORE, type: 'string', value: 'file', help: 'Who signed the certificates of etcd.' },
  'etcd-certfile': { category: STORE, type: 'string', value: 'file', help: 'The certificate to show to etcd.' },
  'etcd-keyfile': { category: STORE, type: 'string', value: 'file', help: 'The key of --etcd-certfile.' },
  'etcd-prefix': { category: STORE, type: 'string', default: '/registry', help: 'What every key in etcd begins with.' },
  'etcd-compaction-interval': {
    category: STORE,
    type: 'duration',
    default: 300,
    help: 'How often old revisions are dropped, on either store; 0 for never.',
  },
  'data-dir': {
    category: STORE,
    type: 'string',
    value: 'folder',
    help: 'The embedded store, in this folder. Without --etcd-servers the default is ./.podpass.',
  },

  'service-account-issuer': {
    category: ACCOUNTS,
    type: 'stringArray',
    default: [],
    help: 'The iss of tokens. The first issues, all are accepted.',
  },
  'service-account-signing-key-file': { category: ACCOUNTS, type: 'string', value: 'file', help: 'The private key that signs tokens.' },
  'service-account-signing-endpoint': {
    category: ACCOUNTS,
    type: 'string',
    value: 'socket',
    help: 'A program that signs tokens and keeps the key to itself; in place of both key files.',
  },
  'service-account-key-file': {
    category: ACCOUNTS,
    type: 'stringArray',
    value: 'file',
    default: [],
    help: 'Public or private keys that verify tokens; a file may hold several.',
  },
  'service-account-jwks-uri': {
    category: ACCOUNTS,
    type: 'string',
    value: 'url',
    help: 'jwks_uri in the discovery document, where keys are published elsewhere.',
  },
  'service-account-max-token-expiration': { category: ACCOUNTS, type: 'duration', help: 'The longest life that a requested token gets.' },
  'service-account-extend-token-expiration': {
    category: ACCOUNTS,
    type: 'bool',
    default: true,
    help: 'Tokens that admission injected live a year, with a warning after their hour.',
  },
  'service-account-lookup': {
    category: ACCOUNTS,
    type: 'bool',
    default: true,
    help: 'Look up the account and the bound object at every request.',
  },
  'service-account-signing-key-dir': {
    category: ACCOUNTS,
    type: 'string',
    value: 'folder',
    help: 'Signing keys have a life in this folder (podpass keys): --service-account-signing-key-file is the first. Servers on one etcd share the lives.',
  },
  'strict-node-claim': {
    category: ACCOUNTS,
    type: 'bool',
    default: false,
    help: "A pod's token dies with the node that it names, too. Kubernetes never looks at that node again.",
  },
  'legacy-tokens': {
    category: ACCOUNTS,
    type: 'bool',
    default: false,
    help: 'Give every account a Secret with a token that never ends, as Kubernetes did until 1.23.',
  },
  'token-ledger': {
    category: ACCOUNTS,
    type: 'bool',
    default: true,
    help: 'Remember issued tokens (never the tokens themselves), so that they can be listed and revoked.',
  },
  'api-audiences': {
    category: ACCOUNTS,
    type: 'strings',
    default: [],
    help: 'The audiences of this API; the first issuer when none are given.',
  },

  'client-ca-file': {
    category: AUTHENTICATION,
    type: 'string',
    value: 'file',
    help: 'Client certificates signed by one of these name their user (CN) and groups (O).',
  },
  ...AUTHENTICATION_FLAGS,
  'enable-bootstrap-token-auth': {
    category: AUTHENTICATION,
    type: 'bool',
    default: false,
    help: 'Accept the tokens in Secrets of type bootstrap.kubernetes.io/token in kube-system.',
  },
  'token-auth-file': {
    category: AUTHENTICATION,
    type: 'string',
    value: 'file',
    help: 'Static tokens: token,user,uid,"groups" a line. Needs --unsafe-static-tokens, because such tokens never expire.',
  },
  'unsafe-static-tokens': { category: AUTHENTICATION, type: 'bool', default: false, help: 'Accept --token-auth-file.' },
  'requestheader-client-ca-file': {
    category: AUTHENTICATION,
    type: 'string',
    value: 'file',
    help: 'Who signs the certificate of a front proxy that may speak for others.',
  },
  'requestheader-allowed-names': {
    category: AUTHENTICATION,
    type: 'strings',
    default: [],
    help: 'Common names that the front proxy may have; any when none are given.',
  },
  'requestheader-username-headers': { category: AUTHENTICATION, type: 'strings', default: [], help: 'Headers that hold the user name.' },
  'requestheader-uid-headers': { category: AUTHENTICATION, type: 'strings', default: [], help: 'Headers that hold the uid.' },
  'requestheader-group-headers': { category: AUTHENTICATION, type: 'strings', default: [], help: 'Headers that hold groups.' },
  'requestheader-extra-headers-prefix': {
    category: AUTHENTICATION,
    type: 'strings',
    default: [],
    help: 'What headers with extra information begin with.',
  },

  ...AUTHORIZATION_FLAGS,
  'enable-admission-plugins': {
    category: AUTHORIZATION,
    type: 'strings',
    default: [],
    help: 'Plugins in addition to those that are on by default.',
  },
  'disable-admission-plugins': { category: AUTHORIZATION, type: 'strings', default: [], help: 'Plugins to leave out.' },
  'default-not-ready-toleration-seconds': {
    category: AUTHORIZATION,
    type: 'int',
    default: 300,
    help: 'How long a pod tolerates a node that is not ready, where it does not say.',
  },
  'default-unreachable-toleration-seconds': {
    category: AUTHORIZATION,
    type: 'int',
    default: 300,
    help: 'How long a pod tolerates a node that cannot be reached, where it does not say.',
  },
  'allow-privileged': {
    category: AUTHORIZATION,
    type: 'bool',
    default: true,
    help: 'Accept pods with privileged containers. kube-apiserver does not unless told so.',
  },

  'emulated-version': {
    category: API,
    type: 'strings',
    default: ['1.34'],
    help: 'The Kubernetes minor whose tables kubectl prints: 1.33 to 1.36.',
  },
  'runtime-config': {
    category: API,
    type: 'map',
    default: {},
    help: 'API versions and resources to turn off, or to keep on: apps/v1=false, api/ga=false,batch/v1=true.',
  },
  'service-cluster-ip-range': {
    category: API,
    type: 'string',
    value: 'cidr[,cidr]',
    default: '10.0.0.0/24',
    help: 'Where cluster IPs come from; two of different families for dual stack.',
  },
  'service-node-port-range': {
    category: API,
    type: 'string',
    value: 'from-to',
    default: '30000-32767',
    help: 'Where node ports come from.',
  },
  'event-ttl': { category: API, type: 'duration', default: 3600, help: 'How long events are kept.' },

  controllers: {
    category: CONTROLLERS,
    type: 'strings',
    default: ['*'],
    help: "Which controllers run, by kube-controller-manager's names: * for those that are on by default, foo, -foo; -* for none.",
  },
  'root-ca-file': {
    category: CONTROLLERS,
    type: 'string',
    value: 'file',
    help: "The CA in every namespace's kube-root-ca.crt; the one that signed the serving certificate when not given.",
  },
  'service-account-private-key-file': {
    category: CONTROLLERS,
    type: 'string',
    value: 'file',
    help: 'The key that signs the tokens in token Secrets; the signing key when not given.',
  },
  'cluster-signing-cert-file': {
    category: CONTROLLERS,
    type: 'string',
    value: 'file',
    help: 'The CA that signs certificate signing requests; nothing is signed without one.',
  },
  'cluster-signing-key-file': { category: CONTROLLERS, type: 'string', value: 'file', help: 'The key of --cluster-signing-cert-file.' },
  'cluster-signing-duration': {
    category: CONTROLLERS,
    type: 'duration',
    default: 31_536_000,
    help: 'The longest life of a certificate that is signed.',
  },
  'legacy-service-account-token-clean-up-period': {
    category: CONTROLLERS,
    type: 'duration',
    default: 31_536_000,
    help: 'How long a token Secret may go unused before it is marked, and then removed.',
  },

  nodes: { category: OURS, type: 'int', default: 0, help: 'Node agents inside this process. 0, nodes belong to others, is all there is.' },
  scheduler: {
    category: OURS,
    type: 'bool',
    default: false,
    help: 'Give pods a node. false, pods are left to another scheduler, is all there is.',
  },
} as const satisfies Flags

/** How many objects a controller handles at once: flag, kube-controller-manager's default, controller. */
export const CONCURRENCY_FLAGS: Readonly<Record<string, { default: number; controller: string }>> = {
  'concurrent-cron-job-syncs': { default: 5, controller: 'cronjob-controller' },
  'concurrent-daemonset-syncs': { default: 2, controller: 'daemonset-controller' },
  'concurrent-deployment-syncs': { default: 5, controller: 'deployment-controller' },
  'concurrent-endpoint-syncs': { default: 5, controller: 'endpoints-controller' },
  'concurrent-gc-syncs': { default: 20, controller: 'garbage-collector-controller' },
  'concurrent-job-syncs': { default: 5, controller: 'job-controller' },
  'concurrent-namespace-syncs': { default: 10, controller: 'namespace-controller' },
  'concurrent-rc-syncs': { default: 5, controller: 'replicationcontroller-controller' },
  'concurrent-replicaset-syncs': { default: 5, controller: 'replicaset-controller' },
  'concurrent-resource-quota-syncs': { default: 5, controller: 'resourcequota-controller' },
  'concurrent-service-endpoint-syncs': { default: 5, controller: 'endpointslice-controller' },
  'concurrent-serviceaccount-token-syncs': { default: 5, controller: 'serviceaccount-token-controller' },
  'concurrent-statefulset-syncs': { default: 5, controller: 'statefulset-controller' },
  'concurrent-ttl-after-finished-syncs': { default: 5, controller: 'ttl-after-finished-controller' },
}

const bool = (reason: string): OtherFlag => ({ type: 'bool', reason })
const text = (reason: string): OtherFlag => ({ type: 'stringArray', reason })

export interface OtherFlag {
  type: Flag['type']
  /** Completes "--name is accepted and does nothing: …" or "--name is refused: …". */
  reason: string
}

const CACHE = 'every resource is watched and cached, without a size to set'
const ETCD = 'the store decides for itself'
const AGGREGATOR = 'there is no aggregation layer'
const KUBELET = 'the server makes no calls to kubelets'
const PEER = 'replicas do not call each other'
const LOGS = 'logs are JSON lines, or short text on a terminal'
const METRICS = 'all metrics are served'
const LEADER = 'controllers of several replicas agree by a Lease of their own'
const IN_PROCESS = 'controllers run inside the server and call it directly'
const SHUTDOWN = 'a stopping server finishes what it has begun'
const CONTROLLER = 'no controller here is tuned by it'

/** Accepted, so that whoever starts a kube-apiserver can start podpass by the same command line; a line of the log names them. */
export const FLAGS_WITHOUT_EFFECT: Readonly<Record<string, OtherFlag>> = {
  'watch-cache': bool(CACHE),
  'watch-cache-sizes': text(CACHE),
  'delete-collection-workers': text(CACHE),
  'storage-backend': text(ETCD),
  'storage-media-type': text('objects are stored as JSON; protobuf that others stored is read'),
  'etcd-count-metric-poll-period': text(ETCD),
  'etcd-db-metric-poll-interval': text(ETCD),
  'etcd-healthcheck-timeout': text(ETCD),
  'etcd-readycheck-timeout': text(ETCD),
  'lease-reuse-duration-seconds': text(ETCD),
  'storage-initialization-timeout': text(ETCD),
  'goaway-chance': text('connections are not moved between replicas'),
  'livez-grace-period': text('start-up takes less than a second'),
  'http2-max-streams-per-connection': text('the limit is fixed'),
  'permit-address-sharing': bool('a taken address is an error'),
  'permit-port-sharing': bool('a taken port is an error'),
  'shutdown-send-retry-after': bool(SHUTDOWN),
  'shutdown-watch-termination-grace-period': text(SHUTDOWN),
  profiling: bool('profiles are not served'),
  'contention-profiling': bool('there are no locks to profile'),
  'feature-gates': text('features are those of 1.36 with their defaults'),
  'emulation-forward-compatible': bool('only table columns are emulated'),
  'runtime-config-emulation-forward-compatible': bool('only table columns are emulated'),
  'min-compatibility-version': text('only table columns are emulated'),
  'aggregator-reject-forwarding-redirect': bool(AGGREGATOR),
  'enable-aggregator-routing': bool(AGGREGATOR),
  'proxy-client-cert-file': text(AGGREGATOR),
  'proxy-client-key-file': text(AGGREGATOR),
  'coordinated-leadership-lease-duration': text(LEADER),
  'coordinated-leadership-renew-deadline': text(LEADER),
  'coordinated-leadership-retry-period': text(LEADER),
  'endpoint-reconciler-type': text('endpoints of the kubernetes Service are kept by a Lease'),
  'kubelet-certificate-authority': text(KUBELET),
  'kubelet-client-certificate': text(KUBELET),
  'kubelet-client-key': text(KUBELET),
  'kubelet-preferred-address-types': text(KUBELET),
  'kubelet-timeout': text(KUBELET),
  'peer-advertise-ip': text(PEER),
  'peer-advertise-port': text(PEER),
  'peer-ca-file': text(PEER),
  'log-flush-frequency': text(LOGS),
  'log-json-info-buffer-size': text(LOGS),
  'log-json-split-stream': bool(LOGS),
  'log-text-info-buffer-size': text(LOGS),
  'log-text-split-stream': bool(LOGS),
  'logging-format': text(LOGS),
  v: text(LOGS),
  vmodule: text(LOGS),
  'allow-metric-labels': text(METRICS),
  'allow-metric-labels-manifest': text(METRICS),
  'disabled-metrics': text(METRICS),
  'show-hidden-metrics-for-version': text(METRICS),
  'leader-elect': bool(LEADER),
  'leader-elect-lease-duration': text(LEADER),
  'leader-elect-renew-deadline': text(LEADER),
  'leader-elect-retry-period': text(LEADER),
  'leader-elect-resource-lock': text(LEADER),
  'leader-elect-resource-name': text(LEADER),
  'leader-elect-resource-namespace': text(LEADER),
  'use-service-account-credentials': bool(IN_PROCESS),
  'kube-api-qps': text(IN_PROCESS),
  'kube-api-burst': text(IN_PROCESS),
  'kube-api-content-type': text(IN_PROCESS),
  'controller-start-interval': text(IN_PROCESS),
  'controller-shutdown-timeout': text(IN_PROCESS),
  'min-resync-period': text(CONTROLLER),
  'namespace-sync-period': text(CONTROLLER),
  'resource-quota-sync-period': text(CONTROLLER),
  'cluster-name': text(CONTROLLER),
}

const CONFIGURED = 'podpass does not read such a file'
const SIGNER = 'one CA signs for all signers; give it as --cluster-signing-cert-file'

/** Asking for these and not getting them would be worse than not starting. */
export const REFUSED_FLAGS: Readonly<Record<string, OtherFlag>> = {
  'admission-control': text('it is gone from Kubernetes; use --enable-admission-plugins and --disable-admission-plugins'),
  'admission-control-config-file': text(CONFIGURED),
  'egress-selector-config-file': text(CONFIGURED),
  'tracing-config-file': text(CONFIGURED),
  'encryption-provider-config': text('podpass does not encrypt what it stores; use an encrypted disk'),
  'encryption-provider-config-automatic-reload': bool('podpass does not encrypt what it stores; use an encrypted disk'),
  'etcd-servers-overrides': text('all resources are in one store'),
  'enable-garbage-collector': bool('turn it off by --controllers=*,-garbage-collector-controller'),
  'disable-http2-serving': bool('both HTTP versions are served on one port'),
  'debug-socket-path': text('there is no socket without authentication'),
  'enable-logs-handler': bool('logs are not served'),
  'max-connection-bytes-per-sec': text('connections are not throttled'),
  'kubernetes-service-node-port': text('the kubernetes Service is of type ClusterIP'),
  'strict-transport-security-directives': text('the header is not sent'),
  'tls-curve-preferences': text("curves are the platform's"),
  kubeconfig: text(IN_PROCESS),
  master: text(IN_PROCESS),
  'authentication-kubeconfig': text(IN_PROCESS),
  'authorization-kubeconfig': text(IN_PROCESS),
  'cluster-signing-kube-apiserver-client-cert-file': text(SIGNER),
  'cluster-signing-kube-apiserver-client-key-file': text(SIGNER),
  'cluster-signing-kubelet-client-cert-file': text(SIGNER),
  'cluster-signing-kubelet-client-key-file': text(SIGNER),
  'cluster-signing-kubelet-serving-cert-file': text(SIGNER),
  'cluster-signing-kubelet-serving-key-file': text(SIGNER),
  'cluster-signing-legacy-unknown-cert-file': text(SIGNER),
  'cluster-signing-legacy-unknown-key-file': text(SIGNER),
}

/** Values of refused switches that ask for nothing: what kube-apiserver does without them. */
export const HARMLESS_VALUES: Readonly<Record<string, boolean | string>> = {
  'enable-garbage-collector': true,
  'disable-http2-serving': false,
  'enable-logs-handler': false,
}

/** kube-apiserver's admission plugins. @see pkg/kubeapiserver/options/plugins.go, AllOrderedPlugins */
export const ADMISSION_PLUGINS: readonly string[] = [
  'AlwaysAdmit',
  'AlwaysDeny',
  'AlwaysPullImages',
  'CertificateApproval',
  'CertificateSigning',
  'CertificateSubjectRestriction',
  'ClusterTrustBundleAttest',
  'DefaultIngressClass',
  'DefaultStorageClass',
  'DefaultTolerationSeconds',
  'DenyServiceExternalIPs',
  'EventRateLimit',
  'ExtendedResourceToleration',
  'ImagePolicyWebhook',
  'JobValidation',
  'LimitPodHardAntiAffinityTopology',
  'LimitRanger',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionWebhook',
  'NamespaceAutoProvision',
  'NamespaceExists',
  'NamespaceLifecycle',
  'NodeDeclaredFeatureValidator',
  'NodeRestriction',
  'OwnerReferencesPermissionEnforcement',
  'PersistentVolumeClaimResize',
  'PodGroupProtection',
  'PodGroupWorkloadExists',
  'PodNodeSelector',
  'PodResizeValidator',
  'PodSecurity',
  'PodTolerationRestriction',
  'PodTopologyLabels',
  'Priority',
  'ResourceQuota',
  'RuntimeClass',
  'ServiceAccount',
  'StorageObjectInUseProtection',
  'TaintNodesByCondition',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
]

/** kube-controller-manager's controllers. @see cmd/kube-controller-manager/names/controller_names.go */
export const CONTROLLER_NAMES: readonly string[] = [
  'bootstrap-signer-controller',
  'certificatesigningrequest-approving-controller',
  'certificatesigningrequest-cleaner-controller',
  'certificatesigningrequest-signing-controller',
  'cloud-node-lifecycle-controller',
  'clusterrole-aggregation-controller',
  'cronjob-controller',
  'daemonset-controller',
  'deployment-controller',
  'device-taint-eviction-controller',
  'disruption-controller',
  'endpoints-controller',
  'endpointslice-controller',
  'endpointslice-mirroring-controller',
  'ephemeral-volume-controller',
  'garbage-collector-controller',
  'horizontal-pod-autoscaler-controller',
  'job-controller',
  'kube-apiserver-serving-clustertrustbundle-publisher-controller',
  'legacy-serviceaccount-token-cleaner-controller',
  'namespace-controller',
  'node-ipam-controller',
  'node-lifecycle-controller',
  'node-route-controller',
  'persistentvolume-attach-detach-controller',
  'persistentvolume-binder-controller',
  'persistentvolume-expander-controller',
  'persistentvolume-protection-controller',
  'persistentvolumeclaim-protection-controller',
  'pod-garbage-collector-controller',
  'podcertificaterequest-cleaner-controller',
  'podgroup-protection-controller',
  'replicaset-controller',
  'replicationcontroller-controller',
  'resourceclaim-controller',
  'resourcepoolstatusrequest-controller',
  'resourcequota-controller',
  'root-ca-certificate-publisher-controller',
  'selinux-warning-controller',
  'service-cidr-controller',
  'service-lb-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'statefulset-controller',
  'storage-version-migrator-controller',
  'storageversion-garbage-collector-controller',
  'taint-eviction-controller',
  'token-cleaner-controller',
  'ttl-after-finished-controller',
  'ttl-controller',
  'validatingadmissionpolicy-status-controller',
  'volumeattributesclass-protection-controller',
]

/** Names that kube-controller-manager had before and still takes. @see ControllerDescriptor.aliases */
export const CONTROLLER_ALIASES: Readonly<Record<string, string>> = {
  attachdetach: 'persistentvolume-attach-detach-controller',
  bootstrapsigner: 'bootstrap-signer-controller',
  'cloud-node-lifecycle': 'cloud-node-lifecycle-controller',
  'clusterrole-aggregation': 'clusterrole-aggregation-controller',
  cronjob: 'cronjob-controller',
  csrapproving: 'certificatesigningrequest-approving-controller',
  csrcleaner: 'certificatesigningrequest-cleaner-controller',
  csrsigning: 'certificatesigningrequest-signing-controller',
  daemonset: 'daemonset-controller',
  deployment: 'deployment-controller',
  disruption: 'disruption-controller',
  endpoint: 'endpoints-controller',
  endpointslice: 'endpointslice-controller',
  endpointslicemirroring: 'endpointslice-mirroring-controller',
  'ephemeral-volume': 'ephemeral-volume-controller',
  garbagecollector: 'garbage-collector-controller',
  horizontalpodautoscaling: 'horizontal-pod-autoscaler-controller',
  job: 'job-controller',
  'legacy-service-account-token-cleaner': 'legacy-serviceaccount-token-cleaner-controller',
  namespace: 'namespace-controller',
  nodeipam: 'node-ipam-controller',
  nodelifecycle: 'node-lifecycle-controller',
  'persistentvolume-binder': 'persistentvolume-binder-controller',
  'persistentvolume-expander': 'persistentvolume-expander-controller',
  podgc: 'pod-garbage-collector-controller',
  'pv-protection': 'persistentvolume-protection-controller',
  'pvc-protection': 'persistentvolumeclaim-protection-controller',
  replicaset: 'replicaset-controller',
  replicationcontroller: 'replicationcontroller-controller',
  'resource-claim-controller': 'resourceclaim-controller',
  resourcequota: 'resourcequota-controller',
  'root-ca-cert-publisher': 'root-ca-certificate-publisher-controller',
  route: 'node-route-controller',
  service: 'service-lb-controller',
  serviceaccount: 'serviceaccount-controller',
  'serviceaccount-token': 'serviceaccount-token-controller',
  statefulset: 'statefulset-controller',
  'storage-version-gc': 'storageversion-garbage-collector-controller',
  svm: 'storage-version-migrator-controller',
  tokencleaner: 'token-cleaner-controller',
  ttl: 'ttl-controller',
  'ttl-after-finished': 'ttl-after-finished-controller',
}

const others = (table: Readonly<Record<string, OtherFlag>>): Record<string, Flag> =>
  Object.fromEntries(Object.entries(table).map(([name, { type, reason }]) => [name, { type, help: reason }]))

const concurrency: Record<string, Flag> = Object.fromEntries(
  Object.entries(CONCURRENCY_FLAGS).map(([name, { default: number, controller }]) => [
    name,
    { type: 'int', default: number, category: CONTROLLERS, help: `How many objects the ${controller} handles at once.` },
  ]),
)

/** Everything that `podpass serve` can read; what it acts upon comes first. */
export const SERVE_FLAGS: Flags = { ...SERVER_FLAGS, ...concurrency, ...others(FLAGS_WITHOUT_EFFECT), ...others(REFUSED_FLAGS) }
/** What `--help` shows. */
export const SHOWN_FLAGS: Flags = { ...SERVER_FLAGS, ...concurrency }
