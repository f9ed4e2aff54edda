/**
 * `/healthz`, `/livez`, `/readyz`: named checks, alone or together.
 *
 * @see apiserver/pkg/server/healthz/healthz.go
 * @module
 */
export interface HealthCheck {
  name: string
  /** Throws, or rejects, when it fails. */
  check(): void | Promise<void>
}

export interface HealthAnswer {
  code: number
  body: string
  warnings: string[]
}

/** `group` is `healthz`, `livez` or `readyz`; undefined when there is no such check. */
export async function healthAnswer(group: string, only: string, checks: readonly HealthCheck[], query: URLSearchParams): Promise<HealthAnswer | undefined> {
  if (only !== '') {
    const one = checks.find(({ name }) => name === only)
    if (one === undefined) return undefined
    const failure = await failureOf(one)
    return failure === undefined ? { code: 200, body: 'ok', warnings: [] } : { code: 500, body: `internal server error: ${failure}\n`, warnings: [] }
  }
  const excluded = new Set(query.getAll('exclude').flatMap((names) => names.split(',')))
  const lines: string[] = []
  let failed = false
  for (const one of checks) {
    if (excluded.delete(one.name)) {
      lines.push(`[+]${one.name} excluded: ok`)
      continue
    }
    if ((await failureOf(one)) === undefined) lines.push(`[+]${one.name} ok`)
    else {
      failed = true
      lines.push(`[-]${one.name} failed: reason withheld`)
    }
  }
  const warnings = excluded.size === 0 ? [] : [`some health checks cannot be excluded: no matches for ${[...excluded].map((name) => JSON.stringify(name)).join(', ')}`]
  if (excluded.size > 0) lines.push(`warn: ${warnings[0]}`)
  if (failed) return { code: 500, body: `${lines.join('\n')}\n${group} check failed\n`, warnings }
  return { code: 200, body: query.has('verbose') ? `${lines.join('\n')}\n${group} check passed\n` : 'ok', warnings }
}

async function failureOf(check: HealthCheck): Promise<string | undefined> {
  try {
    await check.check()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
