import { describe, expect, test } from 'vitest'
import { type Body, create, load, NOW_MS, template, update } from '../core/pod/testdata.ts'
import { cronJobs } from './cronjobs.ts'
import { countIndexes } from './indexes.ts'
import { jobs } from './jobs.ts'
import { scheduleError } from './schedule.ts'
import { isTimeZone } from './timezone.ts'

const UID = '11111111-2222-4333-8444-555555555555'

const jobSpec = (spec: Body = {}) => ({ template: template({ restartPolicy: 'Never' }), ...spec })
const job = (spec: Body = {}, more: Body = {}) => ({ metadata: { name: 'j', namespace: 'ns' }, spec: jobSpec(spec), ...more })
const cronJob = (spec: Body = {}) => ({
  metadata: { name: 'c', namespace: 'ns' },
  spec: { schedule: '*/5 * * * *', jobTemplate: { spec: jobSpec() }, ...spec },
})

type Row = [rule: string, spec: Body, errors: string[]]

describe('jobs', () => {
  test('defaults', () => {
    expect(load<Body>(jobs, job())).toMatchObject({
      metadata: { labels: { a: 'b' } },
      spec: {
        completions: 1,
        parallelism: 1,
        backoffLimit: 6,
        completionMode: 'NonIndexed',
        suspend: false,
        podReplacementPolicy: 'TerminatingOrFailed',
        manualSelector: false,
      },
    })
  })

  test('parallelism alone leaves the completions open', () => {
    expect(load<Body>(jobs, job({ parallelism: 3 })).spec.completions).toBeUndefined()
  })

  test('the selector and the labels are made from the uid', () => {
    const { object, errors } = create<Body>(jobs, job())
    const labels = {
      a: 'b',
      'batch.kubernetes.io/controller-uid': UID,
      'batch.kubernetes.io/job-name': 'j',
      'controller-uid': UID,
      'job-name': 'j',
    }
    expect(errors).toEqual([])
    expect(object.spec.selector).toEqual({ matchLabels: { 'batch.kubernetes.io/controller-uid': UID } })
    expect(object.spec.template.metadata.labels).toEqual(labels)
    expect(object.metadata.labels).toEqual(labels)
  })

  test('a manual selector stays as it is', () => {
    const { object, errors } = create<Body>(jobs, job({ manualSelector: true, selector: { matchLabels: { a: 'b' } } }))
    expect(errors).toEqual([])
    expect(object.spec.template.metadata.labels).toEqual({ a: 'b' })
  })

  test.each<Row>([
    ['parallelism is not negative', { parallelism: -1 }, ['spec.parallelism: Invalid value: -1: must be greater than or equal to 0']],
    [
      'a deadline is not negative',
      { activeDeadlineSeconds: -1 },
      ['spec.activeDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'a mode is one of two',
      { completionMode: 'Odd' },
      ['spec.completionMode: Unsupported value: "Odd": supported values: "NonIndexed", "Indexed"'],
    ],
    [
      'an indexed job has completions',
      { completionMode: 'Indexed', parallelism: 1 },
      ['spec.completions: Required value: when completion mode is Indexed'],
    ],
    [
      'its pods are not always restarted',
      { template: template() },
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      'its selector is generated',
      { selector: { matchLabels: { a: 'b' } } },
      [
        `spec.selector: Invalid value: {"matchLabels":{"a":"b","batch.kubernetes.io/controller-uid":"${UID}"}}: \`selector\` not auto-generated`,
      ],
    ],
  ])('%s', (_rule, spec, errors) => {
    expect(create(jobs, job(spec)).errors).toEqual(errors)
  })

  test('the template is fixed', () => {
    const manual = { manualSelector: true, selector: { matchLabels: { a: 'b' } } }
    const after = job({ ...manual, template: template({ restartPolicy: 'OnFailure' }) })
    expect(update(jobs, { before: job(manual), after }).errors).toEqual([
      expect.stringMatching(/^spec\.template: Invalid value: .*: field is immutable$/),
    ])
    expect(update(jobs, { before: job(manual), after: job({ ...manual, completions: 1, parallelism: 4 }) }).errors).toEqual([])
  })

  test('while it is suspended, its pods may be sent elsewhere', () => {
    const manual = { manualSelector: true, selector: { matchLabels: { a: 'b' } }, suspend: true }
    const after = job({ ...manual, template: template({ restartPolicy: 'Never', nodeSelector: { zone: 'x' } }) })
    expect(update(jobs, { before: job(manual), after }).errors).toEqual([])
  })

  test('the table', () => {
    const status = {
      startTime: '2025-06-15T11:00:00Z',
      completionTime: '2025-06-15T11:00:30Z',
      succeeded: 1,
      conditions: [{ type: 'Complete', status: 'True' }],
    }
    const { object } = create<Body>(jobs, job())
    const cells = jobs.table?.cells({ ...object, status }, { nowMs: NOW_MS, emulatedMinor: 36 })
    expect(cells).toEqual(['j', 'Complete', '1/1', '30s', '<unknown>', 'c', 'example/i:1', `batch.kubernetes.io/controller-uid=${UID}`])
  })

  test('a deletion leaves the pods, and warns of it', () => {
    expect(jobs.strategy.defaultPropagation).toBe('Orphan')
    expect(jobs.strategy.defaultPropagationWarning).toBe(
      'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
    )
  })
})

describe('cron jobs', () => {
  test('defaults', () => {
    expect(load<Body>(cronJobs, cronJob()).spec).toMatchObject({
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    })
  })

  test.each<Row>([
    ['nothing is wrong', {}, []],
    ['there is a schedule', { schedule: '' }, ['spec.schedule: Required value']],
    ['a schedule is one', { schedule: 'often' }, ['spec.schedule: Invalid value: "often": expected exactly 5 fields, found 1: [often]']],
    [
      'a policy is one of three',
      { concurrencyPolicy: 'Odd' },
      ['spec.concurrencyPolicy: Unsupported value: "Odd": supported values: "Allow", "Forbid", "Replace"'],
    ],
    [
      'a time zone exists',
      { timeZone: 'Europe/Atlantis' },
      ['spec.timeZone: Invalid value: "Europe/Atlantis": unknown time zone Europe/Atlantis'],
    ],
    [
      'a history is not negative',
      { failedJobsHistoryLimit: -1 },
      ['spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'its selector is left to the job',
      { jobTemplate: { spec: jobSpec({ manualSelector: true }) } },
      ['spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"'],
    ],
  ])('%s', (_rule, spec, errors) => {
    expect(create(cronJobs, cronJob(spec)).errors).toEqual(errors)
  })

  test('the table', () => {
    const object = load<Body>(cronJobs, cronJob({ timeZone: 'Etc/UTC' }))
    expect(cronJobs.table?.cells(object, { nowMs: NOW_MS, emulatedMinor: 36 })).toEqual([
      'c',
      '*/5 * * * *',
      'Etc/UTC',
      'False',
      0,
      '<none>',
      '<unknown>',
      'c',
      'example/i:1',
      '<none>',
    ])
  })
})

test.each<[schedule: string, error: string | undefined]>([
  ['0 0 1 1 *', undefined],
  ['@daily', undefined],
  ['@every 1h30m', undefined],
  ['*/15 8-18 * jan-mar MON,fri', undefined],
  ['0 0 ? * *', undefined],
  ['', 'empty spec string'],
  ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['@sometimes', 'unrecognized descriptor: @sometimes'],
  ['@every x', 'failed to parse duration @every x: time: invalid duration "x"'],
])('the schedule %j', (schedule, error) => {
  expect(scheduleError(schedule)).toBe(error)
})

test.each([
  ['UTC', true],
  ['Europe/Berlin', true],
  ['europe/berlin', false],
  ['Mars/Base', false],
  ['+02:00', false],
])('the time zone %s: %s', (name, known) => {
  expect(isTimeZone(name)).toBe(known)
})

test.each<[text: string, counted: number | string]>([
  ['', 0],
  ['0', 1],
  ['0-2,5', 4],
  ['1,1', expect.any(String) as unknown as string],
  ['3-2', expect.any(String) as unknown as string],
  ['9', expect.any(String) as unknown as string],
])('the indexes %j of nine', (text, counted) => {
  expect(countIndexes(text, 9)).toEqual(counted)
})
