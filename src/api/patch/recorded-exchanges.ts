/**
 * The recorded exchanges of a scenario beside what was asked, for tests of patches and managed fields.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type { JsonObject } from './json-value.ts'

export interface Exchange {
  name: string
  method: string
  path: string
  /** `json`, `merge`, `strategic`, `apply`; `''` for methods other than PATCH. */
  patchType: string
  body: any
  status: number
  answer: any
}

/** The exchanges of `test/golden/scenarios/<name>.mjs` that both ask and answer, setup aside. */
export async function recordedExchanges(name: string): Promise<Exchange[]> {
  const folder = new URL('../../../test/golden/', import.meta.url)
  const text = readFileSync(new URL(`recordings/${name}.json`, folder), 'utf8')
  // Placeholders that would not pass for what they stand for.
  const recording = JSON.parse(text.replaceAll('"<time>"', '"2026-01-01T00:00:00Z"').replace(/<uu?id:([^>"]*)>/g, 'uid-$1'))
  const { default: scenario } = await import(new URL(`scenarios/${name}.mjs`, folder).href)
  const steps: Exchange[] = scenario(stepMakers()).steps
  const answers = new Map<string, JsonObject>(recording.exchanges.map((exchange: JsonObject) => [exchange['step'], exchange]))
  const found: Exchange[] = []
  for (const step of steps) {
    const response = answers.get(step.name)?.['response'] as { status: number; body: unknown } | undefined
    if (response !== undefined) found.push({ ...step, status: response.status, answer: response.body })
  }
  return found
}

function stepMakers(): Record<string, (...args: any[]) => unknown> {
  const step = (method: string, patchType: string, path: string, body: unknown, options: { name?: string } = {}) => ({
    name: options.name ?? `${method} ${path}`,
    method,
    path,
    patchType,
    body,
  })
  return {
    get: (path, options) => step('GET', '', path, undefined, options),
    post: (path, body, options) => step('POST', '', path, body, options),
    put: (path, body, options) => step('PUT', '', path, body, options),
    patch: (type, path, body, options) => step('PATCH', type, path, body, options),
    del: (path, body, options) => step('DELETE', '', path, body, options),
    request: (method, path, body, options) => step(method, '', path, body, options),
    until: (one) => one,
    watch: (path, options) => step('WATCH', '', path, undefined, options),
    kubectl: (args) => step('KUBECTL', '', String(args), undefined),
    mint: () => step('MINT', '', '', undefined),
    sleep: () => step('SLEEP', '', '', undefined),
  }
}
