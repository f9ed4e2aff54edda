/**
 * Which plugins run, and in which order.
 *
 * @see pkg/kubeapiserver/options/plugins.go, apiserver/pkg/server/options/admission.go
 * @module
 */
import { quote } from '../api/status.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import type { Cache } from '../cache/cache.ts'
import type { Clock } from '../clock.ts'
import type { AdmissionPlugin } from './admission.ts'
import { alwaysAdmit, alwaysDeny } from './alwaysdeny.ts'
import { alwaysPullImages } from './alwayspullimages.ts'
import { certificateApproval, certificateSigning, certificateSubjectRestriction, clusterTrustBundleAttest } from './certificates.ts'
import { persistentVolumeClaimResize } from './claimresize.ts'
import { defaultIngressClass } from './defaultingressclass.ts'
import { defaultStorageClass } from './defaultstorageclass.ts'
import { defaultTolerationSeconds, type TolerationSeconds } from './defaulttolerationseconds.ts'
import { limitRanger } from './limitranger.ts'
import { namespaceLifecycle } from './namespacelifecycle.ts'
import { nodeDeclaredFeatures } from './nodedeclaredfeatures.ts'
import { nodeRestriction } from './noderestriction.ts'
import { ownerReferencesPermission, type ServedAs } from './ownerreferencespermission.ts'
import { podResize } from './podresize.ts'
import { type PodSecurityConfiguration, podSecurity } from './podsecurity.ts'
import { podTopologyLabels } from './podtopologylabels.ts'
import { priority } from './priority.ts'
import { type ResourceQuotaDeps, resourceQuota } from './resourcequota.ts'
import { runtimeClass } from './runtimeclass.ts'
import { serviceAccountAdmission } from './serviceaccount.ts'
import { storageObjectInUseProtection } from './storageobjectinuse.ts'
import { taintNodesByCondition } from './taintnodes.ts'

export interface AdmissionDeps {
  /** With the caches of all built-in resources registered. */
  cache: Cache
  clock: Clock
  /** Real time, for short waits. */
  waitingClock: Clock
  authorizer: Authorizer
  randomSuffix(length: number): string
  /** Resources that objects of a kind are served as; empty when none. */
  servedAs(apiVersion: string, kind: string): readonly ServedAs[]
  updateQuotaStatus: ResourceQuotaDeps['updateQuotaStatus']
  tolerationSeconds?: TolerationSeconds
  podSecurity?: PodSecurityConfiguration
  /** Plugins made elsewhere (webhooks, policies), by upstream's name. */
  more?: readonly AdmissionPlugin[]
}

export interface PluginFlags {
  /** `--enable-admission-plugins`: in addition to the default ones. */
  enable?: readonly string[]
  /** `--disable-admission-plugins`. */
  disable?: readonly string[]
}

type Factory = (deps: AdmissionDeps) => AdmissionPlugin | undefined

const BY_DEFAULT = true
const BY_FLAG = false

/** From another room; without it the plugin does not run. */
const given =
  (name: string): Factory =>
  ({ more }) =>
    more?.find((plugin) => plugin.name === name)

