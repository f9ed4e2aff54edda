import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FlowSchema, PriorityLevelConfiguration } from '../api/types/flowcontrol/v1.ts'
import { systemClock } from '../clock.ts'
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS, SUGGESTED_LEVELS, SUGGESTED_SCHEMAS } from './bootstrap/flowcontrol-objects.ts'
import type { Asked, Ticket } from './fairness.ts'
import { PriorityAndFairness } from './fairness-control.ts'
import { inflightLimits } from './fairness-inflight.ts'
import { deal, flowHash } from './fairness-queues.ts'
import { RetryAfter } from './fairness-retry.ts'
import { divide } from './fairness-seats.ts'
import { Families } from './metrics-families.ts'
import { requestInfo } from './request-info.ts'

const LEVELS = [...SUGGESTED_LEVELS, ...MANDATORY_LEVELS].map(([name, spec]) => ({
  metadata: { name, uid: `pl-${name}` },
  spec,
})) as PriorityLevelConfiguration[]
const SCHEMAS = [...SUGGESTED_SCHEMAS, ...MANDATORY_SCHEMAS].map(([name, spec]) => ({
  metadata: { name, uid: `fs-${name}` },
  spec,
})) as FlowSchema[]
const ACCOUNT = ['system:serviceaccounts', 'system:authenticated']

function fairness(totalSeats = 600, objects = 0) {
  const families = new Families()
  const fair = new PriorityAndFairness({
    totalSeats,
    clock: systemClock,
    monotonicMs: () => 0,
    requestTimeoutMs: 60_000,
    objectsListed: () => objects,
    families,
  })
  fair.configure(LEVELS, SCHEMAS)
  return { fair, families }
}

function ask(
  username: string,
  groups: readonly string[],
  method: string,
  url: string,
  onClose: Asked['exchange']['onClose'] = () => {},
): Asked {
  const [path = '', query = ''] = url.split('?')
  const parsed = new URLSearchParams(query)
  return { user: { username, groups }, info: requestInfo(method, path, parsed), query: parsed, exchange: { onClose } }
}

test.each([
  ['an administrator', 'admin', ['system:masters', 'system:authenticated'], 'GET', '/api/v1/pods', 'exempt', 'exempt'],
  ['a probe of nobody', 'system:anonymous', ['system:unauthenticated'], 'GET', '/readyz', 'probes', 'exempt'],
  ['a single check of a probe', 'system:anonymous', ['system:unauthenticated'], 'GET', '/livez/ping', 'probes', 'exempt'],
  [
    'leader election',
    'system:kube-scheduler',
    ['system:authenticated'],
    'PUT',
    '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x',
    'system-leader-election',
    'leader-election',
  ],
  [
    'a node about itself',
    'system:node:a',
    ['system:nodes', 'system:authenticated'],
    'PATCH',
    '/api/v1/nodes/a/status',
    'system-node-high',
    'node-high',
  ],
  ['a node about pods', 'system:node:a', ['system:nodes', 'system:authenticated'], 'GET', '/api/v1/pods', 'system-nodes', 'system'],
  [
    'an account of kube-system',
    'system:serviceaccount:kube-system:x',
    ACCOUNT,
    'GET',
    '/api/v1/pods',
    'kube-system-service-accounts',
    'workload-high',
  ],
  [
    'an account of a namespace that begins alike',
    'system:serviceaccount:kube-system2:x',
    ACCOUNT,
    'GET',
    '/api/v1/pods',
    'service-accounts',
    'workload-low',
  ],
  ['a person', 'alice', ['system:authenticated'], 'DELETE', '/api/v1/namespaces/a/pods/b', 'global-default', 'global-default'],
  ['somebody in no group', 'nobody', [], 'GET', '/version', 'catch-all', 'catch-all'],
])('%s belongs to its flow schema', (_, username, groups, method, url, schema, level) => {
  const ticket = fairness().fair.admit(ask(username, groups, method, url))
  expect(ticket).toMatchObject({ admitted: true, flowSchemaUid: `fs-${schema}`, priorityLevelUid: `pl-${level}` })
})

