/**
 * The lives of signing keys in etcd: what one server decides counts on all that share it.
 *
 * All lives are one value, replaced only by who has seen the present one: of two rotations at a time the second knows the first.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { EtcdBackedStore, KeysBeside } from '../storage/etcd/etcd-store.ts'
import { type KeyLife, livesText, parseLives } from './key-life.ts'
import type { ChangeLives, KeyLives } from './key-lives.ts'

const KEY = 'lives'
/** Until etcd is asked again. */
const PAUSE_MS = 100

/** `prefix` is the one of the objects, as `--etcd-prefix` gives it: two clusters in one etcd have keys of their own. */
export function etcdKeyLives(store: Pick<EtcdBackedStore, 'beside'>, prefix: string): KeyLives {
  return new KeyLivesEtcd(store.beside(`/podpass${prefix}/signing-keys/`))
}

class KeyLivesEtcd implements KeyLives {
  readonly #keys: KeysBeside
  readonly #unfollow: () => void
  #lives: readonly KeyLife[] = []
  /** Of the value that `#lives` were read from; 0: there is none. */
  #revision = 0
  #changed = () => {}
  #closed = false

  constructor(keys: KeysBeside) {
    this.#keys = keys
    this.#unfollow = keys.follow({
      written: (writes) => {
        for (const { key, value, revision } of writes) if (key === KEY && value !== undefined) this.#heard(value, revision)
      },
      lost: () => void this.#readAgain(),
    })
  }

  get lives(): readonly KeyLife[] {
    return this.#lives
  }

  async load(initial: readonly KeyLife[]): Promise<void> {
    const present = await this.#present()
    if (present !== undefined) this.#take(parsed(present.value), present.revision)
    await this.update((lives) => (lives.length > 0 ? lives : initial))
  }

  async update(change: ChangeLives): Promise<void> {
    for (;;) {
      const [before, revision] = [this.#lives, this.#revision]
      const lives = change(before)
      if (lives === before) return
      const outcome = await this.#keys.replace(KEY, Buffer.from(livesText(lives)), revision)
      if (outcome.ok) {
        this.#take(lives, outcome.revision)
        return
      }
      const { current } = outcome
      if (current !== undefined) this.#take(parsed(current.value), current.revision)
      // Somebody removed it: what is known here is put back.
      else this.#revision = 0
    }
  }

  follow(changed: () => void): void {
    this.#changed = changed
  }

  close(): void {
    this.#closed = true
    this.#unfollow()
  }

  async #present(): Promise<{ value: Uint8Array; revision: number } | undefined> {
    return (await this.#keys.all()).find(({ key }) => key === KEY)
  }

  /** Until it works: a retirement may be among what was missed. */
  async #readAgain(): Promise<void> {
    while (!this.#closed) {
      try {
        const present = await this.#present()
        if (present !== undefined) this.#heard(present.value, present.revision)
        return
      } catch {
        await pause(PAUSE_MS, undefined, { ref: false })
      }
    }
  }

  /** What nobody here wrote changes nothing. */
  #heard(value: Uint8Array, revision: number): void {
    let lives: KeyLife[]
    try {
      lives = parsed(value)
    } catch {
      return
    }
    if (this.#take(lives, revision)) this.#changed()
  }

  /** False for what an answer has overtaken. */
  #take(lives: readonly KeyLife[], revision: number): boolean {
    if (revision <= this.#revision) return false
    this.#lives = lives
    this.#revision = revision
    return true
  }
}

function parsed(value: Uint8Array): KeyLife[] {
  return parseLives(Buffer.from(value).toString(), `${KEY} in etcd`)
}
