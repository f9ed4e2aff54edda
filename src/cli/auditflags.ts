/**
 * kube-apiserver's flags for the audit log and the audit webhook, and what the server makes of them.
 *
 * @see apiserver/pkg/server/options/audit.go
 * @module
 */

import { plainValue } from '../api/json.ts'
import { quote } from '../api/quote.ts'
import { parseYaml } from '../api/yaml.ts'
import type { BatchSettings } from '../audit/batch.ts'
import { DEFAULT_POLICY } from '../audit/default-policy.ts'
import { auditPolicy, type Policy } from '../audit/policy.ts'
import { KubeconfigError, loadClientConfig } from '../client/kubeconfig.ts'
import type { AuditOptions } from '../server/options.ts'
import type { Flags, Parsed } from './flags.ts'

const AUDIT = 'Audit'
const VERSION = 'audit.k8s.io/v1'

export const AUDIT_FLAGS = {
  'audit-policy-file': {
    category: AUDIT,
    type: 'string',
    value: 'file',
    help: "What is recorded; podpass's own policy (tokens, RBAC) when not given.",
  },
  'audit-log-path': { category: AUDIT, type: 'string', value: 'file', help: 'Where to record; - for standard output.' },
  'audit-log-maxage': { category: AUDIT, type: 'int', value: 'days', default: 366, help: 'How long old audit logs are kept; 0 for ever.' },
  'audit-log-maxbackup': { category: AUDIT, type: 'int', default: 100, help: 'How many old audit logs are kept; 0 for all.' },
  'audit-log-maxsize': {
    category: AUDIT,
    type: 'int',
    value: 'megabytes',
    default: 100,
    help: 'The size at which an audit log is put aside; 0 for never.',
  },
  'audit-log-compress': { category: AUDIT, type: 'bool', default: false, help: 'Pack old audit logs with gzip.' },
  'audit-log-format': { category: AUDIT, type: 'string', default: 'json', help: 'json, or legacy for one short line each.' },
  'audit-log-mode': {
    category: AUDIT,
    type: 'string',
    default: 'blocking',
    help: 'batch, blocking, or blocking-strict to serve nothing that cannot be recorded.',
  },
  'audit-log-batch-buffer-size': { category: AUDIT, type: 'int', default: 10_000, help: 'Events that wait at most, in batch mode.' },
  'audit-log-batch-max-size': { category: AUDIT, type: 'int', default: 1, help: 'Events that are written at once, in batch mode.' },
  'audit-log-batch-max-wait': { category: AUDIT, type: 'duration', default: 0, help: 'The longest that an event waits, in batch mode.' },
  'audit-log-batch-throttle-enable': {
    category: AUDIT,
    type: 'bool',
    default: false,
    help: 'Write no more than so many batches a second.',
  },
  'audit-log-batch-throttle-qps': { category: AUDIT, type: 'float', default: 0, help: 'How many batches a second, in batch mode.' },
  'audit-log-batch-throttle-burst': { category: AUDIT, type: 'int', default: 0, help: 'How many at once after a pause, in batch mode.' },
  'audit-log-truncate-enabled': {
    category: AUDIT,
    type: 'bool',
    default: false,
    help: 'Leave the objects out of events that are too large, and the event where that does not help.',
  },
  'audit-log-truncate-max-event-size': {
    category: AUDIT,
    type: 'int',
    value: 'bytes',
    default: 102_400,
    help: 'How large an event may be.',
  },
  'audit-log-truncate-max-batch-size': {
    category: AUDIT,
    type: 'int',
    value: 'bytes',
    default: 10_485_760,
    help: 'Not below the size of an event. As in kube-apiserver, it bounds nothing: events are looked at one by one.',
  },
  'audit-log-version': { category: AUDIT, type: 'string', default: VERSION, help: 'The version of events; there is no other.' },
  'audit-webhook-config-file': {
    category: AUDIT,
    type: 'string',
    value: 'file',
    help: 'A kubeconfig of the webhook that events are sent to.',
  },
  'audit-webhook-mode': { category: AUDIT, type: 'string', default: 'batch', help: 'batch; a webhook is never waited for.' },
  'audit-webhook-initial-backoff': { category: AUDIT, type: 'duration', default: 10, help: 'The wait before the second try.' },
  'audit-webhook-batch-buffer-size': { category: AUDIT, type: 'int', default: 10_000, help: 'Events that wait at most; more are dropped.' },
  'audit-webhook-batch-max-size': { category: AUDIT, type: 'int', default: 400, help: 'Events that are sent at once.' },
  'audit-webhook-batch-max-wait': { category: AUDIT, type: 'duration', default: 30, help: 'The longest that an event waits.' },
  'audit-webhook-batch-throttle-enable': {
    category: AUDIT,
    type: 'bool',
    default: true,
    help: 'Send no more than so many batches a second.',
  },
  'audit-webhook-batch-throttle-qps': { category: AUDIT, type: 'float', default: 10, help: 'How many batches a second.' },
  'audit-webhook-batch-throttle-burst': { category: AUDIT, type: 'int', default: 15, help: 'How many at once after a pause.' },
  'audit-webhook-truncate-enabled': {
    category: AUDIT,
    type: 'bool',
    default: false,
    help: 'Leave the objects out of events that are too large, and the event where that does not help.',
  },
  'audit-webhook-truncate-max-event-size': {
    category: AUDIT,
    type: 'int',
    value: 'bytes',
    default: 102_400,
    help: 'How large an event may be.',
  },
  'audit-webhook-truncate-max-batch-size': {
    category: AUDIT,
    type: 'int',
    value: 'bytes',
    default: 10_485_760,
    help: 'Not below the size of an event. As in kube-apiserver, it bounds nothing: events are looked at one by one.',
  },
  'audit-webhook-version': { category: AUDIT, type: 'string', default: VERSION, help: 'The version of events; there is no other.' },
} as const satisfies Flags

