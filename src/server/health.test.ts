import { expect, test } from 'vitest'
import type { Cache } from '../cache/cache.ts'
import { healthAnswer, healthChecks, type Lifecycle } from './health.ts'
import { healthMetrics } from './metrics-health.ts'

const ask = (
  group: 'livez' | 'readyz',
  query = '',
  only = '',
  lifecycle: Lifecycle = { ready: true, stopping: false },
  trustworthy = true,
) => healthAnswer(group, only, healthChecks({ trustworthy } as Cache, lifecycle)[group], new URLSearchParams(query), () => {})

test('a healthy server says ok, and each check when asked to', async () => {
  expect(await ask('readyz')).toEqual({ code: 200, body: 'ok' })
  const { body } = (await ask('readyz', 'verbose')) ?? { body: '' }
  expect(body).toMatch(/^\[\+\]ping ok\n\[\+\]log ok\n/)
  expect(body).toContain('\n[+]poststarthook/rbac/bootstrap-roles ok\n')
  expect(body).toMatch(/\n\[\+\]shutdown ok\nreadyz check passed\n$/)
})

test('a server that stops is not ready from the first moment, and alive', async () => {
  const stopping = { ready: true, stopping: true }
  expect(await ask('readyz', '', '', stopping)).toMatchObject({
    code: 500,
    body: expect.stringMatching(/\[-\]shutdown failed: reason withheld\nreadyz check failed\n$/),
  })
  expect(await ask('livez', '', '', stopping)).toMatchObject({ code: 200 })
})

test('a server that has lost its store is neither', async () => {
  expect(await ask('readyz', '', 'etcd-readiness', undefined, false)).toEqual({
    code: 500,
    body: 'internal server error: out of touch with the store\n',
  })
  expect(await ask('livez', '', '', undefined, false)).toMatchObject({ code: 500 })
})

test('excluded checks are not asked; unknown ones are named in quotes, in order', async () => {
  const { body } = (await ask('livez', 'verbose&exclude=etcd&exclude=z&exclude=b', '', undefined, false)) ?? { body: '' }
  expect(body).toContain('[+]etcd excluded: ok\n')
  expect(body).toContain('warn: some health checks cannot be excluded: no matches for "b","z"\nlivez check passed\n')
})

test('a single check answers for itself, and an unknown one is none', async () => {
  expect(await ask('livez', '', 'ping')).toEqual({ code: 200, body: 'ok' })
  expect(await ask('livez', '', 'nothing')).toBeUndefined()
})

test('what became of each check is counted, and the last of it kept', async () => {
  const { families, observe } = healthMetrics()
  for (const trustworthy of [true, true, false]) {
    const checks = healthChecks({ trustworthy } as Cache, { ready: true, stopping: false })
    await healthAnswer('livez', '', checks.livez, new URLSearchParams('exclude=log'), observe)
  }
  const text = families.text()
  expect(text).toContain('kubernetes_healthcheck{name="etcd",type="livez"} 0\n')
  expect(text).toContain('kubernetes_healthcheck{name="ping",type="livez"} 1\n')
  expect(text).toContain('kubernetes_healthchecks_total{name="etcd",status="success",type="livez"} 2\n')
  expect(text).not.toContain('"log"')
})
