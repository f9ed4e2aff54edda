/**
 * Signing keys with a life: the private parts in a folder, one file for each, for their owner's eyes only; the lives in a file beside them or,
 * where several servers share a store, there.
 *
 * A decision is durable before it is in effect here, and each file is whole or not there.
 *
 * @module
 */
import { createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, rfc3339 } from '../clock.ts'
import { encodeClaims, type LegacyTokenClaims, type TokenClaims } from './claims.ts'
import type { TokenSigner } from './issuer.ts'
import { signJws } from './jwt.ts'
import { type KeyLife, keyState, noted, type RotateOptions, reached, retired, rotated } from './key-life.ts'
import { type KeyLives, KeyLivesFile, readLives } from './key-lives.ts'
import { KeyRing, type ListedKey, type RingKey } from './keyring.ts'
import { signingKey, signingKeyFromPem, verificationKey } from './keys.ts'
import { writePrivately } from './private-file.ts'

const LIVES_FILE = 'lives.json'
const KEY_FILE = /^([A-Za-z0-9_-]{43})\.key$/
/** A time that no server lives to see, the last second of a four-digit year: a token without an end is good until then. */
const NEVER_SECONDS = 253_402_300_799
/** How often the folder is looked at while a private part is not there. */
const LOOK_AGAIN_MS = 10_000
/** A shared decision takes its time to be heard of, and clocks differ: so much longer is a key published before it signs. */
const SHARED_MARGIN_SECONDS = 60

export type KeyKind = 'RS256' | 'ES256'

export interface KeyFolderOptions {
  clock: Clock
  /** Signs while there is no other: PEM of the key that the server was started with. */
  firstKey: string
  /** Accepted for good beside the ring (`--service-account-key-file`). */
  others?: readonly RingKey[]
  maxAgeSeconds?: number
  /** Where all servers of a shared store keep the lives; absent: they are this server's own, in the folder. */
  sharedLives?: KeyLives
  log?: KeyFolderLog
  /** Told when another server has ended a key: what is open by its tokens has to end. */
  endedElsewhere?(): void
}

export interface KeyFolderLog {
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

export class KeyFolder implements TokenSigner {
  readonly ring: KeyRing
  readonly #dir: string
  readonly #clock: Clock
  readonly #lives: KeyLives
  readonly #isShared: boolean
  readonly #log: KeyFolderLog
  readonly #endedElsewhere: () => void
  /** Ends of tokens that are being written down, by the key that signed them. */
  readonly #notes = new Map<string, { expiresAtSeconds: number; written: Promise<void> }>()
  /** What was said of keys whose private part is elsewhere, so that it is said once. */
  readonly #said = new Map<string, string>()
  #cancelLook = () => {}
  #work: Promise<void> = Promise.resolve()
  #closed = false

  private constructor(dir: string, options: KeyFolderOptions, lives: KeyLives, keys: readonly RingKey[]) {
    const { clock, others = [], maxAgeSeconds, sharedLives, log = SILENT, endedElsewhere = () => {} } = options
    this.#dir = dir
    this.#clock = clock
    this.#lives = lives
    this.#isShared = sharedLives !== undefined
    this.#log = log
    this.#endedElsewhere = endedElsewhere
    this.ring = new KeyRing({
      clock,
      keys: [...ofLives(keys, lives.lives), ...others],
      lives: lives.lives,
      ...(maxAgeSeconds !== undefined && { maxAgeSeconds }),
    })
  }

