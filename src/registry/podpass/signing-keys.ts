/**
 * `signingkeys` and `signingkeyrotations`: the life of the keys that sign tokens. Never a private part.
 *
 * @module
 */
import { forbiddenField, notSupported } from '../../api/field.ts'
import type { KubeObject } from '../../api/object.ts'
import { conflict, failure, invalid, notFound } from '../../api/status.ts'
import { rfc3339 } from '../../clock.ts'
import type { KeyFolder } from '../../token/key-folder.ts'
import type { KeySource } from '../../token/keys.ts'
import type { ResourceDefinition } from '../resource.ts'
import { review } from '../review.ts'
import { column, NAME_COLUMN } from '../table-cells.ts'
import { PODPASS_GROUP, PODPASS_VERSION, schemaName } from './schemas.ts'

const ROTATION = { group: PODPASS_GROUP, version: PODPASS_VERSION, kind: 'SigningKeyRotation' }
const RESOURCE = { group: PODPASS_GROUP, resource: 'signingkeys' }
const ALGORITHMS = ['RS256', 'ES256'] as const
/** The last that RFC 3339 can write. */
const LAST_TIME_MS = Date.UTC(9999, 11, 31, 23, 59, 59)

export interface SigningKeysDeps {
  keys: KeySource
  /** Absent: the keys come from files or a signer, and live as those say. */
  folder: KeyFolder | undefined
  /** Told when a key went before its time: what is open by its tokens has to end. */
  retired(): void
}

export function signingKeys({ keys, folder, retired }: SigningKeysDeps): ResourceDefinition {
  const list = () => shown(keys, folder)
  return {
    group: PODPASS_GROUP,
    version: PODPASS_VERSION,
    resource: 'signingkeys',
    singular: 'signingkey',
    kind: 'SigningKey',
    namespaced: false,
    verbs: ['delete', 'get', 'list'],
    schema: schemaName('SigningKey'),
    strategy: { validateName: () => [] },
    collection: {
      // A retired key stays in the list for the record, and is gone for everything else: who deletes it waits for that.
      get: ({ name }) => list().find(({ metadata, status }) => metadata?.name === name && status?.phase !== 'Retired'),
      list,
      async remove(object) {
        const kid = object.metadata?.name ?? ''
        try {
          await managed(folder).retire(kid)
        } catch (error) {
          if (error instanceof RangeError) throw conflict(RESOURCE, kid, error.message)
          throw error
        }
        retired()
      },
    },
    table: {
      columns: () => [
        NAME_COLUMN,
        column('Algorithm', 'How tokens are signed with the key.'),
        column('Phase', 'What the key is good for now.'),
        column('Here', 'Whether the key itself is on the server that answers, and signs there.'),
        column('Active', 'Since or from when the key signs.'),
        column('Retires', 'When the last token of the key is over, and the key goes.'),
      ],
      cells: ({ metadata = {}, spec = {}, status = {} }: KubeObject) => [
        metadata.name ?? '',
        spec.algorithm ?? '',
        status.phase ?? '',
        status.onThisServer ?? '<none>',
        status.activeTime ?? '<never>',
        status.retirementTime ?? '<none>',
      ],
    },
  }
}

export function signingKeyRotations({ folder }: SigningKeysDeps): ResourceDefinition {
  return review({
    kind: ROTATION,
    schema: schemaName('SigningKeyRotation'),
    async create(action, body) {
      const wanted = rotationOf(body)
      await action.validateAdmission()
      const ring = managed(folder)
      if (action.dryRun) return body
      const kid = await rotate(ring, wanted)
      const activeAtMs = ring.ring.list().find((key) => key.kid === kid)?.life.activeAtMs
      return { ...body, status: { kid, ...(activeAtMs !== undefined && { activeTime: rfc3339(activeAtMs) }) } }
    },
  })
}

interface Rotation {
  algorithm: (typeof ALGORITHMS)[number]
  /** A prepared key; absent: a new one. */
  kid: string | undefined
  prepareOnly: boolean
}

function rotationOf(body: KubeObject): Rotation {
  const { algorithm = 'RS256', kid = '', prepareOnly = false } = (body['spec'] ?? {}) as Record<string, any>
  const wanted = ALGORITHMS.find((one) => one === algorithm)
  const problems = [
    ...(wanted === undefined ? [notSupported('spec.algorithm', algorithm, [...ALGORITHMS])] : []),
    ...(kid !== '' && prepareOnly ? [forbiddenField('spec.prepareOnly', 'a key that has a kid is prepared')] : []),
  ]
  if (wanted === undefined || problems.length > 0) throw invalid(ROTATION, body.metadata?.name ?? '', problems)
  return { algorithm: wanted, kid: kid === '' ? undefined : kid, prepareOnly }
}

async function rotate(folder: KeyFolder, { algorithm, kid, prepareOnly }: Rotation): Promise<string> {
  if (prepareOnly) return folder.prepare(algorithm)
  if (kid === undefined) return folder.rotate(algorithm)
  if (!folder.ring.lives.some((life) => life.kid === kid)) throw notFound(RESOURCE, kid)
  try {
    await folder.takeOver(kid)
  } catch (error) {
    if (error instanceof RangeError) throw conflict(RESOURCE, kid, error.message)
    throw error
  }
  return kid
}

function managed(folder: KeyFolder | undefined): KeyFolder {
  if (folder !== undefined) return folder
  throw failure(409, 'Conflict', 'the keys of this server come from files or an external signer: change them there')
}

function shown(keys: KeySource, folder: KeyFolder | undefined): KubeObject[] {
  if (folder === undefined) return keys.all().map(({ kid, algorithm }) => signingKey(kid, algorithm, { phase: 'Published' }))
  return folder.ring.list().map(({ kid, algorithm, state, isHere, signsHere, life: { publishedAtMs, activeAtMs, retiredAtMs } }) =>
    signingKey(kid, algorithm, {
      phase: state.charAt(0).toUpperCase() + state.slice(1),
      ...(state !== 'retired' && { onThisServer: signsHere ? 'Signs' : isHere ? 'Present' : 'Missing' }),
      ...(publishedAtMs !== undefined && { publishedTime: rfc3339(publishedAtMs) }),
      ...(activeAtMs !== undefined && { activeTime: rfc3339(activeAtMs) }),
      // A key whose tokens never end goes only when somebody ends it.
      ...(retiredAtMs !== undefined && retiredAtMs <= LAST_TIME_MS && { retirementTime: rfc3339(retiredAtMs) }),
    }),
  )
}

function signingKey(kid: string, algorithm: string, status: object): KubeObject {
  return {
    kind: 'SigningKey',
    apiVersion: `${PODPASS_GROUP}/${PODPASS_VERSION}`,
    metadata: { name: kid, uid: kid },
    spec: { algorithm },
    status,
  }
}
