/**
 * What the README tells a newcomer to type, as a check: any kubectl, a server that has just been started, an empty store.
 *
 * @module
 */
import { join } from 'node:path'
import { expect } from 'vitest'
import { REPOSITORY } from '../podpass.ts'
import { type Ran, run } from './run.ts'

const MANIFEST = join(REPOSITORY, 'docs/examples/service-account.yaml')

/** Types the block with `kubectl` and checks what each line prints. */
export async function newcomerBlock(kubectl: string, kubeconfig: string, url: string, ca: string): Promise<void> {
  const typed = async (...args: string[]): Promise<Ran> => {
    const ran = await run(kubectl, args, { env: { KUBECONFIG: kubeconfig } })
    expect(ran.code, `kubectl ${args.join(' ')}\n${ran.out}${ran.err}`).toBe(0)
    return ran
  }
  expect((await typed('create', 'namespace', 'production')).out).toBe('namespace/production created\n')
  const applied =
    'serviceaccount/deploy-bot created\nrole.rbac.authorization.k8s.io/deploy-role created\nrolebinding.rbac.authorization.k8s.io/deploy-bot-binding created\n'
  expect((await typed('apply', '-f', MANIFEST)).out).toBe(applied)
  expect((await typed('apply', '-f', MANIFEST)).out).toBe(applied.replaceAll('created', 'unchanged'))
  expect((await typed('get', 'serviceaccount', '-n', 'production', 'deploy-bot')).out).toMatch(
    /^NAME +SECRETS +AGE\ndeploy-bot +0 +\d+s\n$/,
  )

  const token = (await typed('create', 'token', 'deploy-bot', '-n', 'production')).out.trim()
  expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  const curl = async (path: string) =>
    JSON.parse((await run('curl', ['-sS', '--cacert', ca, '-H', `Authorization: Bearer ${token}`, `${url}${path}`])).out) as Record<
      string,
      unknown
    >
  expect(await curl('/api/v1/namespaces/production/pods')).toMatchObject({ kind: 'PodList', items: [] })
  expect(await curl('/api/v1/namespaces/kube-system/pods')).toEqual({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message:
      'pods is forbidden: User "system:serviceaccount:production:deploy-bot" cannot list resource "pods" in API group "" in the namespace "kube-system"',
    reason: 'Forbidden',
    details: { kind: 'pods' },
    code: 403,
  })

  const rules = (await typed('auth', 'can-i', '--list', '--as=system:serviceaccount:production:deploy-bot', '-n', 'production')).out
  expect(rules).toMatch(/^deployments\.apps +\[\] +\[\] +\[get list watch create update patch\]$/m)
  expect(rules).toMatch(/^pods +\[\] +\[\] +\[get list watch\]$/m)
}
