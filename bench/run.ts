/**
 * `npm run bench -- [--only=get,list] [--store=etcd] [--repeat=3] [--most=100000] [--json=FILE]`: what podpass costs, beside the limit of
 * the machine measured in the same run and kube-apiserver's recorded figures.
 *
 * Each group of cases gets a fresh server; `harness/` does the measuring and can be pointed at any other server.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { newestKubectl } from '../test/machine.ts'
import { freePort, isReady, makePki, REPOSITORY, type Running, type StoreKind, startProcess, startServe } from '../test/podpass.ts'
import { build } from '../tools/build.ts'
import { GOALS } from './goals.ts'
import { type Limits, measureLimits } from './limits.ts'

/** Cases that share a server; each group starts with an empty store. */
const GROUPS: readonly (readonly string[])[] = [
  ['start'],
  ['idle'],
  ['get', 'list'],
  ['create'],
  ['update'],
  ['watch'],
  ['tokens', 'tokenrequest', 'revoke'],
  ['sar'],
  ['sarcluster'],
  ['memory'],
  ['kubectl'],
]
/** Cases that the bare server can answer too. */
const BARE = ['get', 'list', 'create', 'update', 'watch']
const HARNESS = join(REPOSITORY, 'bench/harness')
const TOKEN = 'bench-token'

interface Row {
  value: number
  p50Ms?: number
  p99Ms?: number
  cpuPer1k?: number
  rssMiB?: number
  failed?: number
  bytesPerObject?: number
  otherCores?: number
}
interface Figure {
  unit: string
  lowerIsBetter: boolean
  best: Row
  rows: Row[]
}
type Figures = Record<string, Figure>

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    store: { type: 'string', default: 'embedded' },
    repeat: { type: 'string', default: '3' },
    most: { type: 'string', default: '10000' },
    json: { type: 'string' },
    patience: { type: 'string', default: '6' },
    'no-bare': { type: 'boolean', default: false },
  },
})
const known = GROUPS.flat()
const wanted = options.only?.split(',') ?? known
for (const name of wanted) if (!known.includes(name)) throw new Error(`no case ${name}; there are ${known.join(', ')}`)

await build()
const work = mkdtempSync(join(os.tmpdir(), 'podpass-bench-'))
const tokens = join(work, 'tokens.csv')
writeFileSync(tokens, `${TOKEN},admin,admin,system:masters\n`)
try {
  const limits = measureLimits()
  console.log(
    `signing: RS256 ${limits.rs256SignMs.toFixed(3)} ms, ES256 ${limits.es256SignMs.toFixed(3)} ms; a durable kilobyte ${limits.durableWriteMs.toFixed(3)} ms`,
  )
  const bareCases = wanted.filter((name) => BARE.includes(name))
  const bare = options['no-bare'] || bareCases.length === 0 ? {} : await measureBare(bareCases)
  const podpass: Figures = {}
  for (const group of GROUPS) {
    const cases = group.filter((name) => wanted.includes(name))
    if (cases.length > 0) Object.assign(podpass, await measurePodpass(cases))
  }
  const report = { machine: machine(), store: options.store, limits, podpass, bare }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`)
  console.log(`\n${table(podpass, bare, limits)}`)
} finally {
  rmSync(work, { recursive: true })
}

async function measurePodpass(cases: readonly string[]): Promise<Figures> {
  console.log(`\n# podpass: ${cases.join(', ')}`)
  const server = await startServe(options.store as StoreKind, [
    '--emulated-version=1.36',
    `--token-auth-file=${tokens}`,
    '--unsafe-static-tokens',
  ])
  try {
    if (!cases.includes('start')) return await harness(server.url, server.file('ca.crt'), [server.pid], 'podpass', cases)
    return await measureStart(server)
  } finally {
    await server.stop()
  }
}

/** The harness starts the server itself, on the keys and the port of this one. */
async function measureStart(server: Running): Promise<Figures> {
  await server.stopKeeping()
  const command = server.command.map((word) => `'${word}'`).join(' ')
  return harness(
    server.url,
    server.file('ca.crt'),
    [],
    'podpass',
    ['start'],
    ['--start', command, ...(options.store === 'etcd' ? [] : ['--reset', `rm -rf '${join(server.folder, 'store')}'`])],
  )
}

