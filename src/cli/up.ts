/**
 * `podpass up`: a server with everything chosen, made on first use and found again on the next.
 *
 * Everything is in one folder, `./.podpass` unless told otherwise: the store, the CA and keys, and a kubeconfig for its administrator, all
 * readable by the owner alone. A folder of the project at hand, not of the user: another project is another server, and `rm -r` removes it.
 *
 * @module
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { relative, resolve } from 'node:path'
import { systemClock } from '../clock.ts'
import { ensurePki, type Pki } from '../pki/ensure.ts'
import { defaultServerOptions, type ServerOptions } from '../server/options.ts'
import { GIT_VERSION, PODPASS_VERSION } from '../server/version.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { command, type Terminal } from './command.ts'
import { UsageError } from './flags.ts'
import { runServer } from './runserver.ts'
import { SERVER_FLAGS } from './serverflags.ts'
import { checkIssuers, emulatedMinorOf } from './serveroptions.ts'

const HOST = '127.0.0.1'
const USUAL_PORT = 6443
const USUAL_ISSUER = 'https://kubernetes.default.svc'
/** What pods would reach the API by, beside the loopback address. */
const SERVER_NAMES = [
  'localhost',
  HOST,
  '10.0.0.1',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
]

export const upCommand = command({
  usage: 'up [FLAGS]',
  description:
    'Starts an API server with its controllers and an embedded store on this host, and prints how to use it. Ctrl-C stops it; the next\npodpass up in the same place finds everything as it was.',
  flags: {
    'data-dir': { type: 'string', value: 'folder', default: './.podpass', help: 'Where the store, the keys and the kubeconfig are.' },
    'secure-port': { type: 'int', help: 'The port; the one of the last time, else 6443, else any free one, when not given.' },
    'emulated-version': SERVER_FLAGS['emulated-version'],
    'service-account-issuer': {
      ...SERVER_FLAGS['service-account-issuer'],
      help: `${SERVER_FLAGS['service-account-issuer'].help} ${USUAL_ISSUER} when not given.`,
    },
    'service-account-jwks-uri': SERVER_FLAGS['service-account-jwks-uri'],
    'api-audiences': SERVER_FLAGS['api-audiences'],
    'strict-node-claim': SERVER_FLAGS['strict-node-claim'],
    'legacy-tokens': SERVER_FLAGS['legacy-tokens'],
    'token-ledger': SERVER_FLAGS['token-ledger'],
    clock: {
      type: 'string',
      value: 'system|virtual',
      default: 'system',
      help: 'virtual: time stands still until podpass clock advance turns it, and with it tokens, keys, certificates and controllers.',
    },
  },
  async run({ values, words }, terminal) {
    if (words.length > 0) throw new UsageError(`podpass up takes no ${words[0]}`)
    const problems: string[] = []
    const emulatedMinor = emulatedMinorOf(values['emulated-version'], problems)
    checkIssuers(values, problems)
    if (values.clock !== 'system' && values.clock !== 'virtual') problems.push(`--clock=${values.clock}: system or virtual`)
    if (problems.length > 0) throw new UsageError(problems.join('\n'))
    const folder = resolve(terminal.cwd, values['data-dir'])
    const kubeconfig = resolve(folder, 'kubeconfig')
    prepareFolder(folder)
    const [pki, securePort] = await Promise.all([
      ensurePki(resolve(folder, 'pki'), { server: SERVER_NAMES }, systemClock),
      values['secure-port'] ?? freePort([rememberedPort(kubeconfig), USUAL_PORT]),
    ])
    const options = await upOptions(pki, folder, securePort)
    const [issuers, jwksURI] = [values['service-account-issuer'], values['service-account-jwks-uri']]
    const serviceAccount = {
      ...options.serviceAccount,
      ...(issuers.length > 0 && { issuers }),
      ...(jwksURI !== undefined && { jwksURI }),
      strictNodeClaim: values['strict-node-claim'],
      ledger: values['token-ledger'],
    }
    const apiAudiences = values['api-audiences']
    const controllers = { ...options.controllers, legacyTokens: values['legacy-tokens'] }
    let settled = () => Promise.resolve()
    const turnableClock =
      values.clock === 'virtual' ? new VirtualClock({ startMs: systemClock.nowMs(), drain: () => settled() }) : undefined
    const time = turnableClock === undefined ? {} : { clock: turnableClock, turnableClock }
    return runServer({ ...options, ...time, serviceAccount, apiAudiences, controllers, emulatedMinor }, terminal, {
      onReady(server) {
        settled = server.settled
        writeKubeconfig(kubeconfig, server.url, pki)
        terminal.out(welcome(server.url, folder, kubeconfig, terminal))
      },
    })
  },
})

/** Keys and Secrets will be in there: for the owner only, and never in somebody's repository. */
function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(resolve(folder, '.gitignore'), '*\n')
  } catch (error) {
    throw new UsageError(`--data-dir=${folder} cannot be used: ${(error as Error).message}`)
  }
}

async function upOptions(pki: Pki, folder: string, securePort: number): Promise<ServerOptions> {
  const defaults = defaultServerOptions({
    tls: { certificate: pki.server.certificate, key: pki.server.key, sni: [], minVersion: 'TLSv1.2', cipherSuites: [] },
    store: { kind: 'embedded', dataDir: folder },
    serviceAccount: { signingKey: await pki.serviceAccountKey, keyFolder: resolve(folder, 'keys') },
  })
  const controllers = { ...defaults.controllers, rootCA: pki.authority.certificate, clusterSigning: pki.authority }
  return { ...defaults, bindAddress: HOST, securePort, clientCA: pki.authority.certificate, controllers }
}

/** So that a shell that still has the kubeconfig goes on working after a restart. */
function rememberedPort(kubeconfig: string): number | undefined {
  try {
    const [, port] = /server: https:\/\/127\.0\.0\.1:(\d+)$/m.exec(readFileSync(kubeconfig, 'utf8')) ?? []
    return port === undefined ? undefined : Number(port)
  } catch {
    return undefined
  }
}

/** The first of `wanted` that nobody listens on; 0 (any) where all are taken. */
async function freePort(wanted: readonly (number | undefined)[]): Promise<number> {
  for (const port of wanted) if (port !== undefined && (await isFree(port))) return port
  return 0
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer()
    probe.once('error', () => done(false))
    probe.listen(port, HOST, () => probe.close(() => done(true)))
  })
}

/** Whole or not at all, and never readable by others. */
function writeKubeconfig(path: string, url: string, pki: Pki): void {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const text = `apiVersion: v1
kind: Config
current-context: podpass
clusters:
- name: podpass
  cluster:
    server: ${url}
    certificate-authority-data: ${base64(pki.authority.certificate)}
users:
- name: podpass-admin
  user:
    client-certificate-data: ${base64(pki.admin.certificate)}
    client-key-data: ${base64(pki.admin.key)}
contexts:
- name: podpass
  context:
    cluster: podpass
    user: podpass-admin
`
  writeFileSync(`${path}.new`, text, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

function welcome(url: string, folder: string, kubeconfig: string, terminal: Terminal): string {
  const shown = relative(terminal.cwd, folder)
  const place = shown === '' || shown.startsWith('..') ? folder : `./${shown}`
  return `podpass ${PODPASS_VERSION} (Kubernetes ${GIT_VERSION.replace(/\+.*/, '')}) is ready at ${url} after ${Math.round(performance.now())} ms.

  export KUBECONFIG=${kubeconfig}
  kubectl get serviceaccounts --all-namespaces

Everything is kept in ${place} (CA for curl: ${place}/pki/ca.crt). Ctrl-C stops the server.
`
}
