// Closed-loop load: wrk over HTTP/1.1 keep-alive, h2load over HTTP/2. Both are far cheaper per request than a Node client.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { meter, percentile, round, totalRssMiB } from './target.mjs'

const WRK_SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url))

/**
 * @typedef {{method?: string, path: string, token?: string, type?: string, body?: object | string}} Request
 * @param {{requests: Request[], connections: number, seconds?: number, once?: boolean}} plan
 * `once`: stop when every request has been sent once. Otherwise they go round-robin for `seconds`.
 */
export async function http1(target, { requests, connections, seconds = 5, once = false }) {
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, 'requests')
    writeFileSync(file, requests.map((r) => requestLine(target, r)).join('\n') + '\n')
    const read = meter(target)
    const output = await run('wrk', ['-t1', `-c${connections}`, `-d${once ? 60 : seconds}s`, '--timeout', '30s', '-s', WRK_SCRIPT, target.server, '--', file, ...(once ? ['once'] : [])], { interruptOn: 'USED UP' })
    const figures = /RESULT (.*)/.exec(output)
    if (!figures) throw new Error(`wrk gave no figures: ${output.slice(-500)}`)
    return row(target, read(), JSON.parse(figures[1]))
  })
}

/** GETs one path on `connections` with `streams` concurrent requests each. */
export async function http2(target, { path, connections, streams, seconds = 5, body, headers = {} }) {
  return inTemporaryFolder(async (folder) => {
    const log = join(folder, 'log')
    const post = []
    if (body) {
      writeFileSync(join(folder, 'body'), JSON.stringify(body))
      post.push('-d', join(folder, 'body'), '-H', 'content-type: application/json')
    }
    for (const [name, value] of Object.entries(headers)) post.push('-H', `${name}: ${value}`)
    const read = meter(target)
    const output = await run('h2load', ['-t1', `-c${connections}`, `-m${streams}`, `-D${seconds}`, `--log-file=${log}`, '-H', `authorization: Bearer ${target.token}`, '-H', 'accept: application/json', ...post, target.server + path])
    const cost = read()
    const lines = readFileSync(log, 'utf8').trim().split('\n').map((line) => line.split('\t').map(Number))
    const ok = lines.filter(([, status]) => status >= 200 && status < 300)
    const latencies = ok.map(([, , micros]) => micros / 1000)
    return row(target, cost, {
      requests: ok.length, seconds, failed: lines.length - ok.length, bytes: Number(/(\d+)\) total/.exec(output)?.[1] ?? NaN),
      p50Ms: percentile(latencies, 50), p99Ms: percentile(latencies, 99), maxMs: percentile(latencies, 100),
    })
  })
}

/** @returns one row of results: rate, latency, cost. */
function row(target, cost, { requests, seconds, bytes, p50Ms, p99Ms, maxMs, failed }) {
  return {
    value: round(requests / seconds, 1), p50Ms: round(p50Ms), p99Ms: round(p99Ms), maxMs: round(maxMs), requests, failed,
    cpuPer1k: round((cost.cpuSeconds / requests) * 1000, 3), cpuShare: cost.cpuShare,
    clientCpuPer1k: round((cost.clientCpuSeconds / requests) * 1000, 3),
    mbPerSecond: round(bytes / seconds / 1e6, 2), rssMiB: round(totalRssMiB(target), 1), otherCores: cost.otherCores,
  }
}

function requestLine(target, { method = 'GET', path, token = target.token, type = 'application/json', body }) {
  const payload = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  return [method, path, token, type, payload].join('\t')
}

async function inTemporaryFolder(job) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  try { return await job(folder) } finally { rmSync(folder, { recursive: true }) }
}

export function run(command, args, { interruptOn, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let output = '', errors = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
      if (interruptOn && output.includes(interruptOn)) child.kill('SIGINT')
    })
    child.stderr.on('data', (chunk) => (errors += chunk))
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${command} ended with ${code}: ${errors}${output}`.slice(0, 1000)))))
  })
}