type Values = Parsed<typeof AUDIT_FLAGS>['values']

/** Undefined when nothing is recorded. What cannot be is added to `problems`, what is worth knowing to `notices`. */
export function auditOptions(
  values: Values,
  read: (flag: string, path: string | undefined) => string | undefined,
  { problems, notices }: { problems: string[]; notices: string[] },
): AuditOptions | undefined {
  const path = values['audit-log-path'] ?? ''
  const webhook = values['audit-webhook-config-file'] ?? ''
  const policyFile = values['audit-policy-file'] ?? ''
  if (path === '' && webhook === '') {
    if (policyFile !== '') notices.push('--audit-policy-file: nothing is recorded without --audit-log-path or --audit-webhook-config-file')
    return undefined
  }
  const policy = policyFile === '' ? DEFAULT_POLICY : policyOf(policyFile, read('audit-policy-file', policyFile), problems)
  if (policyFile === '') notices.push('audit: without --audit-policy-file tokens and changes of access are recorded')
  const format = oneOf('audit-log-format', values['audit-log-format'], ['json', 'legacy'], problems)
  const mode = oneOf('audit-log-mode', values['audit-log-mode'], ['batch', 'blocking', 'blocking-strict'], problems)
  oneOf('audit-webhook-mode', values['audit-webhook-mode'], ['batch'], problems)
  for (const flag of ['audit-log-maxage', 'audit-log-maxbackup', 'audit-log-maxsize'] as const)
    if (values[flag] < 0) problems.push(`--${flag}: not below 0`)
  checkBackend(values, 'log', mode === 'batch', problems)
  checkBackend(values, 'webhook', webhook !== '', problems)
  const client = webhook === '' ? undefined : webhookClient(webhook, problems)
  if (policy === undefined) return undefined
  return {
    policy,
    ...(path === ''
      ? {}
      : {
          log: {
            path,
            format,
            mode,
            maxAgeDays: values['audit-log-maxage'],
            maxBackups: values['audit-log-maxbackup'],
            maxSizeMegabytes: values['audit-log-maxsize'],
            compress: values['audit-log-compress'],
            batch: {
              bufferSize: values['audit-log-batch-buffer-size'],
              maxBatchSize: values['audit-log-batch-max-size'],
              maxWaitMs: values['audit-log-batch-max-wait'] * 1000,
              throttle: throttleOf(values, 'log'),
            },
            maxEventBytes: values['audit-log-truncate-enabled'] ? values['audit-log-truncate-max-event-size'] : undefined,
          },
        }),
    ...(client === undefined
      ? {}
      : {
          webhook: {
            client,
            initialBackoffMs: values['audit-webhook-initial-backoff'] * 1000,
            batch: {
              bufferSize: values['audit-webhook-batch-buffer-size'],
              maxBatchSize: values['audit-webhook-batch-max-size'],
              maxWaitMs: values['audit-webhook-batch-max-wait'] * 1000,
              throttle: throttleOf(values, 'webhook'),
            },
            maxEventBytes: values['audit-webhook-truncate-enabled'] ? values['audit-webhook-truncate-max-event-size'] : undefined,
          },
        }),
  }
}

