/**
 * A Kubernetes client small enough for our own use: the same interface in process (no port, no TLS) and over HTTPS.
 *
 * Everything above `registry/` that is no face works through it: controllers, agent, command line.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'

export interface ClientRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `/api/v1/namespaces/x/pods?limit=5`. */
  path: string
  /** Objects are sent as JSON. */
  body?: unknown
  /** Patch type; JSON without. */
  contentType?: string
  accept?: string
}

export interface ClientResponse {
  status: number
  /** Parsed JSON, or text where the answer was none. */
  body: any
}

export interface WatchHandle {
  close(): void
}

export interface Client {
  /** Resolves for every HTTP status. */
  request(request: ClientRequest): Promise<ClientResponse>
  /** As `request`, and throws a StatusError for 400 and above. */
  call<T = KubeObject>(request: ClientRequest): Promise<T>
  /** List, then watch for ever (re-listing when history is lost); `listener` gets every present object as ADDED first, then `synced`. */
  informer(
    path: string,
    listener: (event: { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubeObject }) => void,
    options?: { onSynced?: () => void; signal?: AbortSignal },
  ): WatchHandle
}

/** Makes clients that act as somebody; in process the server trusts the name, as it made the client. */
export interface ClientFactory {
  as(user: { username: string; groups?: readonly string[]; uid?: string }, userAgent: string): Client
}
