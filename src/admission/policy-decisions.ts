/**
 * What expressions ask the authorizer while one request is admitted. Each question is put once.
 *
 * An expression is evaluated at once, and a webhook that authorizes takes its time. So an expression whose question is still open goes on
 * with a refusal, nothing of what it finds counts, and it is evaluated again when the answer is there.
 *
 * @see apiserver/pkg/admission/plugin/authorizer/caching_authorizer.go
 * @module
 */
import type { Attributes, Authorization, Authorizer } from '../authorization/authorizer.ts'
import type { CheckAnswer } from '../cel/authorizer.ts'
import type { AdmissionRequest } from './admission.ts'

const OPEN: CheckAnswer = { allowed: false, reason: '', error: 'no decision yet' }

class Decisions {
  readonly #known = new Map<string, CheckAnswer>()
  readonly #open = new Set<Promise<void>>()
  /** How often somebody was told that the answer is not there yet. */
  unanswered = 0

  ask(key: string, decide: () => Authorization | Promise<Authorization>): CheckAnswer {
    const known = this.#known.get(key)
    if (known !== undefined) {
      if (known === OPEN) this.unanswered++
      return known
    }
    const outcome = decide()
    if (!(outcome instanceof Promise)) {
      const answer = answerOf(outcome)
      this.#known.set(key, answer)
      return answer
    }
    this.#known.set(key, OPEN)
    const settled = outcome
      .then(answerOf, (error: unknown) => ({ allowed: false, reason: '', error: error instanceof Error ? error.message : String(error) }))
      .then((answer) => {
        this.#known.set(key, answer)
        this.#open.delete(settled)
      })
    this.#open.add(settled)
    this.unanswered++
    return OPEN
  }

  async settled(): Promise<void> {
    await Promise.all(this.#open)
  }
}

const decisions = new WeakMap<AdmissionRequest, Decisions>()

function decisionsOf(request: AdmissionRequest): Decisions {
  let known = decisions.get(request)
  if (known === undefined) {
    known = new Decisions()
    decisions.set(request, known)
  }
  return known
}

/** The answer to a question, or for now a refusal: to be asked within `decided`. */
export function decisionFor(request: AdmissionRequest, authorizer: Authorizer, key: string, attributes: () => Attributes): CheckAnswer {
  return decisionsOf(request).ask(key, () => authorizer.authorize(attributes()))
}

/** What `work` finds when all that it asks the authorizer is answered. It may run several times and changes nothing. */
export async function decided<T>(request: AdmissionRequest, work: () => T | Promise<T>): Promise<T> {
  const of = decisionsOf(request)
  for (;;) {
    const before = of.unanswered
    try {
      const result = await work()
      if (of.unanswered === before) return result
    } catch (error) {
      if (of.unanswered === before) throw error
    }
    await of.settled()
  }
}

function answerOf({ decision, reason, evaluationError }: Authorization): CheckAnswer {
  return { allowed: decision === 'allow', reason, error: decision === 'allow' ? undefined : evaluationError }
}
