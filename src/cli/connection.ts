/**
 * The server that a command talks to: `--kubeconfig`, `--context`, and what they lead to.
 *
 * @module
 */
import { PolicyError } from '../analysis/policy.ts'
import { StatusError } from '../api/status.ts'
import { ConnectionError, HttpsClient } from '../client/https-client.ts'
import { type ClientConfig, KubeconfigError, loadClientConfig } from '../client/kubeconfig.ts'
import { systemClock } from '../clock.ts'
import { PODPASS_VERSION } from '../server/version.ts'
import type { Terminal } from './command.ts'
import { printable } from './printable.ts'

export const KUBECONFIG_FLAGS = {
  kubeconfig: {
    type: 'string',
    value: 'file',
    help: 'Where the server is and who you are there; $KUBECONFIG, else ~/.kube/config, when not given.',
  },
  context: { type: 'string', help: 'The context of the kubeconfig; its current one when not given.' },
} as const

export interface KubeconfigValues {
  kubeconfig: string | undefined
  context: string | undefined
}

/** @throws KubeconfigError */
export function connect({ kubeconfig, context }: KubeconfigValues, terminal: Terminal): { client: HttpsClient; config: ClientConfig } {
  const config = loadClientConfig({ env: terminal.env, cwd: terminal.cwd, path: kubeconfig, context })
  const client = new HttpsClient(config, {
    clock: systemClock,
    userAgent: `podpass/${PODPASS_VERSION}`,
    isInteractive: terminal.isInteractive,
  })
  return { client, config }
}

/** Runs a command's work; what people can do something about becomes one line and exit code 1. */
export async function reporting(terminal: Terminal, work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (
      !(
        error instanceof KubeconfigError ||
        error instanceof ConnectionError ||
        error instanceof StatusError ||
        error instanceof PolicyError
      )
    )
      throw error
    terminal.err(`podpass: ${error.message.split('\n').map(printable).join('\n')}\n`)
    return 1
  }
}
