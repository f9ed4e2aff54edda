/**
 * Probes and lifecycle handlers.
 *
 * @see pkg/apis/core/validation/validation.go, validateProbe and validateLifecycle
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../../api/field.ts'
import { regexText } from '../../../api/names.ts'
import type { HTTPGetAction, Lifecycle, LifecycleHandler, PodOS, Probe } from '../../../api/types/core/v1.ts'
import { each, portNameErrors, portNumberErrors, validateNonnegative } from '../../validation.ts'

const HEADER_NAME = '[-A-Za-z0-9]+'
const headerName = new RegExp(`^${HEADER_NAME}$`)
const ONE_HANDLER = 'may not specify more than 1 handler type'

const WINDOWS_SIGNALS = ['SIGKILL', 'SIGTERM']
const LINUX_SIGNALS = [
  ...'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT RTMAX'.split(' '),
  ...Array.from({ length: 14 }, (_, index) => `RTMAX-${index + 1}`),
  'RTMIN',
  ...Array.from({ length: 15 }, (_, index) => `RTMIN+${index + 1}`),
  ...'SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ'.split(' '),
]
  .map((name) => `SIG${name}`)
  .sort()

/** What handlers are judged by besides themselves. */
export interface HandlerContext {
  /** `spec.terminationGracePeriodSeconds`. */
  gracePeriodSeconds: number | undefined
  os: PodOS | undefined
}

/** Liveness and startup probes, which must succeed once to count. */
export function singleSuccessProbeErrors(probe: Probe | undefined, field: string): FieldError[] {
  if (probe === undefined) return []
  const errors = probeErrors(probe, field)
  if (probe.successThreshold !== 1) errors.push(invalidValue(`${field}.successThreshold`, probe.successThreshold ?? 0, 'must be 1'))
  return errors
}

export function readinessProbeErrors(probe: Probe | undefined, field: string): FieldError[] {
  if (probe === undefined) return []
  const errors = probeErrors(probe, field)
  if (probe.terminationGracePeriodSeconds !== undefined) {
    errors.push(
      invalidValue(`${field}.terminationGracePeriodSeconds`, probe.terminationGracePeriodSeconds, 'must not be set for readinessProbes'),
    )
  }
  return errors
}

export function lifecycleErrors(lifecycle: Lifecycle | undefined, field: string, context: HandlerContext): FieldError[] {
  if (lifecycle === undefined) return []
  const errors: FieldError[] = []
  if (lifecycle.postStart !== undefined)
    errors.push(...handlerErrors(lifecycle.postStart, `${field}.postStart`, context.gracePeriodSeconds))
  if (lifecycle.preStop !== undefined) errors.push(...handlerErrors(lifecycle.preStop, `${field}.preStop`, context.gracePeriodSeconds))
  if (lifecycle.stopSignal !== undefined) errors.push(...stopSignalErrors(lifecycle.stopSignal, `${field}.stopSignal`, context.os))
  return errors
}

function probeErrors(probe: Probe, field: string): FieldError[] {
  const errors = handlerErrors(probe, field, undefined)
  for (const member of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const) {
    errors.push(...validateNonnegative(probe[member] ?? 0, `${field}.${member}`))
  }
  const grace = probe.terminationGracePeriodSeconds
  if (grace !== undefined && grace <= 0)
    errors.push(invalidValue(`${field}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'))
  return errors
}

function handlerErrors(
  handler: LifecycleHandler & Pick<Probe, 'grpc'>,
  field: string,
  gracePeriodSeconds: number | undefined,
): FieldError[] {
  const errors: FieldError[] = []
  let handlers = 0
  const isFirst = (member: string): boolean => {
    if (handlers++ === 0) return true
    errors.push(forbiddenField(`${field}.${member}`, ONE_HANDLER))
    return false
  }
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler
  if (exec !== undefined && isFirst('exec') && !exec.command?.length) errors.push(required(`${field}.exec.command`))
  if (httpGet !== undefined && isFirst('httpGet')) errors.push(...httpGetErrors(httpGet, `${field}.httpGet`))
  if (tcpSocket !== undefined && isFirst('tcpSocket')) errors.push(...portErrors(tcpSocket.port, `${field}.tcpSocket.port`))
  if (grpc !== undefined && isFirst('grpc')) errors.push(...portErrors(grpc.port, `${field}.grpc.port`))
  if (sleep !== undefined && isFirst('sleep')) {
    const seconds = sleep.seconds ?? 0
    if (gracePeriodSeconds !== undefined && (seconds < 0 || seconds > gracePeriodSeconds)) {
      errors.push(
        invalidValue(`${field}.sleep`, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriodSeconds})`),
      )
    }
  }
  if (handlers === 0) errors.push(required(field, 'must specify a handler type'))
  return errors
}

function httpGetErrors(action: HTTPGetAction, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (!action.path) errors.push(required(`${field}.path`))
  errors.push(...portErrors(action.port, `${field}.port`))
  if (action.scheme !== 'HTTP' && action.scheme !== 'HTTPS')
    errors.push(notSupported(`${field}.scheme`, action.scheme ?? '', ['HTTP', 'HTTPS']))
  for (const { name = '' } of action.httpHeaders ?? []) {
    if (headerName.test(name)) continue
    const text = "a valid HTTP header must consist of alphanumeric characters or '-'"
    errors.push(invalidValue(`${field}.httpHeaders`, name, regexText(text, HEADER_NAME, 'X-Header-Name')))
  }
  return errors
}

/** A port by number or by name. */
function portErrors(port: string | number | undefined, field: string): FieldError[] {
  if (typeof port === 'string') return each(field, port, portNameErrors(port))
  return each(field, port ?? 0, portNumberErrors(port))
}

function stopSignalErrors(signal: string, field: string, os: PodOS | undefined): FieldError[] {
  if (os === undefined) return [forbiddenField(field, 'may not be set for containers with empty `spec.os.name`')]
  const supported = os.name === 'windows' ? WINDOWS_SIGNALS : os.name === 'linux' ? LINUX_SIGNALS : undefined
  return supported === undefined || supported.includes(signal) ? [] : [notSupported(field, signal, supported)]
}
