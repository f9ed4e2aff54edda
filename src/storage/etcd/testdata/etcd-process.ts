/**
 * An etcd of the tests' own: on free loopback ports, in a folder of its own, ended by its process id.
 *
 * @module
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface EtcdProcess {
  /** For `--etcd-servers`. */
  readonly url: string
  /** As kill -9 does; the data stay. */
  kill(): Promise<void>
  /** After `kill`: on the same ports and data. */
  start(): Promise<void>
  /** Ends it and removes its data. */
  dispose(): Promise<void>
}

/** Why no etcd can be started here; undefined when it can. */
export function etcdMissing(): string | undefined {
  try {
    execFileSync('etcd', ['--version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'no etcd on this machine: install etcd-server to run these tests'
  }
}

/** @param tls PEM files; both sides must show a certificate of the CA then. */
export async function startEtcd({ tls }: { tls?: { ca: string; cert: string; key: string } } = {}): Promise<EtcdProcess> {
  const dir = mkdtempSync(join(tmpdir(), 'podpass-etcd-'))
  const [clientPort, peerPort, metricsPort] = await Promise.all([freePort(), freePort(), freePort()])
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${clientPort}`
  const metrics = `http://127.0.0.1:${metricsPort}`
  const peer = `http://127.0.0.1:${peerPort}`
  let child: ChildProcess | undefined
  const start = async () => {
    const args = [
      '--data-dir',
      dir,
      '--listen-client-urls',
      url,
      '--advertise-client-urls',
      url,
      '--listen-peer-urls',
      peer,
      '--listen-metrics-urls',
      metrics,
    ]
    if (tls !== undefined) args.push('--client-cert-auth', '--trusted-ca-file', tls.ca, '--cert-file', tls.cert, '--key-file', tls.key)
    child = spawn(
      'etcd',
      [...args, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`, '--log-level', 'error', '--logger', 'zap'],
      {
        stdio: 'ignore',
      },
    )
    child.unref()
    await healthy(metrics)
  }
  const end = async (signal: NodeJS.Signals) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
  await start()
  return {
    url,
    kill: () => end('SIGKILL'),
    start,
    async dispose() {
      await end('SIGKILL')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function healthy(url: string): Promise<void> {
  for (;;) {
    try {
      const response = await fetch(`${url}/health`)
      if (((await response.json()) as { health: string }).health === 'true') return
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      // A TCP server's address is an object.
      const port = (address as { port: number }).port
      server.close(() => resolve(port))
    })
  })
}
