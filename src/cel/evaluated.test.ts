import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseJson } from '../api/json.ts'
import { Budget } from './budget.ts'
import { compileExpression } from './evaluate.ts'
import { CelError, Double, Uint } from './values.ts'

/** What kube-apiserver's own evaluator makes of these, with `object` as a policy sees it. */
interface Recorded {
  object: unknown
  cases: { expression: string; value?: string; error?: string }[]
}

const RECORDED = parseJson(readFileSync(new URL('testdata/evaluated.json', import.meta.url))).value as Recorded

const NAMES: Readonly<Record<string, unknown>> = { object: RECORDED.object, oldObject: null, request: { name: 'n' }, params: null }

function evaluated(expression: string): { value: unknown } | { error: string } {
  try {
    return { value: new Budget(10_000_000).run((spend) => compileExpression(expression).evaluate((name) => NAMES[name], spend)) }
  } catch (error) {
    if (error instanceof CelError) return { error: error.message }
    throw error
  }
}

function text(value: unknown): string {
  return value instanceof Uint || value instanceof Double ? String(value.value) : String(value)
}

test.each(RECORDED.cases)('$expression', ({ expression, value, error }) => {
  const found = evaluated(expression)
  if (error !== undefined) expect(found).toEqual({ error })
  else if (value !== undefined) expect('value' in found ? text(found.value) : found).toBe(value)
  else expect(found).toHaveProperty('value')
})
