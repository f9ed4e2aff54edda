/**
 * `--legacy-tokens`: every account has a token Secret that nobody asked for, as until Kubernetes 1.23.
 *
 * The account lists it among its `secrets`; when it goes, the account gets another. Pods are not given it: they have projected tokens, as
 * they do in later versions.
 *
 * @see pkg/controller/serviceaccount/tokens_controller.go of Kubernetes 1.23, ensureReferencedToken
 * @module
 */
import { isStatusError } from '../../api/status.ts'
import type { Secret, ServiceAccount } from '../../api/types/core/v1.ts'
import type { ResourceCache } from '../../cache/cache.ts'
import type { Client } from '../../client/client.ts'
import { type Controller, type ControllerContext, closeWith, concurrencyOf, managerClient, required } from '../controller.ts'
import { isNamespaceTerminating } from '../namespaces/terminating.ts'
import { WorkQueue } from '../work-queue.ts'
import { ACCOUNT_NAME, ACCOUNT_UID, TOKEN_TYPE } from './tokens.ts'

/** The tokens controller did it then: it is selected, and left out, with it. */
const NAME = 'serviceaccount-token-controller'
const WORKERS = 5
const MAX_RETRIES = 10
/** Tries to list the Secret while others write the account. */
const REFERENCE_TRIES = 5

/** What Kubernetes leaves of a name for five characters more, and what it draws them from. */
const LONGEST_BASE = 58
const SUFFIX_LENGTH = 5
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

export const legacyTokens: Controller = {
  name: NAME,
  async start(context, signal) {
    const { legacyTokens: wanted, signLegacyToken } = context.config
    if (wanted === true && signLegacyToken !== undefined) closeWith(signal, new LegacyTokens(context, signLegacyToken))
  },
}

/** Whether one of the Secrets that the account lists holds a token of it. */
export function hasReferencedToken({ metadata, secrets = [] }: ServiceAccount, secretOf: (name: string) => Secret | undefined): boolean {
  return secrets.some(({ name = '' }) => {
    const secret = secretOf(name)
    const annotations = secret?.metadata?.annotations
    return secret?.type === TOKEN_TYPE && annotations?.[ACCOUNT_NAME] === metadata?.name && annotations?.[ACCOUNT_UID] === metadata?.uid
  })
}

class LegacyTokens {
  readonly #client: Client
  readonly #context: ControllerContext
  readonly #sign: NonNullable<ControllerContext['config']['signLegacyToken']>
  readonly #secrets: ResourceCache
  readonly #accounts: ResourceCache
  readonly #queue: WorkQueue
  readonly #following: { close(): void }

  constructor(context: ControllerContext, sign: NonNullable<ControllerContext['config']['signLegacyToken']>) {
    this.#client = managerClient(context)
    this.#context = context
    this.#sign = sign
    this.#secrets = required(context, 'v1/secrets')
    this.#accounts = required(context, 'v1/serviceaccounts')
    this.#queue = new WorkQueue({
      clock: context.clock,
      concurrency: concurrencyOf(context, NAME, WORKERS),
      maxRetries: MAX_RETRIES,
      reconcile: (key) => this.#sync(key),
      onError: (account, err, failures) => context.log.warn({ account, err, failures }, 'legacy token not made'),
    })
    // A Secret that goes is taken off its account's list, which is an event of the account.
    this.#following = this.#accounts.follow(({ type, object }) => {
      if (type !== 'DELETED') this.#queue.add(object.key)
    })
  }

  close(): void {
    this.#following.close()
    this.#queue.close()
  }

  async #sync(key: string): Promise<void> {
    const account = this.#accounts.get(key)?.object as ServiceAccount | undefined
    if (account === undefined || this.#hasToken(account)) return
    const { namespace = '', name = '', uid = '' } = account.metadata ?? {}
    const secret = await this.#createSecret({ namespace, name, uid })
    if (secret === undefined) return
    let isListed = false
    try {
      isListed = await this.#reference(account, secret.metadata?.name ?? '')
    } finally {
      if (!isListed) await this.#remove(secret)
    }
  }

  #hasToken(account: ServiceAccount): boolean {
    const { namespace = '' } = account.metadata ?? {}
    return hasReferencedToken(account, (name) => this.#secrets.get(`${namespace}/${name}`)?.object as Secret | undefined)
  }

  async #createSecret({ namespace, name, uid }: { namespace: string; name: string; uid: string }): Promise<Secret | undefined> {
    const { rootCA, random } = this.#context
    const secretName = `${`${name}-token-`.slice(0, LONGEST_BASE)}${suffix(random)}`
    const token = await this.#sign({ namespace, secretName, serviceAccountName: name, serviceAccountUid: uid })
    const data = { ...(rootCA !== '' && { 'ca.crt': base64(rootCA) }), namespace: base64(namespace), token: base64(token) }
    const metadata = { name: secretName, namespace, annotations: { [ACCOUNT_NAME]: name, [ACCOUNT_UID]: uid } }
    const body = { apiVersion: 'v1', kind: 'Secret', metadata, type: TOKEN_TYPE, data }
    try {
      return await this.#client.call<Secret>({ method: 'POST', path: `/api/v1/namespaces/${namespace}/secrets`, body })
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined
      throw error
    }
  }

  /** False where the account needs it no more: it went, is another one, or has got a token meanwhile. */
  async #reference({ metadata }: ServiceAccount, secretName: string): Promise<boolean> {
    const path = `/api/v1/namespaces/${metadata?.namespace}/serviceaccounts/${metadata?.name}`
    for (let tries = 1; ; tries++) {
      try {
        const live = await this.#client.call<ServiceAccount>({ method: 'GET', path })
        if (live.metadata?.uid !== metadata?.uid || this.#hasToken(live)) return false
        await this.#client.call({ method: 'PUT', path, body: { ...live, secrets: [...(live.secrets ?? []), { name: secretName }] } })
        return true
      } catch (error) {
        if (isStatusError(error, 'NotFound')) return false
        if (!isStatusError(error, 'Conflict')) throw error
        // Whoever keeps writing the account makes events of it.
        if (tries === REFERENCE_TRIES) return false
      }
    }
  }

  async #remove({ metadata }: Secret): Promise<void> {
    const path = `/api/v1/namespaces/${metadata?.namespace}/secrets/${metadata?.name}`
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: metadata?.uid } }
    try {
      await this.#client.call({ method: 'DELETE', path, body })
    } catch (error) {
      if (!isStatusError(error, 'NotFound') && !isStatusError(error, 'Conflict')) throw error
    }
  }
}

function suffix(random: () => number): string {
  return Array.from({ length: SUFFIX_LENGTH }, () => SUFFIX_ALPHABET[Math.floor(random() * SUFFIX_ALPHABET.length)]).join('')
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
