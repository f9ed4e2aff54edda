/**
 * Where a server is and who we are there: kubeconfig files as kubectl merges them, or the account of the pod we run in.
 *
 * @see client-go/tools/clientcmd/loader.go, client_config.go; client-go/rest/config.go, InClusterConfig
 * @module
 */
import { readFileSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { plainValue } from '../api/json.ts'
import { parseYaml } from '../api/yaml.ts'

export interface ExecConfig {
  apiVersion: string
  command: string
  args: readonly string[]
  env: readonly { name: string; value: string }[]
  provideClusterInfo: boolean
  /** Never, IfAvailable, Always. */
  interactiveMode: string
  installHint: string
}

/** All that a client needs; PEM members are text. */
export interface ClientConfig {
  /** `https://host:port`, with a path where the API is not at the root. */
  server: string
  /** Undefined: the system's authorities. */
  ca?: string
  insecureSkipTlsVerify: boolean
  tlsServerName?: string
  certificate?: string
  key?: string
  token?: string
  /** Read anew now and then: somebody replaces what is in it. */
  tokenFile?: string
  username?: string
  password?: string
  exec?: ExecConfig
  impersonate?: { username: string; uid?: string; groups: readonly string[]; extra: Readonly<Record<string, readonly string[]>> }
  /** Of the context; `default` where it says nothing. */
  namespace: string
}

/** A file that cannot be used; the message is for people and names file and member. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError'
}

export interface KubeconfigOptions {
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  /** `--kubeconfig`: this file and no other. */
  path?: string | undefined
  /** `--context`. */
  context?: string | undefined
}

const IN_CLUSTER = '/var/run/secrets/kubernetes.io/serviceaccount'

/** From `--kubeconfig`, else `$KUBECONFIG`, else `~/.kube/config`, else the pod's own account. @throws KubeconfigError */
export function loadClientConfig(options: KubeconfigOptions): ClientConfig {
  const { env, cwd, path } = options
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((one) => one !== '')
  if (path !== undefined) return resolved([read(resolve(cwd, path), true)], options)
  if (listed.length > 0) {
    const files = listed.map((one) => read(resolve(cwd, one), false))
    if (files.every((file) => file === undefined)) throw new KubeconfigError(`KUBECONFIG: there is no ${listed.join(' and no ')}`)
    return resolved(files, options)
  }
  const home = env['HOME'] ?? env['USERPROFILE']
  const usual = home === undefined ? undefined : read(join(home, '.kube', 'config'), false)
  if (usual !== undefined) return resolved([usual], options)
  const inCluster = options.context === undefined ? inClusterConfig(env) : undefined
  if (inCluster !== undefined) return inCluster
  throw new KubeconfigError('no kubeconfig: give --kubeconfig, or set KUBECONFIG')
}

/**
 * Of a webhook that the server asks: this file and nothing else, or without one the pod's own account.
 *
 * @throws KubeconfigError
 */
export function reviewClient(path: string | undefined): ClientConfig {
  if (path !== undefined) return loadClientConfig({ env: {}, cwd: process.cwd(), path })
  const config = inClusterConfig(process.env)
  if (config !== undefined) return config
  throw new KubeconfigError('unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined')
}

/** The account that a pod has; undefined outside of pods. */
function inClusterConfig(env: KubeconfigOptions['env']): ClientConfig | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env
  const ca = textOf(join(IN_CLUSTER, 'ca.crt'))
  if (host === undefined || port === undefined || ca === undefined) return undefined
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ca,
    insecureSkipTlsVerify: false,
    tokenFile: join(IN_CLUSTER, 'token'),
    namespace: textOf(join(IN_CLUSTER, 'namespace'))?.trim() || 'default',
  }
}

type Members = Record<string, unknown>

interface File {
  path: string
  content: Members
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function read(path: string, isNeeded: boolean): File | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !isNeeded) return undefined
    throw new KubeconfigError(`${path} cannot be read: ${(error as Error).message}`)
  }
  let content: unknown
  try {
    content = plainValue(parseYaml(text).tree)
  } catch (error) {
    throw new KubeconfigError(`${path}: ${(error as Error).message}`)
  }
  return { path, content: membersOf(content ?? {}, path) }
}

/** Of each name the first one counts, in order of the files. @see clientcmd, ClientConfigLoadingRules.Load */
function resolved(given: readonly (File | undefined)[], { context: wanted }: KubeconfigOptions): ClientConfig {
  const files = given.filter((file) => file !== undefined)
  const shown = files.map(({ path }) => path).join(', ')
  const name = wanted ?? files.map(({ content }) => content['current-context']).find((one) => typeof one === 'string' && one !== '')
  if (typeof name !== 'string') throw new KubeconfigError(`${shown}: there is no current-context; give --context`)
  const context = entry(files, 'contexts', 'context', name)
  if (context === undefined) throw new KubeconfigError(`${shown}: there is no context ${name}`)
  const clusterName = text(context, 'cluster') ?? ''
  const cluster = entry(files, 'clusters', 'cluster', clusterName)
  if (cluster === undefined) throw new KubeconfigError(`${shown}: there is no cluster ${clusterName}, which context ${name} names`)
  const userName = text(context, 'user') ?? ''
  const user = userName === '' ? { at: cluster.at, members: {} } : entry(files, 'users', 'user', userName)
  if (user === undefined) throw new KubeconfigError(`${shown}: there is no user ${userName}, which context ${name} names`)
  return { ...clusterConfig(cluster, clusterName), ...userConfig(user, userName), namespace: text(context, 'namespace') || 'default' }
}

