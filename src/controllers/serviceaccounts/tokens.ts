/**
 * `serviceaccount-token-controller`: fills the Secrets that ask for a token, and takes them away with their account.
 *
 * @see pkg/controller/serviceaccount/tokens_controller.go
 * @module
 */
import { isStatusError } from '../../api/status.ts'
import type { Secret, ServiceAccount } from '../../api/types/core/v1.ts'
import type { Client } from '../../client/client.ts'
import { type Controller, type ControllerContext, closeWith, concurrencyOf, managerClient, required } from '../controller.ts'
import { WorkQueue } from '../work-queue.ts'

const NAME = 'serviceaccount-token-controller'
const WORKERS = 5
const MAX_RETRIES = 10
/** Tries to take a Secret off its account's list while others write the account. */
const REMOVAL_TRIES = 10

export const TOKEN_TYPE = 'kubernetes.io/service-account-token'
export const ACCOUNT_NAME = 'kubernetes.io/service-account.name'
export const ACCOUNT_UID = 'kubernetes.io/service-account.uid'

/** Nothing runs where nothing signs. */
export const tokensController: Controller = {
  name: NAME,
  async start(context, signal) {
    if (context.config.signLegacyToken !== undefined) closeWith(signal, new TokensController(context, context.config.signLegacyToken))
  },
}

/** A Secret as its event showed it. The account's uid is `''` where the Secret does not say. */
interface SecretKey {
  namespace: string
  name: string
  uid: string
  account: string
  accountUid: string
}

interface AccountKey {
  namespace: string
  name: string
  uid: string
}

/** What a Secret still lacks. */
export interface MissingData {
  ca: boolean
  namespace: boolean
  token: boolean
}

/** Undefined when there is nothing to fill. A CA that differs is replaced, a token and a namespace only made where there is none. */
export function missingData({ data = {} }: Secret, rootCA: string): MissingData | undefined {
  const missing = {
    ca: rootCA !== '' && data['ca.crt'] !== base64(rootCA),
    namespace: (data['namespace'] ?? '') === '',
    token: (data['token'] ?? '') === '',
  }
  return missing.ca || missing.namespace || missing.token ? missing : undefined
}

class TokensController {
  readonly #client: Client
  readonly #rootCA: string
  readonly #sign: NonNullable<ControllerContext['config']['signLegacyToken']>
  readonly #secrets: ReturnType<typeof required>
  readonly #accounts: ReturnType<typeof required>
  readonly #secretQueue: WorkQueue
  readonly #accountQueue: WorkQueue
  readonly #following: { close(): void }[]
  /** Names of the token Secrets of each account, `namespace/account`: what goes with it. */
  readonly #byAccount = new Map<string, Set<string>>()

