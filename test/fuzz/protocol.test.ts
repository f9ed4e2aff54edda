/**
 * HTTP that is malformed, smuggled, too large, half open or slow: kube-apiserver's answer or a closed connection, and the server stays up.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isReady, type Running, startServe } from '../podpass.ts'
import { adminOf, type Credentials, openSocket, residentMiB, sendRaw } from './request.ts'

let server: Running
let admin: Credentials
beforeAll(async () => {
  server = await startServe('embedded')
  admin = adminOf(server)
})
afterAll(async () => {
  const stillUp = await isReady(server.port, admin.ca)
  await server.stop()
  expect(stillUp).toBe(true)
})

const MAPS = '/api/v1/namespaces/default/configmaps'
const CLOSED = 0

/** Bytes, and the status codes that are right: the first is what kube-apiserver 1.36.2 answers. */
const cases: [name: string, head: string, body: string, want: number[]][] = [
  ['a way up in the path', `GET ${MAPS}/../secrets HTTP/1.1\r\nHost: x\r\n`, '', [404]],
  ['two slashes at the start', 'GET //api/v1/namespaces HTTP/1.1\r\nHost: x\r\n', '', [404]],
  ['a percent sign with no number', 'GET /api/v1/namespaces/%zz HTTP/1.1\r\nHost: x\r\n', '', [400]],
  ['a percent sign with no number in the query', `GET ${MAPS}?labelSelector=%zz HTTP/1.1\r\nHost: x\r\n`, '', [200]],
  ['a semicolon in the query', `GET ${MAPS}?a=1;b=2 HTTP/1.1\r\nHost: x\r\n`, '', [200]],
  ['a whole URL for a path', 'GET https://elsewhere/version HTTP/1.1\r\nHost: x\r\n', '', [200]],
  ['no Host header', 'GET /version HTTP/1.1\r\n', '', [400]],
  // Node's parser keeps the first of two Host headers.
  ['two Host headers', 'GET /version HTTP/1.1\r\nHost: a\r\nHost: b\r\n', '', [400, 200]],
  ['HTTP/1.0', 'GET /healthz HTTP/1.0\r\n', '', [200]],
  ['no version at all', 'GET /healthz\r\n', '', [400, CLOSED]],
  // Node's parser knows a fixed list of methods.
  ['a method that nobody knows', 'FOO /api/v1 HTTP/1.1\r\nHost: x\r\n', '', [405, 400]],
  ['a length and chunks', `POST ${MAPS} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n`, '0\r\n\r\n', [400]],
  ['two lengths', `POST ${MAPS} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n`, 'hello', [400]],
  ['a negative length', `POST ${MAPS} HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n`, '', [400]],
  ['a NUL in a header', 'GET /version HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n', '', [400]],
  ['a header without a colon', 'GET /version HTTP/1.1\r\nHost: x\r\nXA\r\n', '', [400]],
  ['a header of 100 kB', `GET /version HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(100_000)}\r\n`, '', [200]],
  ['a header of 1.2 MB', `GET /version HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(1_200_000)}\r\n`, '', [431, CLOSED]],
  ['a query of 100 kB', `GET /version?${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n`, '', [200]],
  [
    'five thousand headers',
    `GET /version HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 5_000 }, (_, i) => `X-${i}: a\r\n`).join('')}`,
    '',
    [200, 431],
  ],
  [
    'a chunk whose size is no number',
    `POST ${MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n`,
    'zz\r\nhello\r\n0\r\n\r\n',
    [500, 400],
  ],
  ['an expectation that nobody knows', 'GET /version HTTP/1.1\r\nHost: x\r\nExpect: nonsense\r\n', '', [417]],
]

describe('HTTP/1.1', () => {
  test.each(cases)('%s', async (_, head, body, want) => {
    const answer = await sendRaw(server, admin, `${head}Connection: close\r\n\r\n${body}`)
    expect(want).toContain(answer === '' ? CLOSED : Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1]))
  })

  test('bytes that are no HTTP', async () => {
    expect(await sendRaw(server, admin, '\x16\x03 garbage\r\n\r\n')).toMatch(/^(HTTP\/1\.1 40[05] |$)/)
  })

  test('a client that waits for 100 Continue gets it', async () => {
    const answer = await sendRaw(
      server,
      admin,
      `POST ${MAPS}?dryRun=All HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n{}`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 422 /)
  })

  test('nobody who is refused is told to go on', async () => {
    const answer = await sendRaw(
      server,
      admin,
      `POST ${MAPS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nonsense\r\nContent-Length: 4000000\r\nExpect: 100-continue\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 4(01|13) /)
    expect(answer).not.toContain('100 Continue')
  })

  test('a body in chunks, without a length and with trailers, is read', async () => {
    const answer = await sendRaw(
      server,
      admin,
      `POST ${MAPS}?dryRun=All HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\nConnection: close\r\n\r\n1a\r\n{"metadata":{"name":"c1"}}\r\n0\r\nX-T: 1\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 201 /)
  })

  test('a sender that stalls is answered when its time is up', async () => {
    const answer = await sendRaw(
      server,
      admin,
      `POST ${MAPS}?timeout=200ms HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 504 /)
    expect(answer).toContain('Timeout: request did not complete within the allotted timeout')
  })

  test('an unauthenticated sender is refused before its body is read', async () => {
    const socket = await openSocket(server, { ca: admin.ca })
    const answer = await new Promise<string>((done) => {
      socket.setEncoding('latin1').once('data', (text: string) => done(text))
      socket.on('error', () => {})
      // Three megabytes are promised and one byte is sent.
      socket.write(
        `POST ${MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3000000\r\nAuthorization: Bearer nonsense\r\n\r\n{`,
      )
    })
    socket.destroy()
    expect(answer).toMatch(/^HTTP\/1\.1 401 /)
  })
})

describe('connections that give nothing', () => {
  test('two hundred half-open ones and fifty slow senders keep nobody waiting, and cost little', async () => {
    const before = residentMiB(server.pid)
    const silent = await Promise.all(Array.from({ length: 200 }, () => openSocket(server, { ca: admin.ca })))
    const slow = await Promise.all(Array.from({ length: 50 }, () => openSocket(server, admin)))
    for (const socket of [...silent, ...slow]) socket.on('error', () => {})
    for (const socket of slow)
      socket.write(`POST ${MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"apiVersion":`)
    const answer = await sendRaw(server, admin, `GET ${MAPS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(residentMiB(server.pid) - before).toBeLessThan(100)
    for (const socket of [...silent, ...slow]) socket.destroy()
  })

  test('a body that breaks off leaves nothing behind', async () => {
    for (let i = 0; i < 20; i++) {
      const socket = await openSocket(server, admin)
      socket.on('error', () => {})
      await new Promise<void>((done) =>
        socket.write(
          `POST ${MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"broken-off"}`,
          () => done(),
        ),
      )
      socket.destroy()
    }
    const answer = await sendRaw(server, admin, `GET ${MAPS}/broken-off HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 404 /)
  })
})
