/**
 * Questions to the group podpass.dev, which only a podpass server has.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import { failure, isStatusError } from '../api/status.ts'
import type { Client, ClientRequest } from '../client/client.ts'

export const PODPASS_API = '/apis/podpass.dev/v1'

/** As `call`; a server that does not have the group is told apart from one that does not have the object. */
export async function podpassCall(client: Client, request: ClientRequest): Promise<KubeObject> {
  try {
    return await client.call(request)
  } catch (error) {
    // Only a missing object is named in the details.
    if (isStatusError(error) && error.status.code === 404 && error.status.details?.name === undefined)
      throw failure(
        404,
        'NotFound',
        'the server is no podpass server, or was started without what this needs: the ledger of tokens, or a virtual clock',
        {},
      )
    throw error
  }
}

/** `2026-01-02T03:04:05Z` as it is; `-` for what never was. */
export function timeCell(time: unknown): string {
  return typeof time === 'string' && time !== '' ? time : '-'
}
