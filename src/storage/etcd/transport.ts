/**
 * Calls to one of several etcd servers: gRPC, TLS, deadlines, the next server when one is away.
 *
 * @module
 */
import { isIP } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import type { ChannelCredentials, Client, ClientDuplexStream, Metadata, ServiceError } from '@grpc/grpc-js'
import { systemClock } from '../../clock.ts'
import { CompactedError, StoreUnavailableError, TooLargeError } from '../store.ts'
import type { Procedure, WatchRequest, WatchResponse } from './messages.ts'
import { watch } from './messages.ts'

export interface EtcdServers {
  /** As in `--etcd-servers`: `https://10.0.0.1:2379`, or `http://…`. */
  servers: readonly string[]
  /** PEM: what is in `--etcd-cafile`, `--etcd-certfile`, `--etcd-keyfile`. */
  ca?: string
  certificate?: string
  key?: string
}

export type WatchStream = ClientDuplexStream<WatchRequest, WatchResponse>

/** Until a server that did not answer is tried again. */
const PAUSE_MS = 100

const OUT_OF_RANGE = 11
const RESOURCE_EXHAUSTED = 8
const INVALID_ARGUMENT = 3
const UNAVAILABLE = 14
const DEADLINE_EXCEEDED = 4
/** Of `--max-request-bytes`; far larger requests do not get through gRPC. */
const REQUEST_TOO_LARGE = 'etcdserver: request is too large'

export class EtcdTransport {
  readonly #clients: readonly Client[]
  readonly #names: string
  /** A server that lost its cluster ends the watch instead of staying silent. */
  readonly #requireLeader: Metadata
  #current = 0
  #closed = false

  constructor(clients: readonly Client[], names: string, requireLeader: Metadata) {
    this.#requireLeader = requireLeader
    this.#clients = clients
    this.#names = names
  }

  /** Does not connect yet. */
  static async open(options: EtcdServers): Promise<EtcdTransport> {
    // Loaded only where there is an etcd to talk to.
    const { ChannelCredentials, Client, Metadata } = await import('@grpc/grpc-js')
    const clients = options.servers.map((server) => {
      const url = new URL(server.includes('://') ? server : `http://${server}`)
      const host = url.hostname.replace(/^\[|\]$/g, '')
      const secure = url.protocol === 'https:'
      const credentials = secure ? tlsCredentials(ChannelCredentials.createSsl, host, options) : ChannelCredentials.createInsecure()
      return new Client(url.host, credentials, {
        // An address must not be sent as a server's name; the certificate is checked against the address all the same.
        ...(secure && isIP(host) ? { 'grpc.ssl_target_name_override': 'etcd' } : {}),
        'grpc.max_receive_message_length': -1,
        'grpc.max_send_message_length': -1,
        'grpc.initial_reconnect_backoff_ms': 100,
        'grpc.max_reconnect_backoff_ms': 500,
        // Not more often than etcd allows by default.
        'grpc.keepalive_time_ms': 10_000,
        'grpc.keepalive_timeout_ms': 3000,
        'grpc.keepalive_permit_without_calls': 1,
        // Clients of one process would otherwise share a connection, and its failures.
        'grpc.use_local_subchannel_pool': 1,
      })
    })
    const requireLeader = new Metadata()
    requireLeader.set('hasleader', 'true')
    return new EtcdTransport(clients, options.servers.join(', '), requireLeader)
  }

  /** A call that may be repeated, until it works or the time is over. */
  async read<Request, Response>(procedure: Procedure<Request, Response>, request: Request, timeoutMs = 10_000): Promise<Response> {
    return this.#call(procedure, request, timeoutMs, () => true)
  }

  /** A call that is repeated only when it surely never reached a server. */
  async write<Request, Response>(procedure: Procedure<Request, Response>, request: Request, timeoutMs = 10_000): Promise<Response> {
    return this.#call(procedure, request, timeoutMs, ({ details }) => details?.startsWith('No connection established') ?? false)
  }

  /** A stream to the present server. Errors come as its events; `failed` before the next try. */
  watchStream(): WatchStream {
    return this.#client().makeBidiStreamRequest(watch.path, watch.encode, watch.decode, this.#requireLeader)
  }

  /** The present server does not answer: the next one from now on. */
  failed(): void {
    this.#current = (this.#current + 1) % this.#clients.length
  }

  close(): void {
    this.#closed = true
    for (const client of this.#clients) client.close()
  }

  #client(): Client {
    if (this.#closed) throw new StoreUnavailableError('the store is closed')
    return this.#clients[this.#current]!
  }

  async #call<Request, Response>(
    procedure: Procedure<Request, Response>,
    request: Request,
    timeoutMs: number,
    mayRepeat: (error: ServiceError) => boolean,
  ): Promise<Response> {
    // Servers are waited for in real time, whatever the clock of the API says.
    const deadlineMs = systemClock.nowMs() + timeoutMs
    for (;;) {
      const client = this.#client()
      try {
        return await unary(client, procedure, request, deadlineMs)
      } catch (error) {
        const failure = error as ServiceError
        if (this.#closed) throw new StoreUnavailableError('the store is closed')
        if (failure.code !== UNAVAILABLE || !mayRepeat(failure) || systemClock.nowMs() + PAUSE_MS > deadlineMs)
          throw this.#explained(failure)
        if (this.#client() === client) this.failed()
        await pause(PAUSE_MS, undefined, { ref: false })
      }
    }
  }

  #explained(error: ServiceError): Error {
    const { code, details, message } = error
    const text = details ?? message
    if (code === OUT_OF_RANGE && text.includes('compacted')) return new CompactedError(0)
    const tooLarge =
      code === INVALID_ARGUMENT ? text === REQUEST_TOO_LARGE : code === RESOURCE_EXHAUSTED && text.includes('larger than max')
    if (tooLarge) return new TooLargeError(text, { cause: error })
    if (code === OUT_OF_RANGE || code === INVALID_ARGUMENT) return new RangeError(text, { cause: error })
    if (code === RESOURCE_EXHAUSTED) return new StoreUnavailableError(`etcd has no space: ${text}`, { cause: error })
    const outcome = code === UNAVAILABLE || code === DEADLINE_EXCEEDED ? 'does not answer' : 'refused'
    return new StoreUnavailableError(`etcd at ${this.#names} ${outcome}: ${text}`, { cause: error })
  }
}

function unary<Request, Response>(
  client: Client,
  { path, encode, decode }: Procedure<Request, Response>,
  request: Request,
  deadlineMs: number,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, encode, decode, request, { deadline: deadlineMs }, (error, response) => {
      if (error) reject(error)
      else resolve(response as Response)
    })
  })
}

function tlsCredentials(
  createSsl: typeof ChannelCredentials.createSsl,
  host: string,
  { ca, certificate, key }: EtcdServers,
): ChannelCredentials {
  const bytes = (text: string | undefined) => (text === undefined ? null : Buffer.from(text))
  return createSsl(bytes(ca), bytes(key), bytes(certificate), {
    checkServerIdentity: (_, presented) => checkServerIdentity(host, presented as PeerCertificate),
  })
}
