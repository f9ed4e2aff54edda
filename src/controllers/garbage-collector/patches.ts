/**
 * How the garbage collector changes owners and finalizers: by patches that hit one incarnation of an object only.
 *
 * @see pkg/controller/garbagecollector/patch.go, operations.go
 * @module
 */
import { isStatusError, StatusError } from '../../api/status.ts'
import type { ObjectMeta } from '../../api/types/meta/v1.ts'
import type { Client } from '../../client/client.ts'
import { type Owner, ownersIn } from './graph.ts'

const STRATEGIC_MERGE = 'application/strategic-merge-patch+json'
const MERGE = 'application/merge-patch+json'
/** Somebody else writes the same object: looked at again so often. */
const TRIES = 5

/** The same change twice: as members of a strategic merge patch, and as the new list for kinds that have none. */
export interface OwnerChange {
  strategic(owners: readonly Owner[]): object[]
  result(owners: readonly Owner[]): Owner[]
}

/** Takes the owners with these uids off the list. */
export function releaseFrom(uids: readonly string[]): OwnerChange {
  return {
    strategic: () => uids.map((uid) => ({ $patch: 'delete', uid })),
    result: (owners) => owners.filter(({ uid }) => !uids.includes(uid)),
  }
}

/** No owner waits for this object any more. */
export const unblock: OwnerChange = {
  strategic: (owners) =>
    owners.filter(({ blockOwnerDeletion }) => blockOwnerDeletion === true).map((owner) => ({ ...owner, blockOwnerDeletion: false })),
  result: (owners) => owners.map((owner) => ({ ...owner, blockOwnerDeletion: false })),
}

/** `present` is the object as last seen. Throws Conflict when another object has taken its name. */
export async function patchOwners(client: Client, path: string, present: ObjectMeta, change: OwnerChange): Promise<void> {
  const { uid, resourceVersion } = present
  const owners = ownersIn(present)
  try {
    const body = { metadata: { uid, ownerReferences: change.strategic(owners) } }
    await client.call({ method: 'PATCH', path, body, contentType: STRATEGIC_MERGE })
  } catch (error) {
    if (!(error instanceof StatusError) || error.code !== 415) throw error
    const body = { metadata: { uid, resourceVersion, ownerReferences: change.result(owners) } }
    await client.call({ method: 'PATCH', path, body, contentType: MERGE })
  }
}

/** Resolves too when the object is gone or never had it. */
export async function removeFinalizer(client: Client, path: string, uid: string, finalizer: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      const { metadata } = await client.call({ method: 'GET', path })
      const finalizers = metadata?.finalizers ?? []
      if (metadata?.uid !== uid || !finalizers.includes(finalizer)) return
      const rest = finalizers.filter((one) => one !== finalizer)
      const body = { metadata: { resourceVersion: metadata.resourceVersion, finalizers: rest } }
      await client.call({ method: 'PATCH', path, body, contentType: MERGE })
      return
    } catch (error) {
      if (isStatusError(error, 'NotFound')) return
      if (!isStatusError(error, 'Conflict') || tries === TRIES) throw error
    }
  }
}
