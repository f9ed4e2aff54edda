import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { plainValue } from '../api/json.ts'
import { parseYamlDocuments } from '../api/yaml.ts'
import type { Terminal } from './command.ts'
import { main } from './dispatch.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'podpass-access-'))
  mkdirSync(join(folder, 'nested'))
  writeFileSync(
    join(folder, 'roles.yaml'),
    `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: production}
rules:
- {apiGroups: [apps], resources: [deployments, '*/scale'], verbs: [get, update]}
- {apiGroups: [""], resources: [secrets], resourceNames: [one], verbs: [get]}
---
# A ClusterRole that takes part in view.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: widget-viewer, labels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}}
rules:
- {apiGroups: [example.com], resources: [widgets], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: metrics}
rules:
- {nonResourceURLs: [/metrics, /metrics/*], verbs: [get]}
`,
  )
  writeFileSync(
    join(folder, 'nested', 'bindings.yml'),
    `apiVersion: v1
kind: List
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: deploy, namespace: production}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
  subjects: [{kind: ServiceAccount, name: deploy-bot}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: cross, namespace: target-ns}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
  subjects: [{kind: ServiceAccount, name: my-sa, namespace: source-ns}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: {name: metrics}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: metrics}
  subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: ops}, {kind: User, apiGroup: rbac.authorization.k8s.io, name: jane}]
`,
  )
  writeFileSync(
    join(folder, 'crd.json'),
    JSON.stringify({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'widgets', singular: 'widget', shortNames: ['wd'], kind: 'Widget' },
      },
    }),
  )
  writeFileSync(join(folder, 'README.txt'), 'not: [yaml')
})
afterAll(() => rmSync(folder, { recursive: true }))

async function run(...argv: string[]) {
  let out = ''
  let err = ''
  const terminal: Terminal = {
    out: (text) => (out += text),
    err: (text) => (err += text),
    isInteractive: false,
    env: {},
    cwd: folder,
    stopped: new AbortController().signal,
  }
  return { code: await main(argv, terminal), out, err }
}

const bot = ['--as', 'system:serviceaccount:production:deploy-bot', '--from', '.']
const mySa = ['--as', 'system:serviceaccount:source-ns:my-sa', '--from', '.']

