/**
 * The ledger in etcd, shared by all servers on it: a key for each token and each revocation, beside kube-apiserver's own keys.
 *
 * What one server notes or takes back the others hear through their watch.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { EtcdBackedStore, KeysBeside } from '../storage/etcd/etcd-store.ts'
import type { LedgerRecord, LedgerStorage } from './ledger.ts'

/** Until etcd is asked again. */
const PAUSE_MS = 100
const RECORDS_AT_ONCE = 500

type Write = { key: string; value: Uint8Array | undefined }

/** `prefix` is the one of the objects, as `--etcd-prefix` gives it: two clusters in one etcd have two ledgers. */
export function etcdLedger(store: Pick<EtcdBackedStore, 'beside'>, prefix: string): LedgerStorage {
  return new EtcdLedger(store.beside(`/podpass${prefix}/issued-tokens/`))
}

class EtcdLedger implements LedgerStorage {
  readonly #keys: KeysBeside
  readonly #unfollow: () => void
  #listener: ((records: readonly LedgerRecord[]) => void) | undefined
  #closed = false
  /** What came before anybody listened. */
  #early: LedgerRecord[] = []

  constructor(keys: KeysBeside) {
    this.#keys = keys
    this.#unfollow = keys.follow({
      written: (writes) => this.#heard(writes.flatMap(recordOf)),
      lost: () => void this.#readAgain(),
    })
  }

  async load(): Promise<LedgerRecord[]> {
    return (await this.#keys.all()).flatMap(recordOf)
  }

  /** A few hundred at a time: nobody else should have to wait for the encoding of all. */
  async append(records: readonly LedgerRecord[]): Promise<void> {
    for (let at = 0; at < records.length; at += RECORDS_AT_ONCE)
      await this.#keys.write(records.slice(at, at + RECORDS_AT_ONCE).map(writeOf))
  }

  /** All servers come to the same view of what is over: that one was faster changes nothing. */
  async remove(records: readonly LedgerRecord[]): Promise<void> {
    await this.#keys.write(records.map((record) => ({ key: keyOf(record), value: undefined })))
  }

  follow(listener: (records: readonly LedgerRecord[]) => void): void {
    this.#listener = listener
    const early = this.#early
    this.#early = []
    if (early.length > 0) listener(early)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#unfollow()
  }

  #heard(records: LedgerRecord[]): void {
    if (this.#listener === undefined) this.#early.push(...records)
    else if (records.length > 0) this.#listener(records)
  }

  /** Until it works: a revocation may be among what was missed. */
  async #readAgain(): Promise<void> {
    while (!this.#closed) {
      try {
        this.#heard(await this.load())
        return
      } catch {
        await pause(PAUSE_MS, undefined, { ref: false })
      }
    }
  }
}

function keyOf(record: LedgerRecord): string {
  if (record.type === 'entry') return `tokens/${record.entry.jti}`
  const { revocation } = record
  return revocation.what === 'token'
    ? `revocations/token/${revocation.jti}`
    : `revocations/${revocation.owner.kind}/${revocation.owner.uid}`
}

function writeOf(record: LedgerRecord): Write {
  return { key: keyOf(record), value: Buffer.from(JSON.stringify(record)) }
}

/** Nothing of a deletion, or of what nobody here wrote. */
function recordOf({ key, value }: Write): LedgerRecord[] {
  if (value === undefined) return []
  try {
    const record = JSON.parse(Buffer.from(value).toString()) as LedgerRecord
    return keyOf(record) === key ? [record] : []
  } catch {
    return []
  }
}
