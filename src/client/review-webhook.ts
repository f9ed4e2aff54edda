/**
 * A server elsewhere that judges reviews (`SubjectAccessReview`, `TokenReview`), found and spoken to as a kubeconfig says. Trusted with the
 * question and the verdict: an answer of another kind, too long or too late is an error, and some errors are worth another try.
 *
 * @see apiserver/pkg/util/webhook/webhook.go; client-go/rest/request.go
 * @module
 */
import { goDurationText } from '../api/goduration.ts'
import { quote } from '../api/quote.ts'
import type { Clock } from '../clock.ts'
import { Credentials } from './credentials.ts'
import type { ClientConfig } from './kubeconfig.ts'
import { closeIdle, PostError, type Posted, type PostTarget, post, postAgent, statusText } from './post.ts'

/** How one attempt ended. */
export type AttemptResult = 'success' | 'timeout' | 'canceled' | 'error'

/** The webhook gave no verdict. */
export class ReviewError extends Error {
  override readonly name = 'ReviewError'
  readonly result: AttemptResult
  constructor(message: string, result: AttemptResult, cause?: unknown) {
    super(message, { cause })
    this.result = result
  }
}

export interface ReviewWebhookOptions {
  client: ClientConfig
  /** Of one attempt. */
  timeoutMs: number
  clock: Clock
  /** In [0, 1). */
  random(): number
  /** Resolves after so long, of real time. */
  pause(ms: number): Promise<void>
}

export interface Review {
  kind: string
  apiVersion: string
}

export interface ReviewWebhook {
  /** The review as it came back. `attempted` hears of each attempt. @throws ReviewError */
  ask(review: Review, attempted?: (result: AttemptResult, seconds: number) => void): Promise<Record<string, unknown>>
  /** Lets go of idle connections. */
  close(): void
}

const ATTEMPTS = 5
const FIRST_PAUSE_MS = 500
const FACTOR = 1.5
const JITTER = 0.2

/** Answers that say themselves that another try may help. */
const RETRIED_CODES: ReadonlySet<number> = new Set([429, 500, 504])

export function reviewWebhook(options: ReviewWebhookOptions): ReviewWebhook {
  const { client, timeoutMs, pause, random } = options
  const credentials = new Credentials(client, options)
  let { target, exec } = { target: targetOf(client, undefined), exec: undefined as object | undefined }
  const query = `?timeout=${goDurationText(timeoutMs)}`

  async function attempt(body: string): Promise<Posted> {
    const current = await credentials.current()
    if (current.exec !== exec) {
      closeIdle(target.agent)
      exec = current.exec
      target = targetOf(client, current.exec)
    }
    const headers = { 'user-agent': 'kube-apiserver', ...(current.authorization !== undefined && { authorization: current.authorization }) }
    return post({ ...target, path: target.path + query, headers }, { body, timeoutMs })
  }

  return {
    async ask(review, attempted) {
      const body = JSON.stringify(review)
      let pauseMs = FIRST_PAUSE_MS
      for (let tries = 1; ; tries++) {
        const startedMs = performance.now()
        const outcome = await attempt(body).then(
          (answer) => verdict(answer, review),
          (error: Error) => refusal(error),
        )
        const isVerdict = !(outcome instanceof Failure)
        attempted?.(isVerdict ? 'success' : outcome.error.result, (performance.now() - startedMs) / 1000)
        if (isVerdict) return outcome
        if (!outcome.again || tries === ATTEMPTS) throw outcome.error
        await pause(pauseMs * (1 + JITTER * random()))
        pauseMs *= FACTOR
      }
    },
    close: () => closeIdle(target.agent),
  }
}

class Failure {
  readonly error: ReviewError
  readonly again: boolean
  constructor(error: ReviewError, again: boolean) {
    this.error = error
    this.again = again
  }
}

function refusal(error: Error): Failure {
  if (!(error instanceof PostError)) return new Failure(new ReviewError(error.message, 'error', error), false)
  const result = error.kind === 'timeout' || error.kind === 'canceled' ? error.kind : 'error'
  return new Failure(new ReviewError(error.message, result, error), error.kind === 'reset')
}

/** The review in a 2xx answer; else what client-go says about the answer. */
function verdict(answer: Posted, wanted: Review): Record<string, unknown> | Failure {
  const { status, headers, body } = answer
  const document = objectIn(body)
  if (status < 200 || status > 206) {
    const isStatus = document?.['kind'] === 'Status' && document['status'] === 'Failure'
    const message = isStatus && typeof document['message'] === 'string' ? document['message'] : statusText(answer)
    const again = RETRIED_CODES.has(status) || headers['retry-after'] !== undefined
    return new Failure(new ReviewError(message, status === 504 ? 'timeout' : 'error'), again)
  }
  const failed = (why: string) => new Failure(new ReviewError(why, 'error'), false)
  if (body.length === 0) return failed(`0-length response with status code: ${status} and content type: ${headers['content-type'] ?? ''}`)
  if (document === undefined) return failed("couldn't get version/kind; json parse error: the answer is no JSON object")
  const { kind, apiVersion } = document
  if (typeof kind !== 'string' || kind === '') return failed(`Object 'Kind' is missing in '${shown(body)}'`)
  if (typeof apiVersion !== 'string' || apiVersion === '') return failed(`Object 'apiVersion' is missing in '${shown(body)}'`)
  if (kind !== wanted.kind || apiVersion !== wanted.apiVersion)
    return failed(
      `the webhook answers with kind ${quote(kind)} of version ${quote(apiVersion)}, not ${wanted.kind} of ${wanted.apiVersion}`,
    )
  return document
}

const MAX_SHOWN = 1024

function shown(body: Buffer): string {
  return body.subarray(0, MAX_SHOWN).toString()
}

function objectIn(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** The exact path of the kubeconfig, so that it need not be an API server. */
function targetOf(client: ClientConfig, exec: { certificate?: string; key?: string } | undefined): PostTarget {
  const { hostname, host, port, pathname, protocol } = new URL(client.server)
  const isPlain = protocol === 'http:'
  const certificate = exec?.certificate ?? client.certificate
  const key = exec?.key ?? client.key
  const name = hostname.replace(/^\[|\]$/g, '')
  const address = { host: name, port: port === '' ? (isPlain ? 80 : 443) : Number(port) }
  return {
    agent: postAgent(
      {
        ...(client.ca !== undefined && { ca: client.ca }),
        ...(certificate !== undefined && key !== undefined && { cert: certificate, key }),
        rejectUnauthorized: !client.insecureSkipTlsVerify,
      },
      isPlain,
    ),
    authority: host,
    path: pathname.length > 1 ? pathname.replace(/\/+$/, '') : '/',
    servername: client.tlsServerName ?? name,
    address: () => address,
  }
}
