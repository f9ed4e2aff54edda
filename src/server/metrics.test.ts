import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from '../controllers/testdata/server.ts'
import { exponentialBuckets, Families } from './metrics-families.ts'

test('families are written as Prometheus reads them', () => {
  const families = new Families()
  families.counter('b_total', 'Second.', ['name', 'code']).cell('a"\\\n', '200').value += 2
  families.histogram('a_seconds', 'First.', ['x'], [0.1, 1]).cell('y').observe(0.5)
  families.counter('c_total', 'Never counted.')
  expect(families.text()).toBe(
    [
      '# HELP a_seconds First.',
      '# TYPE a_seconds histogram',
      'a_seconds_bucket{x="y",le="0.1"} 0',
      'a_seconds_bucket{x="y",le="1"} 1',
      'a_seconds_bucket{x="y",le="+Inf"} 1',
      'a_seconds_sum{x="y"} 0.5',
      'a_seconds_count{x="y"} 1',
      '# HELP b_total Second.',
      '# TYPE b_total counter',
      'b_total{name="a\\"\\\\\\n",code="200"} 2',
      '',
    ].join('\n'),
  )
})

test('a value on a bound belongs to its bucket', () => {
  const families = new Families()
  families
    .histogram('a', 'A.', [], exponentialBuckets(1, 2, 2))
    .cell()
    .observe(2)
  expect(families.text()).toContain('a_bucket{le="1"} 0\na_bucket{le="2"} 1\na_bucket{le="+Inf"} 1\na_sum 2\na_count 1\n')
})

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterAll(() => server.stop())

async function scrape(): Promise<string> {
  return (await server.admin.request({ method: 'GET', path: '/metrics' })).body as string
}

test('what is asked and stored is counted under upstream’s names', async () => {
  await server.post('/api/v1/namespaces/default/configmaps', { metadata: { name: 'counted' } })
  const text = await scrape()
  expect(text).toMatch(
    /^apiserver_request_total\{verb="POST",dry_run="",group="",version="v1",resource="configmaps",subresource="",scope="namespace",component="apiserver",code="201"\} \d+$/m,
  )
  expect(text).toMatch(/^etcd_request_duration_seconds_count\{operation="create",group="",resource="configmaps"\} \d+$/m)
  expect(text).toMatch(
    /^apiserver_admission_controller_admission_duration_seconds_count\{name="NamespaceLifecycle",operation="CREATE",rejected="false",type="admit"\} \d+$/m,
  )
  expect(text).toMatch(/^apiserver_resource_objects\{group="",resource="configmaps"\} \d+$/m)
  expect(text).toMatch(/^apiserver_flowcontrol_nominal_limit_seats\{priority_level="workload-low"\} 245$/m)
  expect(text).toMatch(/^authorization_attempts_total\{result="allowed"\} \d+$/m)
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m)
})

test('nobody makes label sets by asking for what is not served', async () => {
  const sets = async () => (await scrape()).match(/^apiserver_request_total/gm)?.length
  for (const path of ['/api/v1/nonsense', '/nonsense']) await server.admin.request({ method: 'GET', path })
  const before = await sets()
  for (let n = 0; n < 50; n++) {
    for (const path of [`/api/v1/nonsense${n}`, `/apis/g${n}/v1/x`, `/nonsense${n}`, `/api/v1/namespaces/default/pods/x/sub${n}`])
      await server.admin.request({ method: 'GET', path })
  }
  expect(await sets()).toBeLessThanOrEqual((before ?? 0) + 1)
})
