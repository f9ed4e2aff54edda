/**
 * Credentials from a program, as kubeconfigs of cloud clusters ask for them.
 *
 * @see KEP-541; client-go/plugin/pkg/client/auth/exec/exec.go
 * @module
 */
import { spawn } from 'node:child_process'
import process from 'node:process'
import { type ClientConfig, type ExecConfig, KubeconfigError } from './kubeconfig.ts'

export interface ExecCredential {
  token?: string
  certificate?: string
  key?: string
  /** Milliseconds since the epoch; undefined: until the server refuses it. */
  expiresAtMs?: number
}

/** Runs the program once. What it writes to stderr people may read; what it writes to stdout nobody sees. @throws KubeconfigError */
export async function execCredential(exec: ExecConfig, config: ClientConfig, isInteractive: boolean): Promise<ExecCredential> {
  const interactive = exec.interactiveMode !== 'Never' && isInteractive
  if (exec.interactiveMode === 'Always' && !isInteractive) throw new KubeconfigError(`${exec.command} needs a terminal to ask at`)
  const info = {
    apiVersion: exec.apiVersion,
    kind: 'ExecCredential',
    spec: { interactive, ...(exec.provideClusterInfo ? { cluster: clusterInfo(config) } : {}) },
  }
  const env = {
    ...process.env,
    ...Object.fromEntries(exec.env.map(({ name, value }) => [name, value])),
    KUBERNETES_EXEC_INFO: JSON.stringify(info),
  }
  const output = await outputOf(exec, env, interactive)
  let answer: { apiVersion?: unknown; kind?: unknown; status?: Record<string, unknown> }
  try {
    answer = JSON.parse(output)
  } catch {
    throw new KubeconfigError(`${exec.command} answered no JSON`)
  }
  if (answer?.kind !== 'ExecCredential' || answer.apiVersion !== exec.apiVersion)
    throw new KubeconfigError(`${exec.command} answered something else than an ExecCredential of ${exec.apiVersion}`)
  return credentialOf(exec, answer.status ?? {})
}

function credentialOf(exec: ExecConfig, status: Record<string, unknown>): ExecCredential {
  const credential: ExecCredential = {}
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = status
  if (typeof token === 'string' && token !== '') credential.token = token
  if (typeof clientCertificateData === 'string' && typeof clientKeyData === 'string') {
    credential.certificate = clientCertificateData
    credential.key = clientKeyData
  }
  if (credential.token === undefined && credential.certificate === undefined)
    throw new KubeconfigError(`${exec.command} answered neither a token nor a certificate with its key`)
  const expiresAtMs = typeof expirationTimestamp === 'string' ? Date.parse(expirationTimestamp) : Number.NaN
  if (!Number.isNaN(expiresAtMs)) credential.expiresAtMs = expiresAtMs
  return credential
}

function clusterInfo({ server, ca, insecureSkipTlsVerify, tlsServerName }: ClientConfig): object {
  return {
    server,
    ...(tlsServerName === undefined ? {} : { 'tls-server-name': tlsServerName }),
    ...(insecureSkipTlsVerify ? { 'insecure-skip-tls-verify': true } : {}),
    ...(ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
    config: null,
  }
}

function outputOf(exec: ExecConfig, env: NodeJS.ProcessEnv, interactive: boolean): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(exec.command, exec.args, { env, stdio: [interactive ? 'inherit' : 'ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.on('error', (error) => {
      const hint = exec.installHint === '' ? '' : `\n${exec.installHint}`
      fail(new KubeconfigError(`${exec.command} cannot be run: ${error.message}${hint}`))
    })
    child.on('close', (code) => {
      if (code === 0) done(output)
      else fail(new KubeconfigError(`${exec.command} ended with exit code ${code}`))
    })
  })
}
