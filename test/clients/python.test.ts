/**
 * The official Python client, as Debian packages it.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pythonWith } from '../machine.ts'
import { type Running, STORES, startServe } from '../podpass.ts'
import { run } from './run.ts'

const python = pythonWith('kubernetes')

describe.each(STORES)("Python's kubernetes on the $kind store", ({ kind, isHere }) => {
  let server: Running
  beforeAll(async () => {
    if (isHere && python !== undefined) server = await startServe(kind)
  })
  afterAll(() => server?.stop())

  test.skipIf(!isHere || python === undefined)('writes, lists, watches, requests a token and acts with it', async () => {
    const { code, out, err } = await run(python as string, [join(import.meta.dirname, 'python_client.py'), server.file('admin.kubeconfig')])
    expect(code, err).toBe(0)
    expect(JSON.parse(out)).toEqual({
      created: 'robot',
      listed: ['robot'],
      events: [
        ['ADDED', { a: '1' }],
        ['MODIFIED', { a: '1', b: '2' }],
        ['DELETED', { a: '1', b: '2' }],
      ],
      missing: [404, 'NotFound'],
      'robot lists': 'ConfigMapList',
      'robot refused': [
        403,
        'secrets is forbidden: User "system:serviceaccount:g-python:robot" cannot list resource "secrets" in API group "" in the namespace "g-python"',
      ],
    })
  })
})
