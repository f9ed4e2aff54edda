/**
 * kube-apiserver's flags for the audit log and the audit webhook, and what the server makes of them.
 *
 * @see apiserver/pkg/server/options/audit.go
 * @module
 */

import { plainValue } from '../api/json.ts'
import { parseYaml } from '../api/yaml.ts'
import { DEFAULT_POLICY } from '../audit/default-policy.ts'
import { auditPolicy, type Policy } from '../audit/policy.ts'
import { KubeconfigError, loadClientConfig } from '../client/kubeconfig.ts'
import type { AuditOptions } from '../server/options.ts'
import type { Flags, Parsed } from './flags.ts'

const AUDIT = 'Audit'

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
  'audit-webhook-batch-throttle-qps': { category: AUDIT, type: 'int', default: 10, help: 'How many batches a second.' },
  'audit-webhook-batch-throttle-burst': { category: AUDIT, type: 'int', default: 15, help: 'How many at once after a pause.' },
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
            },
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
              throttle: values['audit-webhook-batch-throttle-enable']
                ? { qps: values['audit-webhook-batch-throttle-qps'], burst: values['audit-webhook-batch-throttle-burst'] }
                : undefined,
            },
          },
        }),
  }
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