  static async open(dir: string, options: KeyFolderOptions): Promise<KeyFolder> {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const { sharedLives, clock } = options
    const lives: KeyLives = sharedLives ?? new KeyLivesFile(join(dir, LIVES_FILE))
    const keys = await readKeys(dir)
    const first = ringKey(signingKeyFromPem(options.firstKey).privateKey)
    if (!keys.some(({ verification }) => verification.kid === first.verification.kid)) keys.unshift(first)
    const nowMs = clock.nowMs()
    // Whoever leaves the embedded store for etcd takes the lives along.
    const before = sharedLives === undefined ? [] : await readLives(join(dir, LIVES_FILE))
    const begun = { ...newLife(first), publishedAtMs: nowMs, activeAtMs: nowMs }
    await lives.load(before.length > 0 ? withPublicKeys(before, keys) : [begun])
    const folder = new KeyFolder(dir, options, lives, keys)
    lives.follow?.(() => folder.#heard())
    await folder.#look()
    return folder
  }

  /** With the key of the moment, which is kept as long as the token is good. */
  async sign(claims: TokenClaims | LegacyTokenClaims): Promise<string> {
    const key = this.ring.active()
    if ('exp' in claims) this.#note(key.kid, claims.exp)
    // There is no second token in whose time it could be noted.
    else await this.#note(key.kid, NEVER_SECONDS)
    return signJws(key, encodeClaims(claims))
  }

  /** Makes a key that nobody is shown yet, for `takeOver`. Answers its kid. */
  async prepare(kind: KeyKind = 'RS256'): Promise<string> {
    const key = await this.#make(kind)
    await this.#lives.update((lives) => [...lives, newLife(key)])
    this.ring.replace(this.#lives.lives, [key])
    return key.verification.kid
  }

  /** Makes a key and has it take over. Answers its kid; it signs once it has been published long enough. */
  async rotate(kind: KeyKind = 'RS256', longestLifeSeconds?: number): Promise<string> {
    const key = await this.#make(kind)
    const { kid } = key.verification
    const options = this.#rotation(longestLifeSeconds)
    await this.#lives.update((lives) => rotated([...lives, newLife(key)], kid, options))
    this.ring.replace(this.#lives.lives, [key])
    return kid
  }

  /** Has a prepared key take over. Throws RangeError for one that is not here, or has had its turn. */
  async takeOver(kid: string, longestLifeSeconds?: number): Promise<void> {
    // Whoever asks may just have brought it.
    await this.#queue(() => this.#look())
    if (this.ring.list().some((key) => key.kid === kid && !key.isHere))
      throw new RangeError(`the private part of key ${kid} is not on this server: bring ${this.#file(kid)}`)
    const options = this.#rotation(longestLifeSeconds)
    await this.#lives.update((lives) => rotated(lives, kid, options))
    this.ring.replace(this.#lives.lives)
  }

  /** The key's tokens are refused from now on. */
  async retire(kid: string): Promise<void> {
    await this.#lives.update((lives) => retired(lives, kid, this.#clock.nowMs()))
    this.ring.replace(this.#lives.lives)
    await this.clean()
  }

  /** Removes the private parts of keys whose time is over. */
  async clean(): Promise<void> {
    const nowMs = this.#clock.nowMs()
    const { lives } = this.ring
    const gone = lives.filter((life) => keyState(life, lives, nowMs) === 'retired')
    await Promise.all(gone.map(({ kid }) => rm(this.#file(kid), { force: true })))
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelLook()
    await Promise.allSettled([...this.#notes.values()].map(({ written }) => written))
    await this.#work
    this.#lives.close?.()
  }

  async #make(kind: KeyKind): Promise<RingKey> {
    const privateKey = await newKey(kind)
    const key = ringKey(privateKey)
    // On a command line it would be taken for a flag.
    if (key.verification.kid.startsWith('-')) return this.#make(kind)
    await writePrivately(this.#file(key.verification.kid), privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
    return key
  }

  #rotation(longestLifeSeconds: number | undefined): RotateOptions {
    return {
      nowMs: this.#clock.nowMs(),
      maxAgeSeconds: this.ring.maxAgeSeconds + (this.#isShared ? SHARED_MARGIN_SECONDS : 0),
      ...(longestLifeSeconds !== undefined && { longestLifeSeconds }),
    }
  }

  #file(kid: string): string {
    return join(this.#dir, `${kid}.key`)
  }

  /** Undefined when nothing has to be written; else resolves when it is. */
  #note(kid: string, expiresAtSeconds: number): Promise<void> | undefined {
    const { lives } = this.#lives
    if (noted(lives, kid, expiresAtSeconds) === lives) return undefined
    const known = this.#notes.get(kid)
    if (known !== undefined && known.expiresAtSeconds >= expiresAtSeconds) return known.written
    const written = this.#lives.update((present) => noted(present, kid, expiresAtSeconds)).then(() => this.ring.replace(this.#lives.lives))
    const note = { expiresAtSeconds, written }
    this.#notes.set(kid, note)
    const forget = () => {
      if (this.#notes.get(kid) === note) this.#notes.delete(kid)
    }
    written.then(forget, (err: unknown) => {
      forget()
      this.#log.error({ err, kid }, 'the end of a token could not be noted with its signing key; it is noted with the next')
    })
    return written
  }

  #heard(): void {
    const ended = (lives: readonly KeyLife[]) => lives.filter(({ endedEarly }) => endedEarly).length
    const before = ended(this.ring.lives)
    this.ring.replace(this.#lives.lives)
    const endedSome = ended(this.ring.lives) > before
    if (endedSome) this.#endedElsewhere()
    void this.#queue(async () => {
      if (endedSome) await this.clean()
      await this.#look()
    })
  }

  /** Looks for the private parts of the key that signs and of those that will or may, and again while one is not here. */
  async #look(): Promise<void> {
    this.#cancelLook()
    let missing = this.#missing()
    if (missing.length > 0) {
      // Whoever brings a file may be in the midst of it.
      const keys = await readKeys(this.#dir).catch((err: unknown) => this.#unreadable(err))
      this.ring.replace(this.#lives.lives, ofLives(keys, this.#lives.lives))
      const found = missing.filter(({ kid }) => this.ring.list().some((key) => key.kid === kid && key.isHere))
      for (const { kid } of found) if (this.#said.delete(kid)) this.#log.info({ kid }, 'the private part of a signing key has come')
      missing = this.#missing()
    }
    for (const key of missing) this.#sayMissing(key)
    if (missing.length > 0 && !this.#closed) this.#cancelLook = this.#clock.after(LOOK_AGAIN_MS, () => void this.#queue(() => this.#look()))
  }

  #missing(): ListedKey[] {
    const nowMs = this.#clock.nowMs()
    const isNeeded = ({ state, life }: ListedKey) => state === 'active' || (state !== 'retired' && !reached(life.activeAtMs, nowMs))
    return this.ring.list().filter((key) => !key.isHere && isNeeded(key))
  }

  #sayMissing({ kid, state, life }: ListedKey): void {
    if (this.#said.get(kid) === state) return
    this.#said.set(kid, state)
    const file = this.#file(kid)
    if (state !== 'active') {
      const signsFrom = life.activeAtMs === undefined ? {} : { signsFrom: rfc3339(life.activeAtMs) }
      this.#log.warn({ kid, file, ...signsFrom }, 'the private part of the next signing key is not here: bring it before the key signs')
      return
    }
    const instead = this.ring.list().find(({ signsHere }) => signsHere)?.kid
    if (instead === undefined) this.#log.error({ kid, file }, 'the private part of no signing key in use is here: no token can be issued')
    else
      this.#log.error({ kid, file, instead }, 'the private part of the active signing key is not here: the key before it goes on signing')
  }

  /** One after the other; what fails is logged. */
  #queue(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((err: unknown) => void this.#unreadable(err))
    return this.#work
  }

  #unreadable(err: unknown): [] {
    this.#log.error({ err, dir: this.#dir }, 'the folder of signing keys could not be read')
    return []
  }
}

const SILENT: KeyFolderLog = { info: () => {}, warn: () => {}, error: () => {} }

function ringKey(privateKey: KeyObject): RingKey {
  return { verification: verificationKey(createPublicKey(privateKey)), signing: signingKey(privateKey) }
}

function newLife(key: RingKey): KeyLife {
  return { kid: key.verification.kid, publicKey: publicText(key), lastExpiryMs: 0 }
}

function publicText({ verification }: RingKey): string {
  return verification.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')
}

function withPublicKeys(lives: readonly KeyLife[], keys: readonly RingKey[]): KeyLife[] {
  return lives.map((life) => {
    const key = keys.find(({ verification }) => verification.kid === life.kid)
    return key === undefined ? life : { ...life, publicKey: publicText(key) }
  })
}

/** Keys without a life would be accepted for good. */
function ofLives(keys: readonly RingKey[], lives: readonly KeyLife[]): RingKey[] {
  return keys.filter(({ verification }) => lives.some(({ kid }) => kid === verification.kid))
}

function newKey(kind: KeyKind): Promise<KeyObject> {
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
