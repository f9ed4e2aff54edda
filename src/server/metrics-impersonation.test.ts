import { expect, test } from 'vitest'
import { Families } from './metrics-families.ts'
import { impersonationMetrics } from './metrics-impersonation.ts'

test('attempts are counted by the mode that came of them, their questions by the mode that asked', async () => {
  const families = new Families()
  let nowMs = 0
  const metrics = impersonationMetrics(families, () => nowMs)
  const { authorize } = metrics.counted({
    name: 'test',
    authorize({ verb }) {
      nowMs += 500
      return { decision: verb === 'impersonate' ? 'allow' : 'noOpinion', reason: '' }
    },
  })
  const asked = { user: { username: 'jane', groups: [] }, isResource: true, apiGroup: '', apiVersion: 'v1', resource: 'users' }
  for (const verb of ['impersonate-on:user-info:list', 'impersonate:arbitrary-node', 'impersonate']) {
    await authorize({ ...asked, verb, subresource: '', namespace: '', name: 'bob', path: '' })
  }
  metrics.allowed(undefined, 0)
  metrics.allowed('impersonate:user-info', 0)
  metrics.denied(0)
  const text = families.text()
  for (const line of [
    'apiserver_impersonation_authorization_attempts_total{decision="denied",mode="user-info"} 1',
    'apiserver_impersonation_authorization_attempts_total{decision="denied",mode="arbitrary-node"} 1',
    'apiserver_impersonation_authorization_attempts_total{decision="allowed",mode="legacy"} 1',
    'apiserver_impersonation_authorization_attempts_duration_seconds_sum{decision="allowed",mode="legacy"} 0.5',
    'apiserver_impersonation_attempts_total{decision="allowed",mode="legacy"} 1',
    'apiserver_impersonation_attempts_total{decision="allowed",mode="user-info"} 1',
    'apiserver_impersonation_attempts_duration_seconds_sum{decision="denied",mode=""} 1.5',
  ])
    expect(text).toContain(`${line}\n`)
})
