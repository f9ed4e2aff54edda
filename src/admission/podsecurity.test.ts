import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import type { PodSpec } from '../api/types/core/v1.ts'
import { podSecurity } from './podsecurity.ts'
import { type LevelVersion, podViolations } from './podsecurity-checks.ts'
import { openWorld, refusalOf, requestFor } from './testdata.ts'

const P = 'pod-security.kubernetes.io/'
const good: PodSpec = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [{ name: 'c', image: 'i', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
}
const namespace = (labels: Record<string, string>): readonly [string, KubeObject] => [
  'v1/namespaces',
  { metadata: { name: 'dev', labels }, status: { phase: 'Active' } },
]
const pod = (spec: PodSpec, name = 'p'): KubeObject => ({ kind: 'Pod', metadata: { name, namespace: 'dev' }, spec: spec as object })

const latest = (level: LevelVersion['level']): LevelVersion => ({ level, minor: Number.POSITIVE_INFINITY })
const violations = (level: LevelVersion, spec: PodSpec, annotations: Record<string, string> = {}) =>
  podViolations(level, spec, { annotations }).map(({ reason, detail }) => `${reason} (${detail})`)
const withContext = (securityContext: object): PodSpec => ({
  ...good,
  containers: [{ ...good.containers![0]!, securityContext: { ...good.containers![0]!.securityContext, ...securityContext } }],
})

/** Each breaks one rule of a pod that breaks none. */
const cases: [string, LevelVersion, PodSpec, string[]][] = [
  ['nothing', latest('restricted'), good, []],
  [
    'host namespaces',
    latest('baseline'),
    { ...good, hostNetwork: true, hostPID: true },
    ['host namespaces (hostNetwork=true, hostPID=true)'],
  ],
  [
    'privileged containers',
    latest('baseline'),
    withContext({ privileged: true }),
    ['privileged (container "c" must not set securityContext.privileged=true)'],
  ],
  [
    'capabilities beyond the default',
    latest('baseline'),
    withContext({ capabilities: { add: ['NET_ADMIN', 'CHOWN'] } }),
    ['non-default capabilities (container "c" must not include "NET_ADMIN" in securityContext.capabilities.add)'],
  ],
  [
    'capabilities that are kept and added',
    latest('restricted'),
    withContext({ capabilities: { add: ['CHOWN'] } }),
    [
      'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; container "c" must not include "CHOWN" in securityContext.capabilities.add)',
    ],
  ],
  ['host paths', latest('baseline'), { ...good, volumes: [{ name: 'v', hostPath: { path: '/' } }] }, ['hostPath volumes (volume "v")']],
  [
    'restricted volumes, host paths among them',
    latest('restricted'),
    {
      ...good,
      volumes: [
        { name: 'v', hostPath: { path: '/' } },
        { name: 'w', nfs: { server: 's', path: '/' } },
      ],
    },
    ['restricted volume types (volumes "v", "w" use restricted volume types "hostPath", "nfs")'],
  ],
  [
    'host ports',
    latest('baseline'),
    {
      containers: [
        {
          name: 'c',
          ports: [
            { containerPort: 1, hostPort: 80 },
            { containerPort: 2, hostPort: 443 },
          ],
        },
      ],
    },
    ['hostPort (container "c" uses hostPorts 443, 80)'],
  ],
  [
    'hosts of probes',
    latest('baseline'),
    { containers: [{ name: 'c', livenessProbe: { httpGet: { port: 1, host: 'h' } } }] },
    ['probe or lifecycle host (container "c" uses probe or lifecycle host "h")'],
  ],
  [
    'hosts of probes in 1.33',
    { level: 'baseline', minor: 33 },
    { containers: [{ name: 'c', livenessProbe: { httpGet: { port: 1, host: 'h' } } }] },
    [],
  ],
  [
    'a proc mount',
    latest('baseline'),
    withContext({ procMount: 'Unmasked' }),
    ['procMount (container "c" must not set securityContext.procMount to "Unmasked")'],
  ],
  ['a proc mount in a user namespace', latest('baseline'), { ...withContext({ procMount: 'Unmasked' }), hostUsers: false }, []],
  [
    'SELinux options',
    latest('baseline'),
    { ...good, securityContext: { ...good.securityContext, seLinuxOptions: { type: 'x', user: 'u' } } },
    ['seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "x"; user may not be set)'],
  ],
  [
    'a type of SELinux that came later',
    { level: 'baseline', minor: 30 },
    { ...good, securityContext: { seLinuxOptions: { type: 'container_engine_t' } } },
    ['seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "container_engine_t")'],
  ],
  [
    'an unconfined profile',
    latest('baseline'),
    withContext({ seccompProfile: { type: 'Unconfined' } }),
    ['seccompProfile (container "c" must not set securityContext.seccompProfile.type to "Unconfined")'],
  ],
  [
    'no profile',
    latest('restricted'),
    { ...good, securityContext: { runAsNonRoot: true } },
    ['seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'],
  ],
  [
    'sysctls',
    latest('baseline'),
    {
      ...good,
      securityContext: {
        sysctls: [
          { name: 'kernel.msgmax', value: '1' },
          { name: 'net.ipv4.tcp_rmem', value: '1' },
        ],
      },
    },
    ['forbidden sysctls (kernel.msgmax)'],
  ],
  [
    'host processes',
    latest('baseline'),
    { ...good, securityContext: { windowsOptions: { hostProcess: true } } },
    ['hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)'],
  ],
  [
    'AppArmor profiles',
    latest('baseline'),
    withContext({ appArmorProfile: { type: 'Unconfined' } }),
    ['forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined")'],
  ],
  [
    'escalation that is not ruled out',
    latest('restricted'),
    withContext({ allowPrivilegeEscalation: undefined }),
    ['allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)'],
  ],
  ['the same on Windows', latest('restricted'), { ...withContext({ allowPrivilegeEscalation: undefined }), os: { name: 'windows' } }, []],
  [
    'root by the pod and a container',
    latest('restricted'),
    { ...withContext({ runAsUser: 0 }), securityContext: { ...good.securityContext, runAsUser: 0 } },
    ['runAsUser=0 (pod and container "c" must not set runAsUser=0)'],
  ],
  [
    'root that nobody rules out',
    latest('restricted'),
    { ...good, securityContext: { seccompProfile: { type: 'Localhost' } } },
    ['runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)'],
  ],
  [
    'root that is asked for',
    latest('restricted'),
    withContext({ runAsNonRoot: false }),
    ['runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)'],
  ],
]

describe('podViolations()', () => {
  for (const [name, level, spec, want] of cases) test(`${level.level} finds ${name}`, () => expect(violations(level, spec)).toEqual(want))

  test('looks at annotations where an old version did', () => {
    const annotations = {
      'seccomp.security.alpha.kubernetes.io/pod': 'unconfined',
      'container.apparmor.security.beta.kubernetes.io/c': 'unconfined',
    }
    expect(violations({ level: 'baseline', minor: 18 }, good, annotations)).toEqual([
      'forbidden AppArmor profile (annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/c="unconfined"")',
      'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
    ])
  })
})

describe('podSecurity()', () => {
  test('refuses what violates the enforced level, with all reasons', async () => {
    const world = await openWorld([namespace({ [`${P}enforce`]: 'restricted' })])
    const request = requestFor('v1/pods', pod({ containers: [{ name: 'c' }] }))
    expect((await refusalOf(podSecurity(world), request))?.message).toBe(
      'pods "p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    )
    expect(request.warnings).toEqual([])
    expect(request.annotations).toEqual({ [`${P}enforce-policy`]: 'restricted:latest' })
  })

  test('warns of templates by the enforced level, and never refuses them', async () => {
    const world = await openWorld([namespace({ [`${P}enforce`]: 'baseline', [`${P}enforce-version`]: 'v1.30' })])
    const deployment = {
      kind: 'Deployment',
      metadata: { name: 'd', namespace: 'dev' },
      spec: { template: { spec: { hostPID: true, containers: [] } } },
    }
    const request = requestFor('apps/v1/deployments', deployment)
    expect(await refusalOf(podSecurity(world), request)).toBeUndefined()
    expect(request.warnings).toEqual(['would violate PodSecurity "baseline:v1.30": host namespaces (hostPID=true)'])
  })

  test('writes violations of the audited level into the audit log', async () => {
    const world = await openWorld([namespace({ [`${P}audit`]: 'baseline' })])
    const request = requestFor('v1/pods', pod({ hostIPC: true, containers: [] }))
    expect(await refusalOf(podSecurity(world), request)).toBeUndefined()
    expect(request.annotations).toEqual({
      [`${P}audit-violations`]: 'would violate PodSecurity "baseline:latest": host namespaces (hostIPC=true)',
      [`${P}enforce-policy`]: 'privileged:latest',
    })
  })

  test('looks again only when images change', async () => {
    const world = await openWorld([namespace({ [`${P}enforce`]: 'baseline' })])
    const old = pod({ hostPID: true, containers: [{ name: 'c', image: 'a' }] })
    const change = (image: string) =>
      requestFor('v1/pods', pod({ hostPID: true, containers: [{ name: 'c', image }] }), { operation: 'UPDATE', oldObject: old })
    expect(await refusalOf(podSecurity(world), change('a'))).toBeUndefined()
    expect((await refusalOf(podSecurity(world), change('b')))?.code).toBe(403)
  })

  test('refuses labels that it cannot read, when they are new', async () => {
    const world = await openWorld()
    const labelled = (labels: Record<string, string>) => ({ kind: 'Namespace', metadata: { name: 'n', labels } })
    const bad = labelled({ [`${P}enforce`]: 'strict', [`${P}warn-version`]: 'v2' })
    expect(await refusalOf(podSecurity(world), requestFor('v1/namespaces', bad))).toMatchObject({
      code: 422,
      message:
        'Namespace "n" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted, ' +
        'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "v2": must be "latest" or "v1.x"]',
    })
    expect(await refusalOf(podSecurity(world), requestFor('v1/namespaces', bad, { operation: 'UPDATE', oldObject: bad }))).toBeUndefined()
  })

  test('tells of pods that a stricter namespace would forbid', async () => {
    const world = await openWorld([
      ['v1/pods', pod({ hostPID: true, containers: [] }, 'b')],
      ['v1/pods', pod({ hostPID: true, containers: [] }, 'a')],
      ['v1/pods', pod({ containers: [{ name: 'c', securityContext: { privileged: true } }] }, 'z')],
      ['v1/pods', pod({ containers: [] }, 'fine')],
    ])
    const of = (level: string) => ({ kind: 'Namespace', metadata: { name: 'dev', labels: { [`${P}enforce`]: level } } })
    const request = requestFor('v1/namespaces', of('baseline'), { operation: 'UPDATE', oldObject: of('privileged') })
    expect(await refusalOf(podSecurity(world), request)).toBeUndefined()
    expect(request.warnings).toEqual([
      'existing pods in namespace "dev" violate the new PodSecurity enforce level "baseline:latest"',
      'a (and 1 other pod): host namespaces',
      'z: privileged',
    ])
    const relaxed = requestFor('v1/namespaces', of('baseline'), { operation: 'UPDATE', oldObject: of('restricted') })
    await refusalOf(podSecurity(world), relaxed)
    expect(relaxed.warnings).toEqual([])
  })

  test('exempts users, runtimes and namespaces that the configuration names', async () => {
    const world = await openWorld([namespace({ [`${P}enforce`]: 'restricted' })])
    const defaults = { enforce: latest('privileged'), audit: latest('privileged'), warn: latest('privileged') }
    const plugin = podSecurity({
      ...world,
      cache: world.cache,
      podSecurity: { defaults, exemptions: { usernames: ['jane'], runtimeClasses: [], namespaces: [] } },
    })
    const request = requestFor('v1/pods', pod({ containers: [{ name: 'c' }] }))
    expect(await refusalOf(plugin, request)).toBeUndefined()
    expect(request.annotations).toEqual({ [`${P}exempt`]: 'user' })
  })
})
