/**
 * Admission plugins in a row: first all that may change the object, and after its validation all that only look.
 *
 * @see apiserver/pkg/admission/chain.go
 * @module
 */
import { forbidden, notFound, type StatusError } from '../api/status.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'

export interface AdmissionChain {
  readonly plugins: readonly AdmissionPlugin[]
  /** Before validation. Synchronous until a plugin has to be awaited. */
  admit(request: AdmissionRequest): void | Promise<void>
  /** After validation. */
  validate(request: AdmissionRequest): void | Promise<void>
}

export function admissionChain(plugins: readonly AdmissionPlugin[]): AdmissionChain {
  const mutating = plugins.filter(({ admit }) => admit !== undefined)
  const validating = plugins.filter(({ validate }) => validate !== undefined)
  return {
    plugins,
    admit(request) {
      const done = round(mutating, request)
      return done === undefined ? again(mutating, request) : done.then(() => again(mutating, request))
    },
    validate: (request) => inTurn(validating, request, 0, (plugin) => plugin.validate!(request)), // kept only with a `validate`
  }
}

function round(mutating: readonly AdmissionPlugin[], request: AdmissionRequest): void | Promise<void> {
  return inTurn(mutating, request, 0, (plugin) => plugin.admit!(request)) // kept only with an `admit`
}

/** @see apiserver/pkg/admission/reinvocation.go */
function again(mutating: readonly AdmissionPlugin[], request: AdmissionRequest): void | Promise<void> {
  if (request.reinvocation?.wanted !== true) return
  request.reinvocation.second = true
  return round(mutating, request)
}

function inTurn(
  plugins: readonly AdmissionPlugin[],
  request: AdmissionRequest,
  from: number,
  step: (plugin: AdmissionPlugin) => void | Promise<void>,
): void | Promise<void> {
  for (let i = from; i < plugins.length; i++) {
    const plugin = plugins[i]!
    if (!plugin.handles(request)) continue
    const done = step(plugin)
    if (done !== undefined) return done.then(() => inTurn(plugins, request, i + 1, step))
  }
}

/** How a refusal names its object: request name, else the body's, else its generateName, else `Unknown`. */
export function requestName({ name, object }: AdmissionRequest): string {
  return name || object?.metadata?.name || object?.metadata?.generateName || 'Unknown'
}

/** 403 of a plugin. A text, or a refusal of something inside, which is passed on as it is. */
export function admissionForbidden(request: AdmissionRequest, why: string | StatusError): StatusError {
  if (typeof why === 'string') return forbidden(request, requestName(request), why)
  return why.reason === 'Forbidden' ? why : forbidden(request, requestName(request), why.message)
}

export function admissionNotFound(request: AdmissionRequest): StatusError {
  return notFound(request, requestName(request))
}