test('limits are those that kube-apiserver reports for its own levels', () => {
  const limits = divide(
    600,
    LEVELS.map(({ spec = {} }) => spec),
  )
  const of = (name: string) => limits[LEVELS.findIndex(({ metadata }) => metadata?.name === name)]
  expect(of('global-default')).toEqual({ nominal: 49, lower: 24, upper: 649 })
  expect(of('workload-low')).toEqual({ nominal: 245, lower: 24, upper: 845 })
  expect(of('exempt')).toEqual({ nominal: 0, lower: 0, upper: 600 })
})

describe('when all seats are taken', () => {
  const alice = (n = 0) => ask('alice', ['system:authenticated'], 'GET', `/api/v1/namespaces/n${n}/pods/p`)
  const fill = (fair: PriorityAndFairness, asked: () => Asked) => {
    const held: Ticket[] = []
    for (;;) {
      const ticket = fair.admit(asked())
      if (ticket instanceof Promise || !ticket.admitted) return { held, last: ticket }
      held.push(ticket)
    }
  }

  test('a request waits, and starts when a seat is given back', async () => {
    const { fair } = fairness(20)
    const { held, last } = fill(fair, alice)
    expect(last).toBeInstanceOf(Promise)
    held[0]?.release()
    held[0]?.release()
    expect(await last).toMatchObject({ admitted: true, flowSchemaUid: 'fs-global-default' })
  })

  test('administrators are not held up', () => {
    const { fair } = fairness(20)
    fill(fair, alice)
    expect(fair.admit(ask('admin', ['system:masters'], 'GET', '/api/v1/pods'))).toMatchObject({ admitted: true })
  })

  test('a level has its lower limit even when others have borrowed all the rest', () => {
    const { fair } = fairness(100)
    fill(fair, alice)
    expect(fair.admit(ask('system:node:a', ['system:nodes'], 'PUT', '/api/v1/nodes/a'))).toMatchObject({ admitted: true })
  })

  test('a full queue refuses, with the header that says when to come back', async () => {
    const { fair, families } = fairness(20)
    fill(fair, alice)
    const waiting = Array.from({ length: 400 }, () => fair.admit(alice()))
    const refused = (await Promise.all(waiting.map((one) => Promise.race([one, undefined])))).filter((one) => one?.admitted === false)
    // One flow has a hand of six queues of fifty, and one more was in there from filling up.
    expect(refused).toHaveLength(400 - 299)
    expect(refused[0]).toMatchObject({ retryAfterSeconds: 1, flowSchemaUid: 'fs-global-default' })
    expect(families.text()).toContain(
      'apiserver_flowcontrol_rejected_requests_total{flow_schema="global-default",priority_level="global-default",reason="queue-full"} 101',
    )
  })

  test('a level without queues refuses at once', () => {
    const { fair } = fairness(20)
    const { last } = fill(fair, () => ask('x', [], 'GET', '/version'))
    expect(last).toMatchObject({ admitted: false, retryAfterSeconds: 1 })
  })

  test('a quiet flow is served before the rest of a noisy one', async () => {
    const { fair } = fairness(20)
    const { held } = fill(fair, alice)
    const order: string[] = []
    const note = (name: string) => (ticket: Ticket) => {
      order.push(name)
      setImmediate(() => ticket.release())
    }
    for (let n = 0; n < 60; n++) void Promise.resolve(fair.admit(alice())).then(note('alice'))
    const bob = Promise.resolve(fair.admit(ask('bob', ['system:authenticated'], 'GET', '/version'))).then(note('bob'))
    for (const ticket of held) ticket.release()
    await bob
    expect(order.indexOf('bob')).toBeLessThan(40)
  })

  test('who goes away frees the place in the queue', async () => {
    const { fair, families } = fairness(20)
    fill(fair, alice)
    let goAway = () => {}
    const waiting = fair.admit(
      ask('carol', ['system:authenticated'], 'GET', '/version', (callback) => {
        goAway = callback
      }),
    )
    goAway()
    expect(await waiting).toMatchObject({ admitted: false })
    expect(families.text()).toContain(
      'apiserver_flowcontrol_current_inqueue_requests{flow_schema="global-default",priority_level="global-default"} 1',
    )
  })

  test('who waits keeps waiting when the configuration changes', async () => {
    const { fair } = fairness(20)
    const { held, last } = fill(fair, alice)
    const queuing = { queues: 4, handSize: 1, queueLengthLimit: 1 }
    const spec = {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 20, lendablePercent: 50, limitResponse: { type: 'Queue', queuing } },
    }
    fair.configure(
      [
        ...LEVELS.filter(({ metadata }) => metadata?.name !== 'global-default'),
        { metadata: { name: 'global-default', uid: 'new' }, spec } as PriorityLevelConfiguration,
      ],
      SCHEMAS,
    )
    for (const ticket of held) ticket.release()
    expect(await last).toMatchObject({ admitted: true, priorityLevelUid: 'new' })
  })
})