async function measureBare(cases: readonly string[]): Promise<Figures> {
  console.log(`\n# bare node:https: ${cases.join(', ')}`)
  const port = await freePort()
  const pki = join(work, 'pki')
  makePki(pki, port)
  const ca = join(pki, 'ca.crt')
  const bare = startProcess(process.execPath, [
    join(REPOSITORY, 'bench/bare.ts'),
    String(port),
    join(pki, 'apiserver.crt'),
    join(pki, 'apiserver.key'),
  ])
  try {
    while (!(await isReady(port, readFileSync(ca)))) await new Promise((done) => setTimeout(done, 20))
    return await harness(`https://127.0.0.1:${port}`, ca, [bare.child.pid as number], 'bare node:https', cases)
  } finally {
    await bare.stop()
  }
}

/** Runs the harness against one server; resolves with its figures. */
function harness(
  server: string,
  ca: string,
  pids: readonly number[],
  name: string,
  cases: readonly string[],
  more: readonly string[] = [],
): Promise<Figures> {
  const target = join(work, 'target.json')
  const json = join(work, `${name}-${cases.join('-')}.json`.replaceAll(/[ :]/g, '-'))
  writeFileSync(target, JSON.stringify({ name, server, ca, token: TOKEN, pids }))
  const kubectl = newestKubectl()
  const args = [
    '--target',
    target,
    '--only',
    cases.join(','),
    '--json',
    json,
    '--repeat',
    options.repeat,
    '--most',
    options.most,
    '--patience',
    options.patience,
    ...(kubectl === undefined ? [] : ['--kubectl', kubectl]),
    ...more,
  ]
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(HARNESS, 'bench.mjs'), ...args], { stdio: 'inherit' })
    child.on('error', fail)
    // A case that a server cannot do yet ends the harness; what came before it counts.
    child.on('close', (code) => {
      if (code !== 0) console.log(`the harness ended with ${code} in ${cases.join(', ')}`)
      done(existsSync(json) ? (JSON.parse(readFileSync(json, 'utf8')) as { results: Figures }).results : {})
    })
  })
}

/** Markdown: what was measured, what Node itself costs, what kube-apiserver was recorded to cost, and how many times less podpass does. */
function table(podpass: Figures, bare: Figures, limits: Limits): string {
  const oracle = (JSON.parse(readFileSync(join(HARNESS, 'results/oracle-1.36.2.json'), 'utf8')) as { results: Figures }).results
  const least = (figure: Figure | undefined) => {
    const costs = (figure?.rows ?? []).flatMap((row) => row.cpuPer1k ?? [])
    return costs.length === 0 ? undefined : Math.min(...costs)
  }
  const cell = (number: number | undefined) => (number === undefined ? '' : String(Number(number.toPrecision(3))))
  const lines = [
    '| case | podpass | unit | p99 ms | CPU ms each | bare Node | kube-apiserver | CPU ms each | times less CPU | goal |',
    '| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
  ]
  for (const [name, figure] of Object.entries(podpass)) {
    const cost = least(figure)
    const floor = name.startsWith('tokenrequest') ? limits.rs256SignMs : least(bare[name])
    const theirs = oracle[name]
    const theirCost = least(theirs)
    const [ours, other] =
      cost !== undefined && theirCost !== undefined
        ? [cost, theirCost]
        : figure.lowerIsBetter
          ? [figure.best.value, theirs?.best.value]
          : [undefined, undefined]
    const ratio = ours !== undefined && other !== undefined && ours > 0 ? `${Number((other / ours).toPrecision(2))}×` : ''
    const failed = figure.best.failed ? ` (${figure.best.failed} failed)` : ''
    const cells = [
      name,
      `${cell(figure.best.value)}${failed}`,
      figure.unit,
      cell(figure.best.p99Ms),
      cell(cost),
      cell(floor),
      cell(theirs?.best.value),
      cell(theirCost),
      ratio,
      goal(name, figure, cost),
    ]
    lines.push(`| ${cells.join(' | ')} |`)
  }
  return lines.join('\n')
}

function goal(name: string, figure: Figure, cost: number | undefined): string {
  const wish = GOALS[name]
  if (wish === undefined) return ''
  const is = wish.of === 'cpu' ? cost : wish.of === 'value' ? figure.best.value : figure.best.bytesPerObject
  return `${is === undefined ? '' : is <= wish.most ? '✓' : '✗'} ≤ ${wish.most}${wish.of === 'bytesPerObject' ? ` B an object (${is})` : ''}`
}

function machine(): Record<string, unknown> {
  return {
    cpu: os.cpus()[0]?.model,
    cores: os.cpus().length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    node: process.version,
    date: new Date().toISOString(),
  }
}
