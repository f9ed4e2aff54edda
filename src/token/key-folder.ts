/**
 * A ring of signing keys in a folder: one file for each private key, one for their lives, all for their owner's eyes only.
 *
 * A decision is on disk before it is in effect here, and each file is whole or not there.
 *
 * @module
 */
import { createPublicKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { type KeyLife, KeyRing, keyState, type RingKey, retired, rotated } from './keyring.ts'
import { signingKey, signingKeyFromPem, verificationKey } from './keys.ts'

const LIVES_FILE = 'lives.json'
const KEY_FILE = /^([A-Za-z0-9_-]{43})\.key$/

export interface KeyFolderOptions {
  clock: Clock
  /** Signs while the folder is empty: PEM of the key that the server was started with. */
  firstKey: string
  /** Accepted for good beside the ring (`--service-account-key-file`). */
  others?: readonly RingKey[]
  maxAgeSeconds?: number
  /** Told when lives could not be written behind; decisions that fail are thrown to who made them. */
  failed?(error: unknown): void
}

export class KeyFolder {
  readonly ring: KeyRing
  readonly #dir: string
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  #lives: readonly KeyLife[]
  #writes: Promise<void> = Promise.resolve()

  private constructor(dir: string, options: KeyFolderOptions, keys: readonly RingKey[], lives: readonly KeyLife[]) {
    this.#dir = dir
    this.#clock = options.clock
    this.#failed = options.failed ?? (() => {})
    this.#lives = lives
    this.ring = new KeyRing({
      clock: options.clock,
      keys: [...keys, ...(options.others ?? [])],
      lives,
      ...(options.maxAgeSeconds !== undefined && { maxAgeSeconds: options.maxAgeSeconds }),
      changed: (changed) => {
        this.#lives = changed
        this.#write(changed).catch(this.#failed)
      },
    })
  }

  static async open(dir: string, options: KeyFolderOptions): Promise<KeyFolder> {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const lives = await readLives(dir)
    const keys = await readKeys(dir)
    const first = ringKey(signingKeyFromPem(options.firstKey).privateKey)
    const nowMs = options.clock.nowMs()
    if (!keys.some(({ verification }) => verification.kid === first.verification.kid)) keys.unshift(first)
    const known = lives.length > 0 ? lives : [{ kid: first.verification.kid, publishedAtMs: nowMs, activeAtMs: nowMs, lastExpiryMs: 0 }]
    const folder = new KeyFolder(
      dir,
      options,
      keys.filter(({ verification }) => known.some(({ kid }) => kid === verification.kid)),
      known,
    )
    if (lives.length === 0) await folder.#write(known)
    return folder
  }

  /** Makes a key and has it take over. Answers its kid; it signs once it has been published long enough. */
  async rotate(kind: 'RS256' | 'ES256' = 'RS256', longestLifeSeconds?: number): Promise<string> {
    const key = ringKey(await newKey(kind))
    const { kid } = key.verification
    await writePrivately(this.#dir, `${kid}.key`, key.signing!.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
    const options = {
      nowMs: this.#clock.nowMs(),
      maxAgeSeconds: this.ring.maxAgeSeconds,
      ...(longestLifeSeconds !== undefined && { longestLifeSeconds }),
    }
    await this.#decide(rotated([...this.#lives, { kid, lastExpiryMs: 0 }], kid, options), [key])
    return kid
  }

  /** The key's tokens are refused from now on. */
  async retire(kid: string): Promise<void> {
    await this.#decide(retired(this.#lives, kid, this.#clock.nowMs()))
    await rm(join(this.#dir, `${kid}.key`), { force: true })
  }

  /** Removes the private parts of keys whose time is over. */
  async clean(): Promise<void> {
    const nowMs = this.#clock.nowMs()
    const gone = this.#lives.filter((life) => keyState(life, this.#lives, nowMs) === 'retired')
    if (gone.length === 0) return
    await Promise.all(gone.map(({ kid }) => rm(join(this.#dir, `${kid}.key`), { force: true })))
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#writes
  }

  async #decide(lives: readonly KeyLife[], keys: readonly RingKey[] = []): Promise<void> {
    await this.#write(lives)
    this.#lives = lives
    this.ring.replace(lives, keys)
  }

  #write(lives: readonly KeyLife[]): Promise<void> {
    const written = this.#writes.then(() => writePrivately(this.#dir, LIVES_FILE, `${JSON.stringify({ keys: lives }, undefined, 2)}\n`))
    this.#writes = written.catch(() => {})
    return written
  }
}

function ringKey(privateKey: KeyObject): RingKey {
  return { verification: verificationKey(createPublicKey(privateKey)), signing: signingKey(privateKey) }
}

function newKey(kind: 'RS256' | 'ES256'): Promise<KeyObject> {
  const { promise, resolve, reject } = Promise.withResolvers<KeyObject>()
  const done = (error: Error | null, _: KeyObject, privateKey: KeyObject) => (error ? reject(error) : resolve(privateKey))
  if (kind === 'RS256') generateKeyPair('rsa', { modulusLength: 2048 }, done)
  else generateKeyPair('ec', { namedCurve: 'P-256' }, done)
  return promise
}

/** Files whose name is not the name of the key in them are left alone: nobody here made them. */
async function readKeys(dir: string): Promise<RingKey[]> {
  const names = (await readdir(dir)).filter((name) => KEY_FILE.test(name)).sort()
  const keys = await Promise.all(names.map(async (name) => ringKey(signingKeyFromPem(await readFile(join(dir, name), 'utf8')).privateKey)))
  return keys.filter(({ verification }, index) => names[index] === `${verification.kid}.key`)
}

async function readLives(dir: string): Promise<KeyLife[]> {
  let text: string
  try {
    text = await readFile(join(dir, LIVES_FILE), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  const parsed: unknown = JSON.parse(text)
  const keys = (parsed as { keys?: unknown } | null)?.keys
  if (!Array.isArray(keys)) throw new TypeError(`${join(dir, LIVES_FILE)} holds no list of keys`)
  return keys.map((key: unknown) => keyLife(key, dir))
}

function keyLife(value: unknown, dir: string): KeyLife {
  const { kid, publishedAtMs, activeAtMs, retiredAtMs, lastExpiryMs } = (value ?? {}) as Record<string, unknown>
  const time = (at: unknown) => at === undefined || (typeof at === 'number' && Number.isFinite(at))
  if (typeof kid !== 'string' || typeof lastExpiryMs !== 'number' || ![publishedAtMs, activeAtMs, retiredAtMs].every(time)) {
    throw new TypeError(`${join(dir, LIVES_FILE)} holds a key without kid or times`)
  }
  return value as KeyLife
}

async function writePrivately(dir: string, name: string, text: string): Promise<void> {
  const draft = join(dir, `${name}.${randomBytes(4).toString('hex')}`)
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, join(dir, name))
}