interface Entry {
  /** The file it stands in: paths are relative to its folder. */
  at: string
  members: Members
}

function entry(files: readonly File[], list: string, member: string, name: string): Entry | undefined {
  for (const { path, content } of files) {
    const items = content[list] ?? []
    if (!Array.isArray(items)) throw new KubeconfigError(`${path}: ${list} is no list`)
    for (const item of items) {
      const members = membersOf(item, `${path}: ${list}`)
      if (members['name'] === name) return { at: path, members: membersOf(members[member] ?? {}, `${path}: ${list}, ${name}`) }
    }
  }
  return undefined
}

function clusterConfig(cluster: Entry, name: string): Pick<ClientConfig, 'server' | 'ca' | 'insecureSkipTlsVerify' | 'tlsServerName'> {
  const server = text(cluster, 'server') ?? ''
  if (!/^https?:\/\//.test(server) || !URL.canParse(server))
    throw new KubeconfigError(`${cluster.at}: cluster ${name} has no server (https://…)`)
  if (text(cluster, 'proxy-url') !== undefined)
    throw new KubeconfigError(`${cluster.at}: cluster ${name} asks for a proxy-url, which is not supported`)
  const ca = pem(cluster, 'certificate-authority')
  const tlsServerName = text(cluster, 'tls-server-name')
  return {
    server: server.replace(/\/+$/, ''),
    insecureSkipTlsVerify: cluster.members['insecure-skip-tls-verify'] === true,
    ...(ca === undefined ? {} : { ca }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
  }
}

function userConfig(user: Entry, name: string): Omit<ClientConfig, 'server' | 'insecureSkipTlsVerify' | 'namespace'> {
  if (user.members['auth-provider'] !== undefined)
    throw new KubeconfigError(`${user.at}: user ${name} has an auth-provider, which Kubernetes has removed; use exec`)
  const config: { -readonly [Name in keyof ClientConfig]?: ClientConfig[Name] } = {}
  const set = <Name extends keyof ClientConfig>(member: Name, value: ClientConfig[Name] | undefined) => {
    if (value !== undefined) config[member] = value
  }
  set('certificate', pem(user, 'client-certificate'))
  set('key', pem(user, 'client-key'))
  if ((config.certificate === undefined) !== (config.key === undefined))
    throw new KubeconfigError(`${user.at}: user ${name} needs a client certificate and its key, or neither`)
  const tokenFile = text(user, 'tokenFile')
  // The file counts where both are given, as in client-go.
  if (tokenFile !== undefined) config.tokenFile = resolve(dirname(user.at), tokenFile)
  else set('token', text(user, 'token'))
  set('username', text(user, 'username'))
  set('password', text(user, 'password'))
  if (user.members['exec'] !== undefined)
    config.exec = execConfig({ at: user.at, members: membersOf(user.members['exec'], `${user.at}: exec`) })
  const username = text(user, 'as')
  if (username !== undefined) {
    const uid = text(user, 'as-uid')
    const extra = membersOf(user.members['as-user-extra'] ?? {}, `${user.at}: as-user-extra`)
    config.impersonate = {
      username,
      groups: texts(user.members['as-groups']),
      extra: Object.fromEntries(Object.entries(extra).map(([key, value]) => [key, texts(value)])),
      ...(uid === undefined ? {} : { uid }),
    }
  }
  return config
}

function execConfig(exec: Entry): ExecConfig {
  const command = text(exec, 'command')
  const apiVersion = text(exec, 'apiVersion') ?? ''
  if (command === undefined) throw new KubeconfigError(`${exec.at}: exec has no command`)
  if (!/^client\.authentication\.k8s\.io\/v1(beta1)?$/.test(apiVersion))
    throw new KubeconfigError(`${exec.at}: exec: apiVersion ${apiVersion} is none of client.authentication.k8s.io/v1, …/v1beta1`)
  const env = Array.isArray(exec.members['env']) ? exec.members['env'].map((one) => membersOf(one, `${exec.at}: exec.env`)) : []
  return {
    apiVersion,
    // A path is relative to the file, a bare name is looked up in PATH.
    command: /[/\\]/.test(command) ? resolve(dirname(exec.at), command) : command,
    args: texts(exec.members['args']),
    env: env.map(({ name, value }) => ({ name: String(name), value: String(value ?? '') })),
    provideClusterInfo: exec.members['provideClusterInfo'] === true,
    interactiveMode: text(exec, 'interactiveMode') ?? 'IfAvailable',
    installHint: text(exec, 'installHint') ?? '',
  }
}

/** `NAME-data` in base64, else the file at `NAME`. */
function pem(from: Entry, name: string): string | undefined {
  const data = text(from, `${name}-data`)
  if (data !== undefined) return Buffer.from(data, 'base64').toString()
  const path = text(from, name)
  if (path === undefined) return undefined
  const full = resolve(dirname(from.at), path)
  const found = textOf(full)
  if (found === undefined) throw new KubeconfigError(`${from.at}: ${name}: ${full} cannot be read`)
  return found
}

/** Undefined for what is absent or empty. */
function text({ at, members }: Entry, name: string): string | undefined {
  const value = members[name]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw new KubeconfigError(`${at}: ${name} is no text`)
  return value
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}

function membersOf(value: unknown, where: string): Members {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new KubeconfigError(`${where}: an object is needed`)
  return value as Members
}