describe('podpass can-i on files', () => {
  test.each<[name: string, args: string[], allowed: boolean]>([
    ['S17: deployments in production', [...bot, 'update', 'deploy', '-n', 'production'], true],
    ['S17: not in default', [...bot, 'update', 'deployments', '-n', 'default'], false],
    ['S17: not in kube-system', [...bot, 'update', 'deployments.apps', '-n', 'kube-system'], false],
    [
      'S17: the default account has no access',
      ['--as', 'system:serviceaccount:production:default', '--from', '.', 'get', 'pods', '-n', 'production'],
      false,
    ],
    ['*/scale, as a subresource', [...bot, 'update', 'statefulsets', '--subresource', 'scale', '-n', 'production'], true],
    ['*/scale is not the resource', [...bot, 'update', 'statefulsets', '-n', 'production'], false],
    ['a resource name', [...bot, 'get', 'secrets/one', '-n', 'production'], true],
    ['another resource name', [...bot, 'get', 'secrets/two', '-n', 'production'], false],
    ['no resource name', [...bot, 'list', 'secrets', '-n', 'production'], false],
    ['S41: yes in the target namespace', [...mySa, 'get', 'pods', '-n', 'target-ns'], true],
    ['S41: no in its own', [...mySa, 'get', 'pods', '-n', 'source-ns'], false],
    ['S42: a RoleBinding of a ClusterRole stays in its namespace', [...mySa, 'get', 'pods', '-A'], false],
    ['an aggregated role', [...mySa, 'get', 'wd/x', '-n', 'target-ns'], true],
    ['a URL by group', ['--as-group', 'ops', '--from', '.', 'get', '/metrics/cadvisor'], true],
    ['a URL with the user', ['--as', 'jane', '--from', '.', 'get', '/metrics'], true],
    ['a URL that only begins so', ['--as', 'jane', '--from', '.', 'get', '/metricsx'], false],
    ['a cluster-wide resource, whatever the namespace', [...bot, 'get', 'nodes', '-n', 'production'], false],
    ['S107: the default account has no full rights', ['--as', 'system:serviceaccount:default:default', '--from', '.', '*', '*'], false],
  ])('%s', async (_, args, allowed) => {
    expect(await run('can-i', ...args)).toMatchObject({ code: allowed ? 0 : 1, out: allowed ? 'yes\n' : 'no\n' })
  })

  test('S138: a group that nothing serves can be granted and asked for', async () => {
    const metrics = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: monitor}
rules: [{apiGroups: [metrics.k8s.io], resources: [pods, nodes], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: monitor}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: monitor}
subjects: [{kind: ServiceAccount, name: monitoring-agent, namespace: monitoring}]
`
    writeFileSync(join(folder, 'monitor.txt'), metrics)
    const agent = ['--as', 'system:serviceaccount:monitoring:monitoring-agent', '--from', 'monitor.txt']
    expect(await run('can-i', ...agent, 'get', 'nodes.metrics.k8s.io')).toEqual({
      code: 0,
      out: 'yes\n',
      err: "Warning: the server doesn't have a resource type 'nodes' in group 'metrics.k8s.io'\n",
    })
    expect((await run('can-i', ...agent, 'create', 'nodes')).code).toBe(1)
  })

  test('says nothing when quiet, and what was asked in JSON', async () => {
    expect(await run('can-i', '-q', ...bot, 'get', 'pods')).toEqual({ code: 1, out: '', err: '' })
    expect(JSON.parse((await run('can-i', ...bot, 'get', 'pods', '-o', 'json')).out)).toMatchObject({
      allowed: false,
      question: { resource: 'pods', namespace: 'default' },
    })
  })

  test('warns where something else may have been meant', async () => {
    expect((await run('can-i', ...bot, 'get', 'pods/log')).err).toBe(
      "Warning: 'log' is read as the name of one of the pods; --subresource=log asks for the subresource\n",
    )
    expect((await run('can-i', ...bot, 'create', 'secrets/one', '-n', 'production')).err).toMatch(/a create names no object/)
    expect((await run('can-i', ...bot, 'read', 'pods')).err).toBe("Warning: verb 'read' is not a known verb\n")
  })
})

describe('podpass why on files', () => {
  test('names the chain', async () => {
    expect((await run('why', ...bot, 'update', 'deploy', '-n', 'production')).out).toBe(
      `yes: system:serviceaccount:production:deploy-bot may update deployments.apps in namespace production

BINDING                         SUBJECT                     ROLE                       RULE
RoleBinding production/deploy   ServiceAccount deploy-bot   Role production/deployer   get,update deployments.apps, */scale.apps
`.replace('*/scale.apps', '*.apps/scale'),
    )
  })

  test('names the role that an aggregated one has the rule from', async () => {
    const { out } = await run('why', ...mySa, 'list', 'widgets', '-n', 'target-ns', '-o', 'json')
    expect(JSON.parse(out)).toMatchObject({
      allowed: true,
      chains: [{ binding: { name: 'cross' }, role: { name: 'view' }, aggregatedFrom: ['widget-viewer'], rule: { resources: ['widgets'] } }],
    })
  })

  test('on a denial names the nearest miss and prints what to apply', async () => {
    const { code, out } = await run('why', ...bot, 'get', 'secrets/two', '-n', 'production')
    expect(code).toBe(0)
    expect(out).toMatch(
      /^no: .*\n\nNearest misses:\n {2}- RoleBinding production\/deploy gives Role production\/deployer: get secrets named one; it is for other names\n/,
    )
    expect(out).toMatch(/- ClusterRole edit would allow it, were it bound\n/)
  })

  test('--fix prints objects that, added to the files, allow it', async () => {
    const asked = [...bot, 'delete', 'pods', '-n', 'production']
    const { out } = await run('why', ...asked, '--fix')
    expect(parseYamlDocuments(out).map((tree) => plainValue(tree))).toMatchObject([{ kind: 'Role' }, { kind: 'RoleBinding' }])
    writeFileSync(join(folder, 'fix.txt'), out)
    expect((await run('can-i', ...asked)).code).toBe(1)
    expect((await run('can-i', ...asked, '--from', 'fix.txt')).code).toBe(0)
    expect((await run('why', ...asked, '--from', 'fix.txt', '--fix')).out).toBe('')
  })
})

test('podpass who-can lists users, groups and accounts with their chains', async () => {
  expect((await run('who-can', 'get', '/metrics', '--from', '.', '--default-policy=false')).out).toBe(
    `SUBJECT     BINDING                      ROLE                  RULE
User jane   ClusterRoleBinding metrics   ClusterRole metrics   get /metrics, /metrics/*
Group ops   ClusterRoleBinding metrics   ClusterRole metrics   get /metrics, /metrics/*
`,
  )
  const { out } = await run('who-can', 'get', 'secrets/one', '--from', '.', '-n', 'production', '-o', 'yaml')
  expect(out).toMatch(/serviceAccounts:\n(.*\n)*- chains:\n(.*\n)* {2}name: deploy-bot\n {2}namespace: production\n/)
  expect((await run('who-can', 'get', 'secrets', '--from', '.', '--default-policy=false')).out).toBe(
    'nobody may get secrets in namespace default\n',
  )
})

test('podpass rules lists all namespaces at once, merged', async () => {
  expect((await run('rules', ...bot, '--default-policy=false')).out).toBe(
    `NAMESPACE    RESOURCES AND PATHS              NAMES   VERBS        FROM
production   secrets                          one     get          RoleBinding production/deploy
production   *.apps/scale, deployments.apps           get,update   RoleBinding production/deploy
`,
  )
  expect((await run('rules', ...mySa, '--default-policy=false', '-n', 'source-ns')).out).toBe('no rules\n')
})

describe('what cannot be answered', () => {
  test.each([
    [['can-i', 'get'], 'a verb and what it is about are needed: VERB (TYPE | TYPE/NAME | /PATH)'],
    [['why', 'get', 'pods', '-n', 'a', '-A'], '--namespace and --all-namespaces exclude each other'],
    [['who-can', 'get', '/x', '--subresource', 'y'], '--subresource has no meaning for a path'],
    [['rules', 'x'], 'podpass rules takes no x'],
    [['rules', '--from', '.'], '--as is needed: files do not say who you are'],
    [['rules', '--from', '.', '--context', 'x'], '--from reads files: --kubeconfig and --context have no meaning'],
    [['rules', '-o', 'wide'], '--output=wide: table, json or yaml'],
  ])('%j is refused with exit code 2', async (argv, message) => {
    expect(await run(...argv)).toEqual({ code: 2, out: '', err: `podpass: ${message}\n` })
  })

  test('a file that cannot be read is named, and nothing is answered without it', async () => {
    writeFileSync(join(folder, 'broken.txt'), 'kind: [\n')
    expect(await run('can-i', 'get', 'pods', '--as', 'x', '--from', 'broken.txt')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/broken\.txt: yaml: line/),
    })
    writeFileSync(
      join(folder, 'wrong.txt'),
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r}\nrules: [{verbs: get}]\n',
    )
    expect((await run('rules', '--as', 'x', '--from', 'wrong.txt')).err).toBe(
      `podpass: ${join(folder, 'wrong.txt')}: Role r: rules[0].verbs: a list is needed\n`,
    )
  })

  test('a pipe in a folder is not waited for, a broken link is named', async () => {
    const odd = join(folder, 'odd')
    mkdirSync(join(odd, 'more.yaml'), { recursive: true })
    execFileSync('mkfifo', [join(odd, 'pipe.yaml')])
    expect((await run('can-i', 'get', 'pods', '--as', 'x', '--from', 'odd')).out).toBe('no\n')
    symlinkSync('nowhere', join(odd, 'link.yaml'))
    expect((await run('can-i', 'get', 'pods', '--as', 'x', '--from', 'odd')).err).toContain(`${join(odd, 'link.yaml')}: ENOENT`)
    rmSync(odd, { recursive: true })
  })

  test('without a kubeconfig it says what to give', async () => {
    expect(await run('can-i', 'get', 'pods')).toEqual({
      code: 1,
      out: '',
      err: 'podpass: no kubeconfig: give --kubeconfig, or set KUBECONFIG\n',
    })
  })
})

test('names that others chose neither move the cursor nor begin a line', async () => {
  const trick = 'jane\u001b[2J\nGroup system:masters\u202e'
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'trick' },
    roleRef: { kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'User', name: trick }],
  }
  writeFileSync(join(folder, 'trick.txt'), JSON.stringify(binding))
  for (const argv of [
    ['who-can', 'get', 'pods', '--from', 'trick.txt'],
    ['why', 'get', 'pods', '--as', trick, '--from', 'trick.txt'],
    ['why', 'get', 'secrets', '--as', trick, '--from', 'trick.txt'],
    ['rules', '--as', trick, '--from', 'trick.txt'],
  ]) {
    const { out } = await run(...argv)
    // The YAML to apply says the name as it is, quoted.
    const [words = ''] = out.split('apiVersion:')
    expect(out).not.toContain('\u001b')
    expect(words).not.toContain('\u202e')
    expect(words).not.toMatch(/^Group system:masters\\u202e/m)
  }
  expect((await run('who-can', 'get', 'pods', '--from', 'trick.txt')).out).toContain(
    String.raw`User jane\u001b[2J\u000aGroup system:masters\u202e`,
  )
})