  constructor(context: ControllerContext, sign: NonNullable<ControllerContext['config']['signLegacyToken']>) {
    this.#client = managerClient(context)
    this.#rootCA = context.rootCA
    this.#sign = sign
    this.#secrets = required(context, 'v1/secrets')
    this.#accounts = required(context, 'v1/serviceaccounts')
    const queue = <Key>(text: string, reconcile: (key: Key) => Promise<void>) =>
      new WorkQueue({
        clock: context.clock,
        concurrency: concurrencyOf(context, NAME, WORKERS),
        maxRetries: MAX_RETRIES,
        reconcile: (key) => reconcile(JSON.parse(key) as Key),
        onError: (key, err, failures) => context.log.warn({ ...(JSON.parse(key) as object), err, failures }, text),
      })
    this.#secretQueue = queue<SecretKey>('token secret not settled', (key) => this.#syncSecret(key))
    this.#accountQueue = queue<AccountKey>('tokens of an account not removed', (key) => this.#syncAccount(key))
    this.#following = [
      this.#secrets.follow(({ type, object, previous }) => {
        for (const state of previous === undefined || previous === object ? [object] : [previous, object]) {
          if (!isTokenSecret(state.bytes)) continue
          const secret = state.object as Secret
          if (secret.type !== TOKEN_TYPE) continue
          this.#index(secret, state !== previous && type !== 'DELETED')
          if (state === object) this.#addSecret(secret)
        }
      }),
      this.#accounts.follow(({ type, object, previous }) => {
        const before = previous?.object.metadata
        // A new state of the same account changes nothing for its tokens.
        if (before === undefined || (type !== 'DELETED' && before.uid === object.object.metadata?.uid)) return
        this.#accountQueue.add(JSON.stringify({ namespace: before.namespace, name: before.name, uid: before.uid }))
      }),
    ]
  }

  close(): void {
    for (const one of this.#following) one.close()
    this.#secretQueue.close()
    this.#accountQueue.close()
  }

  #index(secret: Secret, present: boolean): void {
    const { namespace = '', name = '', annotations } = secret.metadata ?? {}
    const account = `${namespace}/${annotations?.[ACCOUNT_NAME] ?? ''}`
    const names = this.#byAccount.get(account)
    if (present) {
      if (names === undefined) this.#byAccount.set(account, new Set([name]))
      else names.add(name)
    } else if (names?.delete(name) === true && names.size === 0) this.#byAccount.delete(account)
  }

  #addSecret({ metadata }: Secret): void {
    const { namespace = '', name = '', uid = '', annotations } = metadata ?? {}
    const account = annotations?.[ACCOUNT_NAME] ?? ''
    if (account === '') return
    const key: SecretKey = { namespace, name, uid, account, accountUid: annotations?.[ACCOUNT_UID] ?? '' }
    this.#secretQueue.add(JSON.stringify(key))
  }

  async #syncSecret(key: SecretKey): Promise<void> {
    const secret = this.#secrets.get(`${key.namespace}/${key.name}`)?.object as Secret | undefined
    if (secret === undefined || secret.metadata?.uid !== key.uid) {
      if (this.#knownAccount(key) !== undefined) await this.#removeReference(key)
      return
    }
    const account = this.#knownAccount(key) ?? (await this.#askedAccount(key))
    if (account === undefined) await this.#deleteSecret(key)
    else if (missingData(secret, this.#rootCA) !== undefined) await this.#fill(key, secret, account)
  }

  /** The account went, or another one took its name: what bears its uid goes too, and what bears none. */
  async #syncAccount({ namespace, name, uid }: AccountKey): Promise<void> {
    const present = this.#accounts.get(`${namespace}/${name}`)?.object.metadata
    if (present?.uid === uid) return
    for (const secretName of [...(this.#byAccount.get(`${namespace}/${name}`) ?? [])]) {
      const metadata = this.#secrets.get(`${namespace}/${secretName}`)?.object.metadata
      const accountUid = metadata?.annotations?.[ACCOUNT_UID] ?? ''
      if (metadata === undefined || (accountUid !== '' && accountUid !== uid)) continue
      await this.#deleteSecret({ namespace, name: secretName, uid: metadata.uid ?? '' })
    }
  }

  #knownAccount({ namespace, account, accountUid }: SecretKey): ServiceAccount | undefined {
    const known = this.#accounts.get(`${namespace}/${account}`)?.object as ServiceAccount | undefined
    return accountUid === '' || known?.metadata?.uid === accountUid ? known : undefined
  }

  /** A Secret is only removed when the server says itself that there is no such account. */
  async #askedAccount({ namespace, account, accountUid }: SecretKey): Promise<ServiceAccount | undefined> {
    try {
      const found = await this.#client.call<ServiceAccount>({ method: 'GET', path: accountPath(namespace, account) })
      return accountUid === '' || found.metadata?.uid === accountUid ? found : undefined
    } catch (error) {
      if (isStatusError(error, 'NotFound')) return undefined
      throw error
    }
  }

  async #fill({ namespace, name }: SecretKey, seen: Secret, account: ServiceAccount): Promise<void> {
    const path = secretPath(namespace, name)
    const live = await this.#client.call<Secret>({ method: 'GET', path })
    // Somebody was faster: their write is an event of its own.
    if (live.metadata?.resourceVersion !== seen.metadata?.resourceVersion) return
    const missing = missingData(live, this.#rootCA)
    if (missing === undefined) return
    const { name: accountName = '', uid: accountUid = '' } = account.metadata ?? {}
    const data = { ...live.data }
    if (missing.ca) data['ca.crt'] = base64(this.#rootCA)
    if (missing.namespace) data['namespace'] = base64(namespace)
    if (missing.token)
      data['token'] = base64(
        await this.#sign({ namespace, secretName: name, serviceAccountName: accountName, serviceAccountUid: accountUid }),
      )
    const annotations = { ...live.metadata?.annotations, [ACCOUNT_NAME]: accountName, [ACCOUNT_UID]: accountUid }
    try {
      await this.#client.call({ method: 'PUT', path, body: { ...live, metadata: { ...live.metadata, annotations }, data } })
    } catch (error) {
      if (!isStatusError(error, 'Conflict') && !isStatusError(error, 'NotFound')) throw error
    }
  }

  async #deleteSecret({ namespace, name, uid }: AccountKey): Promise<void> {
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid } }
    try {
      await this.#client.call({ method: 'DELETE', path: secretPath(namespace, name), body })
    } catch (error) {
      if (!isStatusError(error, 'NotFound') && !isStatusError(error, 'Conflict')) throw error
    }
  }

  async #removeReference({ namespace, name, account, accountUid }: SecretKey): Promise<void> {
    const path = accountPath(namespace, account)
    for (let tries = 1; ; tries++) {
      try {
        const live = await this.#client.call<ServiceAccount>({ method: 'GET', path })
        const secrets = live.secrets?.filter((one) => one.name !== name)
        if ((accountUid !== '' && live.metadata?.uid !== accountUid) || secrets === undefined || secrets.length === live.secrets?.length)
          return
        await this.#client.call({ method: 'PUT', path, body: { ...live, secrets } })
        return
      } catch (error) {
        if (isStatusError(error, 'NotFound')) return
        if (!isStatusError(error, 'Conflict') || tries === REMOVAL_TRIES) throw error
      }
    }
  }
}

const TYPE = Buffer.from(`"${TOKEN_TYPE}"`)

/** A look at the bytes: most Secrets are of another type, and are not parsed for this. */
function isTokenSecret(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(TYPE)
}

function secretPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/secrets/${name}`
}

function accountPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
