/**
 * What was issued to whom, and what was taken back: the ledger of tokens. Never the tokens themselves.
 *
 * Issuance and use are written in batches behind the answer; a revocation is kept durably before it is acknowledged, and is in effect
 * for the next request. What is over goes by itself, and there is a bound on what is remembered.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { IssuedToken, TokenOwner } from './issuer.ts'
import { type BoundClaims, LEEWAY_MS } from './verify.ts'

/** Times in milliseconds since the epoch. */
export interface LedgerEntry {
  jti: string
  namespace: string
  account: string
  accountUid: string
  boundTo?: { kind: 'Pod' | 'Secret' | 'Node'; name: string; uid: string }
  audiences: readonly string[]
  issuedAtMs: number
  /** Of the `exp` claim: an extended token lives longer than its answer said. */
  expiresAtMs: number
  /** Who asked, from where, with what. */
  requestedBy: string
  remoteAddress: string
  userAgent: string
  firstUsedAtMs?: number
  lastUsedAtMs?: number
  revokedAtMs?: number
}

export type Revocation =
  | { what: 'token'; jti: string; atMs: number; untilMs: number }
  /** Tokens issued in this second or before. */
  | { what: 'owner'; owner: TokenOwner; atMs: number; untilMs: number }

export type LedgerRecord = { type: 'entry'; entry: LedgerEntry } | { type: 'revocation'; revocation: Revocation }

/** Where the ledger is kept. */
export interface LedgerStorage {
  load(): Promise<LedgerRecord[]>
  /** Later records of one jti replace earlier ones. `durable`: resolves only when it would survive a crash. */
  append(records: readonly LedgerRecord[], options: { durable: boolean }): Promise<void>
  /** Replaces everything that is kept. For a store in which later records are kept beside earlier ones. */
  rewrite?(records: readonly LedgerRecord[]): Promise<void>
  /** Removes what is over or forgotten. For a store in which others keep theirs too. */
  remove?(records: readonly LedgerRecord[]): Promise<void>
  /** Hears from now on of what others keep in the same place, in their order; what came since `load` first. */
  follow?(listener: (records: readonly LedgerRecord[]) => void): void
  close?(): Promise<void>
}

export interface LedgerOptions {
  clock: Clock
  storage: LedgerStorage
  /** Remembered tokens; beyond that the oldest are forgotten (they stay valid). Revocations are never forgotten early. */
  maxEntries?: number
  /** How long a note may wait before it is written. */
  flushMs?: number
  /** Told when notes could not be written; they are tried again. */
  failed?(error: unknown): void
  /** Told when something was taken back, here or elsewhere: what is open by it has to end. */
  revokedSome?(): void
}

export class TokenLedger {
  readonly #clock: Clock
  readonly #storage: LedgerStorage
  readonly #maxEntries: number
  readonly #flushMs: number
  readonly #failed: (error: unknown) => void
  readonly #revokedSome: () => void
  /** In the order of issuance. */
  readonly #entries = new Map<string, LedgerEntry>()
  /**
   * Where the oldest is. One iterator for good: a new one would have to pass all that has gone before it, at each token. What it has passed
   * is gone.
   */
  readonly #oldest = this.#entries.keys()
  readonly #tokens = new Map<string, Revocation>()
  /** Revocations of single tokens that are not durable yet: who asks for one again waits for it too. */
  readonly #revoking = new Map<string, Promise<void>>()
  readonly #owners = new Map<string, Revocation>()
  readonly #unwritten = new Set<LedgerEntry>()
  /** Gone from here, and to be removed from the storage. */
  #gone: LedgerRecord[] = []
  #cancelFlush: (() => void) | undefined
  #writes: Promise<void> = Promise.resolve()
  #kept = 0
  #nextSweepMs = Number.NEGATIVE_INFINITY
  /** Entries that were forgotten for want of room. */
  forgotten = 0

  private constructor({ clock, storage, maxEntries = 100_000, flushMs = 1000, failed = () => {}, revokedSome = () => {} }: LedgerOptions) {
    this.#clock = clock
    this.#storage = storage
    this.#maxEntries = maxEntries
    this.#flushMs = flushMs
    this.#failed = failed
    this.#revokedSome = revokedSome
  }

