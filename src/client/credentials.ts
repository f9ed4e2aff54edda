/**
 * What a client shows to say who it is: a token, one from a file, a password, or what a program prints.
 *
 * @see client-go/transport/token_source.go, client-go/plugin/pkg/client/auth/exec/exec.go
 * @module
 */
import { readFile } from 'node:fs/promises'
import type { Clock } from '../clock.ts'
import { type ExecCredential, execCredential } from './exec-credential.ts'
import { type ClientConfig, KubeconfigError } from './kubeconfig.ts'

/** How long a token file's content is used, as client-go does. */
const TOKEN_FILE_MS = 60_000
/** A credential is renewed so long before its end. */
const EXPIRY_MARGIN_MS = 10_000

export class Credentials {
  readonly #config: ClientConfig
  readonly #options: { clock: Clock; isInteractive?: boolean }
  #fileToken: { token: string; readAtMs: number } | undefined
  #credential: Promise<ExecCredential> | undefined

  constructor(config: ClientConfig, options: { clock: Clock; isInteractive?: boolean }) {
    this.#config = config
    this.#options = options
  }

  /** Whether there was something that can be had anew. */
  forget(): boolean {
    const had = this.#fileToken !== undefined || this.#credential !== undefined
    this.#fileToken = undefined
    this.#credential = undefined
    return had
  }

  /** `exec` holds a client certificate where the program printed one. */
  async current(): Promise<{ authorization?: string; exec?: ExecCredential }> {
    const { token, tokenFile, username, password, exec } = this.#config
    if (tokenFile !== undefined) return { authorization: `Bearer ${await this.#tokenOf(tokenFile)}` }
    if (token !== undefined) return { authorization: `Bearer ${token}` }
    if (username !== undefined) return { authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` }
    if (exec === undefined) return {}
    let credential = this.#credential === undefined ? undefined : await this.#credential
    if (credential === undefined || this.#isOver(credential)) {
      const fresh = execCredential(exec, this.#config, this.#options.isInteractive === true)
      this.#credential = fresh
      try {
        credential = await fresh
      } catch (error) {
        // The next request may try again.
        if (this.#credential === fresh) this.#credential = undefined
        throw error
      }
    }
    return { exec: credential, ...(credential.token === undefined ? {} : { authorization: `Bearer ${credential.token}` }) }
  }

  #isOver({ expiresAtMs }: ExecCredential): boolean {
    return expiresAtMs !== undefined && this.#options.clock.nowMs() > expiresAtMs - EXPIRY_MARGIN_MS
  }

  async #tokenOf(path: string): Promise<string> {
    const nowMs = this.#options.clock.nowMs()
    if (this.#fileToken === undefined || nowMs - this.#fileToken.readAtMs > TOKEN_FILE_MS) {
      const token = await readFile(path, 'utf8').catch((error: Error) => {
        throw new KubeconfigError(`the token in ${path} cannot be read: ${error.message}`)
      })
      if (token.trim() === '') throw new KubeconfigError(`${path} holds no token`)
      this.#fileToken = { token: token.trim(), readAtMs: nowMs }
    }
    return this.#fileToken.token
  }
}
