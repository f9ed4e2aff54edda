/**
 * `clockadvances`: turns the clock of a server that has a virtual one. Only ever POSTed; the answer comes when all deadlines on the way have
 * been lived through.
 *
 * @module
 */
import { invalidValue } from '../../api/field.ts'
import { invalid } from '../../api/status.ts'
import { rfc3339, type TurnableClock } from '../../clock.ts'
import type { ResourceDefinition } from '../resource.ts'
import { review } from '../review.ts'
import { PODPASS_GROUP, PODPASS_VERSION, schemaName } from './schemas.ts'

const KIND = { group: PODPASS_GROUP, version: PODPASS_VERSION, kind: 'ClockAdvance' }

export function clockAdvances(clock: TurnableClock): ResourceDefinition {
  return review({
    kind: KIND,
    schema: schemaName('ClockAdvance'),
    async create(action, body) {
      const seconds = Number(body['spec']?.seconds ?? 0)
      if (!(seconds >= 0))
        throw invalid(KIND, body.metadata?.name ?? '', [invalidValue('spec.seconds', seconds, 'a clock is only turned forward')])
      await action.validateAdmission()
      if (!action.dryRun) await clock.advance(seconds * 1000)
      return { ...body, status: { time: rfc3339(clock.nowMs()) } }
    },
  })
}
