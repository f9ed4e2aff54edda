/**
 * Times admission: each plugin, and each phase as a whole.
 *
 * @see apiserver/pkg/admission/metrics/metrics.go
 * @module
 */
import type { AdmissionPlugin, AdmissionRequest } from '../admission/admission.ts'
import type { PolicyCheck } from '../admission/policy-checks.ts'
import type { AdmissionRunner } from '../registry/verbs/context.ts'
import type { Families, HistogramCell, HistogramFamily } from './metrics-families.ts'

const BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5]
type Phase = 'admit' | 'validate'

export class AdmissionMetrics {
  readonly #plugins: HistogramFamily
  readonly #steps: HistogramFamily

  constructor(families: Families) {
    const labels = ['operation', 'rejected', 'type']
    this.#plugins = families.histogram(
      'apiserver_admission_controller_admission_duration_seconds',
      'Time in one admission plugin.',
      ['name', ...labels],
      BUCKETS,
    )
    this.#steps = families.histogram(
      'apiserver_admission_step_admission_duration_seconds',
      'Time in all admission plugins of a phase.',
      labels,
      BUCKETS,
    )
  }

  plugin(plugin: AdmissionPlugin): AdmissionPlugin {
    const { admit, validate } = plugin
    const timed = (phase: Phase, run: (request: AdmissionRequest) => void | Promise<void>) =>
      time(phase, run, (...labels) => this.#plugins.cell(plugin.name, ...labels))
    return {
      name: plugin.name,
      handles: (request) => plugin.handles(request),
      ...(admit === undefined ? {} : { admit: timed('admit', (request) => admit.call(plugin, request)) }),
      ...(validate === undefined ? {} : { validate: timed('validate', (request) => validate.call(plugin, request)) }),
    }
  }

  chain<T extends AdmissionRunner>(chain: T): T {
    const cell = (...labels: string[]) => this.#steps.cell(...labels)
    return {
      ...chain,
      admit: time('admit', (request) => chain.admit(request), cell),
      validate: time('validate', (request) => chain.validate(request), cell),
    }
  }
}

/** Bounds of the time in one expression. @see apiserver/pkg/admission/plugin/policy/validating/metrics/metrics.go */
const CHECK_BUCKETS = [0.0000005, 0.001, 0.01, 0.1, 1]

/** Counts what policies say. */
export function policyChecks(families: Families): (plugin: 'validating' | 'mutating', check: PolicyCheck) => void {
  const of = (plugin: 'validating' | 'mutating', labels: readonly string[]) => ({
    total: families.counter(`apiserver_${plugin}_admission_policy_check_total`, 'Checks by a policy.', labels),
    seconds: families.histogram(
      `apiserver_${plugin}_admission_policy_check_duration_seconds`,
      'Time in one expression.',
      labels,
      CHECK_BUCKETS,
    ),
  })
  const labels = ['error_type', 'policy', 'policy_binding']
  const plugins = { validating: of('validating', ['enforcement_action', ...labels]), mutating: of('mutating', labels) }
  return (plugin, { policy, binding, errorType, action, seconds }) => {
    const values = [...(action === undefined ? [] : [action]), errorType, policy, binding]
    plugins[plugin].total.cell(...values).value++
    plugins[plugin].seconds.cell(...values).observe(seconds)
  }
}

function time(
  phase: Phase,
  run: (request: AdmissionRequest) => void | Promise<void>,
  cellOf: (...labels: string[]) => HistogramCell,
): (request: AdmissionRequest) => void | Promise<void> {
  const known = new Map<string, HistogramCell>()
  const observe = (operation: string, rejected: boolean, startedMs: number) => {
    const key = rejected ? `-${operation}` : operation
    let cell = known.get(key)
    if (cell === undefined) {
      cell = cellOf(operation, String(rejected), phase)
      known.set(key, cell)
    }
    cell.observe((performance.now() - startedMs) / 1000)
  }
  return (request) => {
    const startedMs = performance.now()
    const settled = (rejected: boolean) => observe(request.operation, rejected, startedMs)
    let done: void | Promise<void>
    try {
      done = run(request)
    } catch (error) {
      settled(true)
      throw error
    }
    if (done === undefined) {
      settled(false)
      return undefined
    }
    return done.then(
      () => settled(false),
      (error) => {
        settled(true)
        throw error
      },
    )
  }
}