function throttleOf(values: Values, backend: 'log' | 'webhook'): BatchSettings['throttle'] {
  if (!values[`audit-${backend}-batch-throttle-enable`]) return undefined
  return { qps: values[`audit-${backend}-batch-throttle-qps`], burst: values[`audit-${backend}-batch-throttle-burst`] }
}

/** @see apiserver/pkg/server/options/audit.go, validateBackendBatchOptions and AuditTruncateOptions.Validate */
function checkBackend(values: Values, backend: 'log' | 'webhook', isBatched: boolean, problems: string[]): void {
  const positive = (what: string, value: number) => {
    if (value <= 0) problems.push(`invalid audit ${what} ${value}, must be a positive number`)
  }
  if (isBatched) {
    positive(`batch ${backend} buffer size`, values[`audit-${backend}-batch-buffer-size`])
    positive(`batch ${backend} max batch size`, values[`audit-${backend}-batch-max-size`])
    const throttle = throttleOf(values, backend)
    if (throttle !== undefined) {
      positive(`batch ${backend} throttle QPS`, throttle.qps)
      positive(`batch ${backend} throttle burst`, throttle.burst)
    }
  }
  const maxEvent = values[`audit-${backend}-truncate-max-event-size`]
  const maxBatch = values[`audit-${backend}-truncate-max-batch-size`]
  positive(`truncate ${backend} max event size`, maxEvent)
  if (maxBatch < maxEvent)
    problems.push(`invalid audit truncate ${backend} max batch size ${maxBatch}, must be greater than max event size (${maxEvent})`)
  if (values[`audit-${backend}-version`] !== VERSION) problems.push(`invalid group version, allowed versions are [${quote(VERSION)}]`)
}

function policyOf(file: string, text: string | undefined, problems: string[]): Policy | undefined {
  if (text === undefined) return undefined
  try {
    return auditPolicy(plainValue(parseYaml(text).tree))
  } catch (error) {
    problems.push(`--audit-policy-file=${file}: ${(error as Error).message}`)
    return undefined
  }
}

function webhookClient(path: string, problems: string[]): ReturnType<typeof loadClientConfig> | undefined {
  try {
    return loadClientConfig({ env: {}, cwd: process.cwd(), path })
  } catch (error) {
    if (!(error instanceof KubeconfigError)) throw error
    problems.push(`--audit-webhook-config-file: ${error.message}`)
    return undefined
  }
}

function oneOf<T extends string>(flag: string, value: string, allowed: readonly T[], problems: string[]): T {
  const found = allowed.find((one) => one === value)
  if (found === undefined) problems.push(`--${flag}=${value}: one of ${allowed.join(', ')}`)
  return found ?? (allowed[0] as T)
}
