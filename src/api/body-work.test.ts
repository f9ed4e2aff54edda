import { execFile } from 'node:child_process'
import process from 'node:process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type BodyWork, doBodyWork, readBody } from './body-work.ts'
import { StatusError } from './status.ts'

const LARGE = 300 * 1024
const configMap: BodyWork = {
  kind: 'object',
  mediaType: 'application/json',
  schema: 'io.k8s.api.core.v1.ConfigMap',
  gvk: { group: '', version: 'v1', kind: 'ConfigMap' },
  strict: 'Warn',
}

/** A ConfigMap of tiny members, some of them unusual. */
function large(more: string): Buffer {
  const members = Array.from({ length: LARGE / 10 }, (_, index) => `"k${index.toString(36)}":"v"`).join(',')
  return Buffer.from(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x"},"data":{${members},"__proto__":"p"}${more}}`)
}

describe('readBody() of a large body', () => {
  test('answers what is answered at once', async () => {
    const body = large(',"unknown":1,"metadata":{"name":"y","generation":9007199254740993}')
    expect(body.length).toBeGreaterThan(LARGE)
    const read = await readBody(body, configMap)
    expect(read).toEqual(doBodyWork(body, configMap))
    const { object, strictErrors } = read
    expect(Object.hasOwn(object['data'], '__proto__')).toBe(true)
    expect(object.metadata?.generation).toBe(9007199254740993n)
    expect(strictErrors).toEqual(['unknown field "unknown"', 'duplicate field "metadata"'])
  })

  test('refuses in the same words', async () => {
    const refusal = await readBody(large(',"immutable":"x"'), configMap).catch((error) => error)
    expect(refusal).toBeInstanceOf(StatusError)
    expect(refusal.status).toMatchObject({ code: 400, message: expect.stringContaining('into Go struct field ConfigMap.immutable') })
  })

  test('reads patches and configurations too', async () => {
    const body = large('')
    const { patch } = await readBody(body, { kind: 'strategic' })
    expect(patch).toEqual(doBodyWork(body, { kind: 'merge', validated: true }).patch)
    const { config } = await readBody(body, { kind: 'apply' })
    expect(config).toEqual(patch)
  })

  test('does not keep the process from its end', async () => {
    const module = new URL('body-work.ts', import.meta.url).href
    const code = `import { readBody } from '${module}'
      const { patch } = await readBody(Buffer.from('{"a":"' + 'x'.repeat(${LARGE}) + '"}'), { kind: 'strategic' })
      console.log(patch.a.length)`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code])
    expect(stdout).toBe(`${LARGE}\n`)
  })

  test('leaves the event loop to others', async () => {
    const reading = readBody(large(''), { kind: 'apply' })
    let turns = 0
    let done = false
    void reading.then(() => {
      done = true
    })
    while (!done) {
      turns++
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(turns).toBeGreaterThan(1)
  })
})
