/**
 * Parts of pods as Go prints its internal types in error texts: every member, under its Go name, in the order of the struct.
 *
 * @see pkg/apis/core/types.go
 * @module
 */
import type { NodeSelectorTerm, PodResourceClaim, SeccompProfile, SecurityContext } from '../../../api/types/core/v1.ts'

export function goSecurityContext(context: SecurityContext): unknown {
  const { capabilities, seLinuxOptions, windowsOptions, appArmorProfile } = context
  return {
    Capabilities: capabilities === undefined ? null : { Add: capabilities.add ?? null, Drop: capabilities.drop ?? null },
    Privileged: context.privileged ?? null,
    SELinuxOptions:
      seLinuxOptions === undefined
        ? null
        : {
            User: seLinuxOptions.user ?? '',
            Role: seLinuxOptions.role ?? '',
            Type: seLinuxOptions.type ?? '',
            Level: seLinuxOptions.level ?? '',
          },
    WindowsOptions:
      windowsOptions === undefined
        ? null
        : {
            GMSACredentialSpecName: windowsOptions.gmsaCredentialSpecName ?? null,
            GMSACredentialSpec: windowsOptions.gmsaCredentialSpec ?? null,
            RunAsUserName: windowsOptions.runAsUserName ?? null,
            HostProcess: windowsOptions.hostProcess ?? null,
          },
    RunAsUser: context.runAsUser ?? null,
    RunAsGroup: context.runAsGroup ?? null,
    RunAsNonRoot: context.runAsNonRoot ?? null,
    ReadOnlyRootFilesystem: context.readOnlyRootFilesystem ?? null,
    AllowPrivilegeEscalation: context.allowPrivilegeEscalation ?? null,
    ProcMount: context.procMount ?? null,
    SeccompProfile: context.seccompProfile === undefined ? null : goSeccompProfile(context.seccompProfile),
    AppArmorProfile:
      appArmorProfile === undefined
        ? null
        : { Type: appArmorProfile.type ?? '', LocalhostProfile: appArmorProfile.localhostProfile ?? null },
  }
}

export function goSeccompProfile(profile: SeccompProfile): unknown {
  return { Type: profile.type ?? '', LocalhostProfile: profile.localhostProfile ?? null }
}

export function goResourceClaim(claim: PodResourceClaim): unknown {
  const { name = '', resourceClaimName = null, resourceClaimTemplateName = null } = claim
  return { Name: name, ResourceClaimName: resourceClaimName, ResourceClaimTemplateName: resourceClaimTemplateName }
}

export function goNodeSelectorTerm({ matchExpressions, matchFields }: NodeSelectorTerm): unknown {
  return { MatchExpressions: goRequirements(matchExpressions), MatchFields: goRequirements(matchFields) }
}

/** An absent list prints as null. */
export function goIPs(addresses: readonly { ip?: string | undefined }[] | undefined): unknown {
  return addresses?.map(({ ip = '' }) => ({ IP: ip })) ?? null
}

function goRequirements(requirements: NodeSelectorTerm['matchExpressions']): unknown {
  return requirements?.map(({ key = '', operator = '', values }) => ({ Key: key, Operator: operator, Values: values ?? null })) ?? null
}
