/**
 * kubectl as an administrator types it, for tests: `podpass up` in a folder of its own, and what is asked of it.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { type Ran, run } from '../clients/run.ts'
import { COMMAND, startUp } from '../podpass.ts'
import { type AccountServer, accountServer } from './account-server.ts'

export interface World extends Kubectl {
  folder: string
  url: string
  /** Path of the CA that signed the server's certificate. */
  ca: string
  kubeconfig: string
  server: AccountServer
  /** The built command against this server. */
  podpass(...args: string[]): Promise<Ran>
  /** kubectl with a token and nothing else. */
  kubectlAs(token: string, ...args: string[]): Promise<Ran>
  /** What the server has written so far. */
  printed(): string
  stop(): Promise<void>
}

export interface Kubectl {
  kubectl(...args: string[]): Promise<Ran>
  /** With environment variables beside KUBECONFIG. */
  kubectlWith(variables: Record<string, string>, ...args: string[]): Promise<Ran>
  /** With a manifest on its standard input, as in a here-document. */
  kubectlFed(manifest: string | object, ...args: string[]): Promise<Ran>
  apply(manifest: string | object): Promise<Ran>
  /** The answer of `kubectl ... -o json`. */
  json(...args: string[]): Promise<any>
}

export function kubectlFor(kubeconfig: string): Kubectl {
  const env = { KUBECONFIG: kubeconfig }
  const kubectlFed: Kubectl['kubectlFed'] = (manifest, ...args) =>
    run('kubectl', args, { env, stdin: typeof manifest === 'string' ? manifest : JSON.stringify(manifest) })
  const kubectlWith: Kubectl['kubectlWith'] = (variables, ...args) => run('kubectl', args, { env: { ...env, ...variables } })
  const kubectl: Kubectl['kubectl'] = (...args) => kubectlWith({}, ...args)
  return {
    kubectl,
    kubectlWith,
    kubectlFed,
    apply: (manifest) => kubectlFed(manifest, 'apply', '-f', '-'),
    async json(...args) {
      const { out, err } = await kubectl(...args, '-o', 'json')
      if (out === '') throw new Error(err)
      return JSON.parse(out)
    },
  }
}

/** Resolves when the default account is there, which pods need. */
export async function startWorld(...flags: string[]): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'podpass-identity-'))
  const up = await startUp(join(folder, 'up'), flags)
  const { kubeconfig, url } = up
  const ca = join(folder, 'up', 'pki', 'ca.crt')
  const asked = kubectlFor(kubeconfig)
  const server = accountServer(kubeconfig)
  const world: World = {
    ...asked,
    folder,
    url,
    ca,
    kubeconfig,
    server,
    podpass: (...args) => run(process.execPath, [COMMAND, ...args], { env: { KUBECONFIG: kubeconfig } }),
    kubectlAs: (token, ...args) =>
      run('kubectl', ['--kubeconfig=/dev/null', `--server=${url}`, `--certificate-authority=${ca}`, `--token=${token}`, ...args]),
    printed: up.printed,
    async stop() {
      server.close()
      await up.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await eventually(async () => {
    const { status } = await server.admin.request({ method: 'GET', path: '/api/v1/namespaces/default/serviceaccounts/default' })
    return status === 200
  })
  return world
}

/** Asks until there is an answer, which is neither undefined nor false: controllers do their work behind the request. */
export async function eventually<T>(ask: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** The least Pod. */
export function pod(name: string, spec: object = {}, metadata: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', ...metadata },
    spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
  }
}

/** A Secret that asks for a token of `account`. */
export function tokenSecret(name: string, account: string, namespace = 'default'): object {
  const metadata = { name, namespace, annotations: { 'kubernetes.io/service-account.name': account } }
  return { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/service-account-token' }
}