test('a list of many objects takes more seats, but no more than a small part of its level', () => {
  const { fair, families } = fairness(600, 100_000)
  fair.admit(ask('alice', ['system:authenticated'], 'GET', '/api/v1/pods'))
  fair.admit(ask('alice', ['system:authenticated'], 'GET', '/api/v1/pods?limit=200'))
  // 15% of 49 seats, and one for each hundred of the page.
  expect(families.text()).toContain(
    'apiserver_flowcontrol_current_executing_seats{flow_schema="global-default",priority_level="global-default"} 10',
  )
})

test('no seat is lost or made, whatever comes and goes', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.constantFrom('alice', 'system:serviceaccount:a:b', 'system:serviceaccount:kube-system:c', 'none'),
          fc.boolean(),
          fc.nat(50),
        ),
      ),
      (steps) => {
        const { fair, families } = fairness(15)
        const held: Ticket[] = []
        for (const [who, take, which] of steps) {
          if (take) {
            const ticket = fair.admit(
              ask(who, who === 'none' ? [] : who === 'alice' ? ['system:authenticated'] : ACCOUNT, 'GET', '/version'),
            )
            if (!(ticket instanceof Promise) && ticket.admitted) held.push(ticket)
          } else held.splice(which % Math.max(held.length, 1), 1)[0]?.release()
        }
        for (const [, seats] of families.text().matchAll(/^apiserver_flowcontrol_current_executing_seats\{.*\} (-?\d+)$/gm)) {
          expect(Number(seats)).toBeGreaterThanOrEqual(0)
          expect(Number(seats)).toBeLessThanOrEqual(30)
        }
      },
    ),
    { numRuns: 100 },
  )
})

test('a hand has different cards of the deck, always the same for the same flow', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      fc.integer({ min: 1, max: 128 }),
      fc.integer({ min: 1, max: 6 }),
      (hash, deck, wanted) => {
        const hand = Math.min(deck, wanted)
        const cards = deal(hash, deck, hand)
        expect(new Set(cards).size).toBe(hand)
        for (const card of cards) expect(card >= 0 && card < deck).toBe(true)
      },
    ),
  )
  expect(flowHash('a', 'b')).toBe(flowHash('a', 'b'))
  expect(flowHash('a', 'b')).not.toBe(flowHash('a', 'c'))
})

test('the time to stay away doubles while many are refused and shrinks when it calms down', () => {
  const retry = new RetryAfter()
  const refuse = (second: number, times: number) => {
    let said = 0
    for (let n = 0; n < times; n++) said = retry.refused(second * 1000)
    return said
  }
  expect(refuse(100, 10)).toBe(1)
  expect(refuse(101, 10)).toBe(2)
  expect(refuse(103, 10)).toBe(4)
  expect(refuse(200, 1)).toBe(3)
})

test('without priority and fairness two numbers limit, and administrators and watches pass', () => {
  const limits = inflightLimits(1, 1)
  const read = () => limits.admit(ask('a', [], 'GET', '/api/v1/pods')) as Ticket
  const first = read()
  expect(read()).toMatchObject({ admitted: false, retryAfterSeconds: 1, flowSchemaUid: undefined })
  expect(limits.admit(ask('a', [], 'POST', '/api/v1/namespaces/a/pods'))).toMatchObject({ admitted: true })
  expect(limits.admit(ask('a', ['system:masters'], 'GET', '/api/v1/pods'))).toMatchObject({ admitted: true })
  expect(limits.admit(ask('a', [], 'GET', '/api/v1/pods?watch=1'))).toMatchObject({ admitted: true })
  first.release()
  first.release()
  expect(read()).toMatchObject({ admitted: true })
  expect(read()).toMatchObject({ admitted: false })
})