/** Upstream's order. Plugins without a factory are known by name and not built here. */
const PLUGINS: readonly (readonly [name: string, byDefault: boolean, make?: Factory])[] = [
  ['AlwaysAdmit', BY_FLAG, () => alwaysAdmit],
  ['NamespaceAutoProvision', BY_FLAG],
  ['NamespaceLifecycle', BY_DEFAULT, namespaceLifecycle],
  ['NamespaceExists', BY_FLAG],
  ['LimitPodHardAntiAffinityTopology', BY_FLAG],
  ['LimitRanger', BY_DEFAULT, limitRanger],
  ['ServiceAccount', BY_DEFAULT, serviceAccountAdmission],
  ['NodeRestriction', BY_FLAG, nodeRestriction],
  ['TaintNodesByCondition', BY_DEFAULT, () => taintNodesByCondition],
  ['AlwaysPullImages', BY_FLAG, () => alwaysPullImages],
  ['ImagePolicyWebhook', BY_FLAG],
  ['PodSecurity', BY_DEFAULT, podSecurity],
  ['PodNodeSelector', BY_FLAG],
  ['Priority', BY_DEFAULT, priority],
  [
    'DefaultTolerationSeconds',
    BY_DEFAULT,
    ({ tolerationSeconds }) => defaultTolerationSeconds(tolerationSeconds ?? { notReady: 300, unreachable: 300 }),
  ],
  ['PodTolerationRestriction', BY_FLAG],
  ['EventRateLimit', BY_FLAG],
  ['ExtendedResourceToleration', BY_FLAG],
  ['DefaultStorageClass', BY_DEFAULT, defaultStorageClass],
  ['StorageObjectInUseProtection', BY_DEFAULT, () => storageObjectInUseProtection],
  ['OwnerReferencesPermissionEnforcement', BY_FLAG, ownerReferencesPermission],
  ['PersistentVolumeClaimResize', BY_DEFAULT, persistentVolumeClaimResize],
  ['RuntimeClass', BY_DEFAULT, runtimeClass],
  ['CertificateApproval', BY_DEFAULT, ({ authorizer }) => certificateApproval(authorizer)],
  ['CertificateSigning', BY_DEFAULT, ({ authorizer }) => certificateSigning(authorizer)],
  ['ClusterTrustBundleAttest', BY_DEFAULT, ({ authorizer }) => clusterTrustBundleAttest(authorizer)],
  ['CertificateSubjectRestriction', BY_DEFAULT, () => certificateSubjectRestriction],
  ['DefaultIngressClass', BY_DEFAULT, defaultIngressClass],
  ['DenyServiceExternalIPs', BY_FLAG],
  ['PodTopologyLabels', BY_DEFAULT, podTopologyLabels],
  ['NodeDeclaredFeatureValidator', BY_DEFAULT, nodeDeclaredFeatures],
  ['PodResizeValidator', BY_DEFAULT, podResize],
  ['MutatingAdmissionPolicy', BY_DEFAULT, given('MutatingAdmissionPolicy')],
  ['MutatingAdmissionWebhook', BY_DEFAULT, given('MutatingAdmissionWebhook')],
  ['ValidatingAdmissionPolicy', BY_DEFAULT, given('ValidatingAdmissionPolicy')],
  ['ValidatingAdmissionWebhook', BY_DEFAULT, given('ValidatingAdmissionWebhook')],
  ['ResourceQuota', BY_DEFAULT, resourceQuota],
  ['AlwaysDeny', BY_FLAG, () => alwaysDeny],
]

/** What is wrong with the flags; empty when fine. */
export function pluginFlagErrors({ enable = [], disable = [] }: PluginFlags): string[] {
  const errors: string[] = []
  const known = new Map(PLUGINS.map((plugin) => [plugin[0], plugin]))
  for (const name of enable) {
    if (!known.has(name)) errors.push(`enable-admission-plugins plugin ${quote(name)} is unknown`)
    else if (known.get(name)?.[2] === undefined) errors.push(`enable-admission-plugins plugin ${quote(name)} is not part of podpass`)
  }
  for (const name of disable) if (!known.has(name)) errors.push(`disable-admission-plugins plugin ${quote(name)} is unknown`)
  const both = enable.filter((name) => disable.includes(name)).sort()
  if (both.length > 0) errors.push(`[${[...new Set(both)].join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`)
  return errors
}

/** Every plugin that the flags leave on, in upstream's order. */
export function defaultAdmissionPlugins(deps: AdmissionDeps, { enable = [], disable = [] }: PluginFlags = {}): AdmissionPlugin[] {
  return PLUGINS.flatMap(([name, byDefault, make]) => {
    const on = enable.includes(name) || (byDefault && !disable.includes(name))
    return on ? (make?.(deps) ?? []) : []
  })
}