  static async open(options: LedgerOptions): Promise<TokenLedger> {
    const ledger = new TokenLedger(options)
    const records = await options.storage.load()
    for (const record of records) ledger.#replay(record)
    ledger.#kept = records.length
    // A revocation may have been kept, and the note of it with the token not.
    for (const entry of ledger.#entries.values()) ledger.#markIfRevoked(entry)
    ledger.#dropOver()
    options.storage.follow?.((others) => ledger.#heard(others))
    return ledger
  }

  get size(): number {
    return this.#entries.size
  }

  get revocations(): number {
    return this.#tokens.size + this.#owners.size
  }

  /** Notes a token that is about to be handed out. */
  issued({ claims, requestedBy, remoteAddress, userAgent }: IssuedToken): void {
    const { namespace, serviceaccount, pod, secret, node } = claims['kubernetes.io']
    const boundTo = pod
      ? { kind: 'Pod' as const, ...pod }
      : secret
        ? { kind: 'Secret' as const, ...secret }
        : node
          ? { kind: 'Node' as const, name: node.name, uid: node.uid ?? '' }
          : undefined
    const entry: LedgerEntry = {
      jti: claims.jti,
      namespace,
      account: serviceaccount.name,
      accountUid: serviceaccount.uid,
      ...(boundTo !== undefined && { boundTo }),
      audiences: shortened(claims.aud ?? []),
      issuedAtMs: claims.iat * 1000,
      expiresAtMs: claims.exp * 1000,
      requestedBy,
      remoteAddress,
      userAgent: userAgent.slice(0, MAX_USER_AGENT),
    }
    // All of its account may have been taken back while it was being signed.
    this.#markIfRevoked(entry)
    this.#entries.set(entry.jti, entry)
    this.#makeRoom()
    this.#note(entry)
  }

  /** Notes that a token was accepted: the first time, and then once a minute at most. */
  used({ jti }: BoundClaims): void {
    const entry = this.#entries.get(jti)
    if (entry === undefined) return
    const nowMs = this.#clock.nowMs()
    if (entry.lastUsedAtMs !== undefined && nowMs - entry.lastUsedAtMs < USE_RESOLUTION_MS) return
    entry.firstUsedAtMs ??= nowMs
    entry.lastUsedAtMs = nowMs
    this.#note(entry)
  }

  /** Whether the token, its account, pod or node was revoked. */
  revoked({ jti, issuedAtSeconds, account, pod, node }: BoundClaims): boolean {
    if (this.#tokens.size > 0 && this.#tokens.has(jti)) return true
    if (this.#owners.size === 0) return false
    const issuedAtMs = (issuedAtSeconds ?? 0) * 1000
    const before = (kind: TokenOwner['kind'], uid: string) =>
      issuedAtMs <= (this.#owners.get(`${kind}:${uid}`)?.atMs ?? Number.NEGATIVE_INFINITY)
    if (before('Account', account.uid)) return true
    if (pod !== undefined) return before('Pod', pod.uid)
    return node !== undefined && before('Node', node.uid)
  }

  /**
   * The earliest `iat` that a new token may have: a second after the last revocation of what it belongs to, as both count whole seconds.
   * Verifiers allow a minute of difference between clocks.
   */
  earliestIssueSeconds(owners: readonly TokenOwner[], nowSeconds: number): number {
    if (this.#owners.size === 0) return nowSeconds
    const last = Math.max(...owners.map(({ kind, uid }) => this.#owners.get(`${kind}:${uid}`)?.atMs ?? 0))
    return Math.max(nowSeconds, Math.floor(last / 1000) + 1)
  }

  /** Takes one token back. Resolves when that is durable; answers false when no such token is known. */
  async revokeToken(jti: string): Promise<boolean> {
    const entry = this.#entries.get(jti)
    if (entry === undefined) return false
    const revoking = this.#revoking.get(jti)
    if (revoking !== undefined) await revoking
    if (this.#tokens.has(jti)) return true
    const atMs = this.#clock.nowMs()
    const durable = this.#revoke({ what: 'token', jti, atMs, untilMs: entry.expiresAtMs + LEEWAY_MS })
    this.#revoking.set(jti, durable)
    await durable.finally(() => this.#revoking.delete(jti))
    entry.revokedAtMs = atMs
    this.#note(entry)
    return true
  }

  /** Takes back everything issued so far for an account, or bound to a pod or node. Resolves when that is durable; answers how many known tokens it kills. */
  async revokeOwner(owner: TokenOwner): Promise<number> {
    const atMs = this.#clock.nowMs()
    const killed = [...this.#entries.values()].filter((entry) => entry.revokedAtMs === undefined && belongsTo(entry, owner))
    // Not all of its tokens need be known here: kept as long as any can last.
    const untilMs = atMs + LONGEST_LIFE_SECONDS * 1000 + LEEWAY_MS
    await this.#revoke({ what: 'owner', owner, atMs: this.#lastSecondMs(owner, killed), untilMs })
    for (const entry of killed) {
      entry.revokedAtMs = atMs
      this.#note(entry)
    }
    return killed.length
  }

  get(jti: string): LedgerEntry | undefined {
    return this.#entries.get(jti)
  }

  /** Newest last; what is over is left out. `after`: only what comes after that token, if it is still known. */
  *list(after?: string): Iterable<LedgerEntry> {
    const nowMs = this.#clock.nowMs()
    let isPassed = after === undefined
    for (const entry of this.#entries.values()) {
      if (isPassed && entry.expiresAtMs + LEEWAY_MS >= nowMs) yield entry
      else if (!isPassed) isPassed = entry.jti === after
    }
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    this.#cancelFlush?.()
    this.#cancelFlush = undefined
    const entries = [...this.#unwritten]
    this.#unwritten.clear()
    this.#dropOver()
    const live = entries.filter((entry) => this.#entries.get(entry.jti) === entry)
    const gone = this.#gone
    this.#gone = []
    try {
      if (live.length > 0)
        await this.#append(
          live.map((entry) => ({ type: 'entry', entry })),
          false,
        )
      await this.#tidy(gone)
    } catch (error) {
      for (const entry of live) this.#note(entry)
      this.#gone.push(...gone)
      this.#failed(error)
    }
  }

  async #tidy(gone: readonly LedgerRecord[]): Promise<void> {
    const { remove, rewrite } = this.#storage
    if (remove !== undefined && gone.length > 0) await this.#write((storage) => remove.call(storage, gone))
    if (rewrite !== undefined && this.#kept > 2 * (this.#entries.size + this.revocations) + REWRITE_SLACK)
      await this.#write((storage) => rewrite.call(storage, this.#snapshot()))
  }

  async close(): Promise<void> {
    await this.flush()
    this.#cancelFlush?.()
    await this.#writes
    await this.#storage.close?.()
  }

  /**
   * The second whose tokens are the last to die. Just after an earlier revocation tokens carry a time to come, those of servers beside this
   * one too.
   */
  #lastSecondMs(owner: TokenOwner, killed: readonly LedgerEntry[]): number {
    const presentMs = Math.floor(this.#clock.nowMs() / 1000) * 1000
    const beforeMs = this.#owners.get(`${owner.kind}:${owner.uid}`)?.atMs ?? 0
    const aheadMs = beforeMs >= presentMs ? Math.min(beforeMs + 1000, presentMs + MAX_AHEAD_MS) : 0
    return killed.reduce((last, { issuedAtMs }) => Math.max(last, issuedAtMs), Math.max(presentMs, aheadMs))
  }

  /** In effect at once, acknowledged when durable; taken back when it could not be kept. */
  async #revoke(revocation: Revocation): Promise<void> {
    const [map, key] =
      revocation.what === 'token' ? [this.#tokens, revocation.jti] : [this.#owners, `${revocation.owner.kind}:${revocation.owner.uid}`]
    const before = map.get(key)
    map.set(key, revocation)
    try {
      await this.#append([{ type: 'revocation', revocation }], true)
    } catch (error) {
      if (map.get(key) === revocation) {
        if (before === undefined) map.delete(key)
        else map.set(key, before)
      }
      throw error
    }
    this.#revokedSome()
  }

  /** What another server has noted or taken back. */
  #heard(records: readonly LedgerRecord[]): void {
    let revoked = false
    for (const record of records) {
      this.#replay(record)
      if (record.type !== 'revocation') continue
      this.#markRevoked(record.revocation)
      revoked = true
    }
    if (revoked) this.#revokedSome()
  }

  #markRevoked(revocation: Revocation): void {
    if (revocation.what === 'token') {
      const entry = this.#entries.get(revocation.jti)
      if (entry !== undefined) this.#markIfRevoked(entry)
      return
    }
    for (const entry of this.#entries.values()) if (belongsTo(entry, revocation.owner)) this.#markIfRevoked(entry)
  }

  #markIfRevoked(entry: LedgerEntry): void {
    if (entry.revokedAtMs !== undefined) return
    const { jti, accountUid, boundTo, issuedAtMs } = entry
    const revocations = [
      this.#tokens.get(jti),
      this.#owners.get(`Account:${accountUid}`),
      boundTo && this.#owners.get(`${boundTo.kind}:${boundTo.uid}`),
    ]
    const revocation = revocations.find((one) => one !== undefined && (one.what === 'token' || issuedAtMs <= one.atMs))
    if (revocation !== undefined) entry.revokedAtMs = revocation.atMs
  }

  async #append(records: readonly LedgerRecord[], durable: boolean): Promise<void> {
    await this.#write((storage) => storage.append(records, { durable }))
    this.#kept += records.length
  }

  /** One write at a time, in order. */
  #write(run: (storage: LedgerStorage) => Promise<void>): Promise<void> {
    const written = this.#writes.then(() => run(this.#storage))
    this.#writes = written.catch(() => {})
    return written
  }

  #snapshot(): LedgerRecord[] {
    const records: LedgerRecord[] = []
    for (const revocation of [...this.#tokens.values(), ...this.#owners.values()]) records.push({ type: 'revocation', revocation })
    for (const entry of this.#entries.values()) records.push({ type: 'entry', entry })
    this.#kept = records.length
    return records
  }

  #replay(record: LedgerRecord): void {
    if (record.type === 'entry') {
      const known = this.#entries.get(record.entry.jti)
      if (known !== undefined) takeOver(known, record.entry)
      else {
        this.#markIfRevoked(record.entry)
        this.#entries.set(record.entry.jti, record.entry)
        this.#makeRoom()
      }
      return
    }
    const { revocation } = record
    const [map, key] =
      revocation.what === 'token' ? [this.#tokens, revocation.jti] : [this.#owners, `${revocation.owner.kind}:${revocation.owner.uid}`]
    // Of two servers that revoke the same the later one counts.
    if ((map.get(key)?.atMs ?? Number.NEGATIVE_INFINITY) <= revocation.atMs) map.set(key, revocation)
  }

  #note(entry: LedgerEntry): void {
    this.#unwritten.add(entry)
    this.#cancelFlush ??= this.#clock.after(this.#flushMs, () => {
      this.#cancelFlush = undefined
      // flush() reports its failures itself.
      void this.flush()
    })
  }

  #makeRoom(): void {
    if (this.#entries.size <= this.#maxEntries) return
    const oldest = this.#entries.get(this.#oldest.next().value ?? '')
    if (oldest === undefined) return
    this.#entries.delete(oldest.jti)
    this.#remove({ type: 'entry', entry: oldest })
    this.forgotten++
  }

  /** Looks at everything, so once a minute at most. */
  #dropOver(): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs < this.#nextSweepMs) return
    this.#nextSweepMs = nowMs + SWEEP_MS
    for (const entry of this.#entries.values()) {
      if (entry.expiresAtMs + LEEWAY_MS >= nowMs) continue
      this.#entries.delete(entry.jti)
      this.#remove({ type: 'entry', entry })
    }
    for (const map of [this.#tokens, this.#owners]) {
      for (const [key, revocation] of map) {
        if (revocation.untilMs >= nowMs) continue
        map.delete(key)
        this.#remove({ type: 'revocation', revocation })
      }
    }
  }

  #remove(record: LedgerRecord): void {
    if (this.#storage.remove !== undefined) this.#gone.push(record)
  }
}

/** Well within what verifiers allow clocks to differ. */
const MAX_AHEAD_MS = 30_000
const USE_RESOLUTION_MS = 60_000
const SWEEP_MS = 60_000
const MAX_USER_AGENT = 256
/** Characters of all audiences of a token. A header that carries more than this is refused long before. */
const MAX_AUDIENCES = 2048
/** TokenRequest gives no longer one. */
const LONGEST_LIFE_SECONDS = 2 ** 32
/** Records that may be out of date before everything is written anew. */
const REWRITE_SLACK = 1000

function belongsTo(entry: LedgerEntry, { kind, uid }: TokenOwner): boolean {
  return kind === 'Account' ? entry.accountUid === uid : entry.boundTo?.kind === kind && entry.boundTo.uid === uid
}

/** As many as there is room for, then how many more there are. */
function shortened(audiences: readonly string[]): readonly string[] {
  let room = MAX_AUDIENCES
  const whole = audiences.findIndex((audience) => {
    room -= audience.length + 1
    return room < 0
  })
  return whole < 0 ? audiences : [...audiences.slice(0, whole), `… and ${audiences.length - whole} more`]
}

/** Several servers may have seen the use of one token, and only one its revocation. */
function takeOver(known: LedgerEntry, other: LedgerEntry): void {
  const earliest = (a: number | undefined, b: number | undefined) => (a === undefined || b === undefined ? (a ?? b) : Math.min(a, b))
  const first = earliest(known.firstUsedAtMs, other.firstUsedAtMs)
  if (first !== undefined) known.firstUsedAtMs = first
  const last = Math.max(known.lastUsedAtMs ?? 0, other.lastUsedAtMs ?? 0)
  if (last > 0) known.lastUsedAtMs = last
  const revoked = earliest(known.revokedAtMs, other.revokedAtMs)
  if (revoked !== undefined) known.revokedAtMs = revoked
}
