import { bench, describe } from 'vitest'
import type { FlowSchema, PriorityLevelConfiguration } from '../api/types/flowcontrol/v1.ts'
import { systemClock } from '../clock.ts'
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS, SUGGESTED_LEVELS, SUGGESTED_SCHEMAS } from './bootstrap/flowcontrol-objects.ts'
import type { Ticket } from './fairness.ts'
import { PriorityAndFairness } from './fairness-control.ts'
import { Families } from './metrics-families.ts'
import { requestInfo } from './request-info.ts'

const query = new URLSearchParams()
const families = new Families()
const fair = new PriorityAndFairness({
  totalSeats: 600,
  clock: systemClock,
  monotonicMs: () => performance.now(),
  requestTimeoutMs: 60_000,
  objectsListed: () => 0,
  families,
})
const named = ([name, spec]: readonly [string, object]) => ({ metadata: { name, uid: name }, spec })
fair.configure(
  [...SUGGESTED_LEVELS, ...MANDATORY_LEVELS].map(named) as PriorityLevelConfiguration[],
  [...SUGGESTED_SCHEMAS, ...MANDATORY_SCHEMAS].map(named) as FlowSchema[],
)
const info = requestInfo('GET', '/api/v1/namespaces/a/configmaps/b', query)
const exchange = { onClose: () => {} }
const account = {
  username: 'system:serviceaccount:a:b',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
}
const admin = { username: 'admin', groups: ['system:masters', 'system:authenticated'] }
const cell = families.histogram('x', 'X.', [], [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1]).cell()

describe('a seat taken and given back', () => {
  bench('by a service account', () => {
    ;(fair.admit({ user: account, info, query, exchange }) as Ticket).release()
  })
  bench('by an administrator', () => {
    ;(fair.admit({ user: admin, info, query, exchange }) as Ticket).release()
  })
  bench('one observation of a histogram', () => cell.observe(0.003))
})
