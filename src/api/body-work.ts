/**
 * What is done with the body of a request before anything is known of the object: decoding it, or reading the patch that it is.
 *
 * Small bodies are read at once. A large one may take a second when it is made of tiny members, and so long nobody would be
 * authenticated: it is read by a worker, with the same result.
 *
 * @see DESIGN sections 4 and 15
 * @module
 */
import { Worker } from 'node:worker_threads'
import { type Decoded, decodeBody, type FieldValidation } from './decode.ts'
import type { GroupVersionKind } from './object.ts'
import type { JsonObject } from './patch/json-value.ts'
import {
  type AppliedConfiguration,
  type ReadPatch,
  readApplied,
  readJsonPatch,
  readMergePatch,
  readStrategicMergePatch,
} from './patch/read-patch.ts'
import { builtinSchemas } from './schemas.ts'
import { type Status, StatusError } from './status.ts'

/** Larger bodies go to the worker: at this size the worst JSON takes some 15 ms, the worst YAML 60 ms. */
const LARGE_BYTES = 256 * 1024
/** A body that needs more memory than this ends the worker, not the server. */
const WORKER_HEAP_MB = 1024

/** What is asked of a body. */
export type BodyWork =
  | { kind: 'object'; mediaType: string; schema: string; gvk: GroupVersionKind; strict: FieldValidation }
  | { kind: 'merge' | 'json'; validated: boolean }
  | { kind: 'strategic' }
  | { kind: 'apply' }

export interface BodyResults {
  object: Decoded
  merge: ReadPatch<unknown>
  json: ReadPatch<JsonObject[]>
  strategic: ReadPatch<JsonObject>
  apply: AppliedConfiguration
}

type ResultOf<W extends BodyWork> = BodyResults[W['kind']]

export interface WorkerRequest {
  id: number
  bytes: Uint8Array
  work: BodyWork
}

export type WorkerReply = { id: number } & ({ result: BodyResults[BodyWork['kind']] } | { refused: Status } | { failed: Error })

/** Reads a body with the built-in schemas. @throws StatusError */
export async function readBody<W extends BodyWork>(bytes: Buffer, work: W): Promise<ResultOf<W>> {
  return bytes.length <= LARGE_BYTES ? doBodyWork(bytes, work) : inWorker(bytes, work)
}

/** The same here and now. @throws StatusError */
export function doBodyWork<W extends BodyWork>(bytes: Buffer, work: W): ResultOf<W> {
  // The switch gives each kind its result, which the compiler cannot follow.
  return workOf(bytes, work) as ResultOf<W>
}

function workOf(bytes: Buffer, work: BodyWork): BodyResults[BodyWork['kind']] {
  switch (work.kind) {
    case 'object': {
      const schema = builtinSchemas.struct(work.schema)
      if (schema === undefined) throw new TypeError(`no schema ${work.schema}`)
      return decodeBody(bytes, work.mediaType, { schema, gvk: work.gvk, strict: work.strict })
    }
    case 'merge':
      return readMergePatch(bytes, work)
    case 'json':
      return readJsonPatch(bytes, work)
    case 'strategic':
      return readStrategicMergePatch(bytes)
    case 'apply':
      return readApplied(bytes)
  }
}

interface Waiting {
  resolve(result: unknown): void
  reject(error: unknown): void
}

/** One for the process, however many servers run in it; started by the first large body. */
let worker: Worker | undefined
const waiting = new Map<number, Waiting>()
let lastId = 0

function inWorker<W extends BodyWork>(bytes: Buffer, work: W): Promise<ResultOf<W>> {
  worker ??= startWorker()
  const { promise, resolve, reject } = Promise.withResolvers<ResultOf<W>>()
  const id = ++lastId
  waiting.set(id, { resolve: resolve as Waiting['resolve'], reject })
  worker.ref()
  worker.postMessage({ id, bytes, work } satisfies WorkerRequest)
  return promise
}

function startWorker(): Worker {
  // In a bundle the command itself is the worker: it looks on which thread it runs.
  const file = import.meta.url.endsWith('.ts') ? './body-worker.ts' : './podpass.js'
  const started = new Worker(new URL(file, import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB },
    argv: [],
    execArgv: [],
  })
  started.on('message', (reply: WorkerReply) => {
    const asked = waiting.get(reply.id)
    waiting.delete(reply.id)
    // A process ends although it once read something large.
    if (waiting.size === 0) started.unref()
    if ('result' in reply) asked?.resolve(reply.result)
    else asked?.reject('refused' in reply ? new StatusError(reply.refused) : reply.failed)
  })
  started.on('error', (error) => {
    worker = undefined
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  })
  return started
}
