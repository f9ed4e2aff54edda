/**
 * `podpass jwks publish DIR`: what relying parties need to check tokens by themselves, as files for any static host.
 *
 * Each file is whole or not there. The keys are written first: who reads the new discovery document finds them.
 *
 * @module
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from '../client/client.ts'
import { command, type Terminal } from './command.ts'
import { connect, KUBECONFIG_FLAGS, reporting } from './connection.ts'
import { UsageError } from './flags.ts'

const CONFIGURATION = '/.well-known/openid-configuration'
const JWKS = '/openid/v1/jwks'

export const jwksCommand = command({
  usage: 'jwks publish DIR [FLAGS]',
  description:
    'Writes the discovery document and the public keys of the issuer as files that any static host can serve under the issuer URL. A new key is\npublished an hour before it signs: publish at least that often (--every), and no verifier ever sees a key that it cannot find.',
  flags: {
    every: { type: 'duration', help: 'Go on, and publish again after so long, until told to stop.' },
    ...KUBECONFIG_FLAGS,
  },
  run({ values, words }, terminal) {
    const [action, dir, ...more] = words
    if (action !== 'publish' || dir === undefined || more.length > 0) throw new UsageError('podpass jwks takes publish DIR')
    const { every } = values
    if (every !== undefined && every < 1) throw new UsageError('--every: a second at least')
    const folder = resolve(terminal.cwd, dir)
    return reporting(terminal, async () => {
      const { client } = connect(values, terminal)
      try {
        for (let isFirst = true; ; isFirst = false) {
          await publish(client, folder, terminal).catch((error: unknown) => {
            // A server may be away for a while; what was published stays.
            if (isFirst) throw error
            terminal.err(`podpass: not published this time, what was published stays: ${(error as Error).message}\n`)
          })
          if (every === undefined || !(await waited(every * 1000, terminal.stopped))) return 0
        }
      } finally {
        client.close()
      }
    })
  },
})

async function publish(client: Client, folder: string, terminal: Terminal): Promise<void> {
  const configuration: { issuer: string; jwks_uri: string } = await client.call({ method: 'GET', path: CONFIGURATION })
  // Of a media type of its own, which the client leaves as it is.
  const jwks: { keys: { kid: string }[] } = JSON.parse(
    await client.call<string>({ method: 'GET', path: JWKS, accept: 'application/jwk-set+json' }),
  )
  // Where the document says that they are, if that is under the issuer.
  const base = `${configuration.issuer.replace(/\/+$/, '')}/`
  const isBelow = configuration.jwks_uri.startsWith(base)
  const path = isBelow ? new URL(configuration.jwks_uri).pathname.slice(new URL(base).pathname.length) : JWKS.slice(1)
  const changed = [replaceFile(join(folder, path), jwks), replaceFile(join(folder, CONFIGURATION), configuration)].some(Boolean)
  if (changed) terminal.out(`published ${jwks.keys.map(({ kid }) => kid).join(', ')} in ${folder}\n`)
  if (!isBelow)
    terminal.err(
      `podpass: ${configuration.jwks_uri} is not under the issuer: serve ${path} there, or start the server with --service-account-jwks-uri\n`,
    )
}

/** Whether it was different before. */
function replaceFile(path: string, content: object): boolean {
  const text = `${JSON.stringify(content)}\n`
  if (textOf(path) === text) return false
  mkdirSync(dirname(path), { recursive: true })
  // Another podpass may publish into the same folder.
  const draft = `${path}.${process.pid}.new`
  writeFileSync(draft, text, { flush: true })
  renameSync(draft, path)
  return true
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** False when it is to stop. In real time, whatever clock the server has. */
async function waited(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await pause(ms, undefined, { signal })
    return true
  } catch {
    return false
  }
}
