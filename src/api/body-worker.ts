/**
 * The worker that reads large bodies.
 *
 * @module
 */
import { parentPort } from 'node:worker_threads'
import { doBodyWork, type WorkerReply, type WorkerRequest } from './body-work.ts'
import { StatusError } from './status.ts'

parentPort?.on('message', ({ id, bytes, work }: WorkerRequest) => {
  const reply = answer(id, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), work)
  parentPort?.postMessage(reply)
})

function answer(id: number, bytes: Buffer, work: WorkerRequest['work']): WorkerReply {
  try {
    return { id, result: doBodyWork(bytes, work) }
  } catch (error) {
    return error instanceof StatusError ? { id, refused: error.status } : { id, failed: error as Error }
  }
}
