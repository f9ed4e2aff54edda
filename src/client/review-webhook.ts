/**
 * A server elsewhere that judges reviews (`SubjectAccessReview`, `TokenReview`), found and spoken to as a kubeconfig says. Trusted with the
 * question and the verdict: an answer of another kind, too long or too late is an error, and some errors are worth another try.
 *
 * @see apiserver/pkg/util/webhook/webhook.go; client-go/rest/request.go
 * @module
 */
import { decodeText, JsonObject, JsonSyntaxError, parseTree, plainValue } from '../api/json.ts'
import { DecodeError, normalizeTree } from '../api/normalize.ts'
import { builtinSchemas } from '../api/schemas.ts'
import { kubeconfigPoster, type PosterOptions } from './kubeconfig-post.ts'
import { PostError, type Posted, statusText } from './post.ts'

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

export interface ReviewWebhookOptions extends PosterOptions {
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
  const { pause, random } = options
  const poster = kubeconfigPoster(options)

  return {
    async ask(review, attempted) {
      const body = `${JSON.stringify(review)}\n`
      let pauseMs = FIRST_PAUSE_MS
      for (let tries = 1; ; tries++) {
        const startedMs = performance.now()
        const outcome = await poster.post(body).then(
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
    close: () => poster.close(),
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
  const failed = (why: string) => new Failure(new ReviewError(why, 'error'), false)
  if (status < 200 || status > 206) {
    const document = treeIn(body)
    const said = document === undefined ? {} : (plainValue(document) as Record<string, unknown>)
    const isStatus = said['kind'] === 'Status' && said['status'] === 'Failure' && typeof said['message'] === 'string'
    const again = RETRIED_CODES.has(status) || headers['retry-after'] !== undefined
    return new Failure(
      new ReviewError(isStatus ? String(said['message']) : statusText(answer), status === 504 ? 'timeout' : 'error'),
      again,
    )
  }
  if (body.length === 0) return failed(`0-length response with status code: ${status} and content type: ${headers['content-type'] ?? ''}`)
  const document = treeIn(body)
  if (document === undefined)
    return failed(`couldn't get version/kind; json parse error: json: cannot unmarshal it into Go value of type ${META_STRUCT}`)
  try {
    return reviewIn(document, wanted)
  } catch (error) {
    if (error instanceof DecodeError) return failed(error.message)
    throw error
  }
}

const META_STRUCT = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'

/** An object; undefined for all else. */
function treeIn(body: Buffer): JsonObject | undefined {
  try {
    const tree = parseTree(decodeText(body))
    return tree instanceof JsonObject ? tree : undefined
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined
    throw error
  }
}

/** In the form of its schema. An answer need not say what it is, but it may not say that it is something else. @throws DecodeError */
function reviewIn(document: JsonObject, { kind: wantedKind, apiVersion: wantedVersion }: Review): Record<string, unknown> {
  const member = (name: string) => document.members.findLast(([one]) => one === name)?.[1]
  const kind = member('kind') || wantedKind
  const apiVersion = member('apiVersion') || wantedVersion
  const goName = (of: unknown, named: unknown) => `${String(of).replace(/^.*\//, '')}.${String(named)}`
  if (kind !== wantedKind || apiVersion !== wantedVersion)
    throw new DecodeError(`converting (${goName(apiVersion, kind)}) to (${goName(wantedVersion, wantedKind)}): unknown conversion`)
  // What is answered looks the same in all versions.
  const schema = builtinSchemas.byKind(wantedVersion.replace(/\/.*$/, ''), 'v1', wantedKind)
  if (schema === undefined) throw new TypeError(`${wantedKind} is no review`)
  return normalizeTree(schema, document).object
}
