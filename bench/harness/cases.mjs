// What is measured. A case prepares its objects and calls bench.measure(name, {unit, lower?}, run) for each figure;
// `run` is repeated and returns a row: {value, p50Ms?, p99Ms?, cpuPer1k?, rssMiB?, ...}.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { spawn } from 'node:child_process'
import https from 'node:https'
import { Worker } from 'node:worker_threads'
import { RBAC, clusterRoleBinding, configMap, mint, namespace, pod, populate, role, roleBinding, serviceAccount, tokenRequest } from './fixtures.mjs'
import { http1, http2, run } from './load.mjs'
import { anonymousMiB, create, inParallel, meter, nowMs, percentile, processName, round, rssMiB, sleep, totalRssMiB } from './target.mjs'

const GUIDE = fileURLToPath(new URL('../../docs/examples/service-account.yaml', import.meta.url))
const OTHER_NAMESPACES = 50
const LOAD_LIMIT_MS = 180_000

export const cases = {
  /** Time from exec to the first 200 from /readyz; needs --start, and --reset for the empty store. */
  async start({ target, prefix, options, measure }) {
    if (!options.start) return console.log('start: skipped, needs --start "command"')
    /** Milliseconds to ready; `job` runs before it is stopped again. */
    const once = async (reset, job) => {
      if (reset) await run('sh', ['-c', options.reset])
      const began = nowMs()
      const child = spawn('sh', ['-c', `exec ${options.start}`], { detached: true, stdio: 'ignore' })
      const ended = new Promise((resolve) => child.on('close', resolve))
      try {
        for (;;) {
          const response = await target.call('GET', '/readyz', undefined, { agent: new https.Agent({ ca: readFileSync(target.ca) }) }).catch(() => undefined)
          if (response?.status === 200) {
            const value = round(nowMs() - began, 0)
            await job?.()
            return { value }
          }
          if (nowMs() - began > 120_000) throw new Error('not ready in 120 s')
          await sleep(5)
        }
      } finally {
        process.kill(-child.pid, 'SIGTERM')
        await Promise.race([ended, sleep(10_000)])
        try { process.kill(-child.pid, 'SIGKILL') } catch {}
        await sleep(500)
      }
    }
    if (options.reset) await measure('start-empty', { unit: 'ms', lower: true, repeat: 5 }, () => once(true))
    await measure('start-existing', { unit: 'ms', lower: true, repeat: 5 }, () => once(false))
    await once(false, async () => {
      const ns = await namespace(target, `${prefix}-start`)
      await populate(target, `${ns}/configmaps`, 0, 10_000, (i) => configMap(`cm-${i}`, '00000'))
    })
    await measure('start-10k', { unit: 'ms', lower: true, repeat: 5 }, () => once(false))
  },

  /** What a server costs that nobody uses. */
  async idle({ target, measure }) {
    await sleep(15_000)
    const memory = () => ({ each: Object.fromEntries(target.pids.map((pid) => [processName(pid), { rssMiB: round(rssMiB(pid), 1), anonymousMiB: round(anonymousMiB(pid), 1) }])) })
    await measure('idle-rss', { unit: 'MiB', lower: true, repeat: 1 }, () => ({ value: round(totalRssMiB(target), 1), ...memory() }))
    await measure('idle-cpu', { unit: '% of a core', lower: true }, async () => {
      const read = meter(target)
      await sleep(10_000)
      const cost = read()
      return { value: round((cost.cpuSeconds / cost.wallSeconds) * 100, 2), cpuShare: cost.cpuShare, otherCores: cost.otherCores }
    })
  },

  async get({ target, prefix, measure }) {
    const ns = await namespace(target, `${prefix}-get`)
    await create(target, `${ns}/serviceaccounts`, serviceAccount('one'))
    const path = `${ns}/serviceaccounts/one`
    await measure('get-h1-c32', { unit: 'req/s' }, () => http1(target, { requests: [{ path }], connections: 32 }))
    await measure('get-h1-c1', { unit: 'req/s' }, () => http1(target, { requests: [{ path }], connections: 1, seconds: 3 }))
    await measure('get-h2-c4m32', { unit: 'req/s' }, () => http2(target, { path, connections: 4, streams: 32 }))
  },

  async list({ target, prefix, measure }) {
    const ns = await namespace(target, `${prefix}-list`)
    await populate(target, `${ns}/serviceaccounts`, 0, 999, (i) => serviceAccount(`sa-${i}`)) // and the default one
    await populate(target, `${ns}/pods`, 0, 500, (i) => pod(`pod-${i}`))
    for (const [name, path] of [['list1k-sa', `${ns}/serviceaccounts`], ['list500-pods', `${ns}/pods`]]) {
      const sizeBytes = (await target.call('GET', path)).body.length
      await measure(`${name}-c8`, { unit: 'lists/s' }, async () => ({ ...(await http1(target, { requests: [{ path }], connections: 8 })), sizeBytes }))
    }
    // client-go asks for gzip.
    for (const [name, path] of [['list500-pods-gzip', `${ns}/pods`], ['list1k-sa-gzip', `${ns}/serviceaccounts`]]) {
      await measure(`${name}-c4m2`, { unit: 'lists/s' }, () => http2(target, { path, connections: 4, streams: 2, headers: { 'accept-encoding': 'gzip' } }))
    }
    // How long a LIST takes that must see the latest write: of another resource, and of its own.
    const small = await namespace(target, `${prefix}-list-small`)
    for (const [name, written, listed] of [['list-after-other-write', 'configmaps', 'serviceaccounts'], ['list-after-own-write', 'configmaps', 'configmaps']]) {
      await measure(name, { unit: 'ms', lower: true }, async (turn) => {
        const latencies = []
        for (let i = 0; i < 30; i++) {
          await create(target, `${small}/${written}`, configMap(`${name}-${turn}-${i}`, '00000'))
          const began = nowMs()
          await target.call('GET', `${small}/${listed}`)
          latencies.push(nowMs() - began)
        }
        return { value: round(percentile(latencies, 50)), p50Ms: round(percentile(latencies, 50)), p99Ms: round(percentile(latencies, 99)) }
      })
    }
  },

  /** SubjectAccessReview against N RoleBindings of others, spread over 50 namespaces, the asked one among them. */
  sar: (bench) => reviewsAgainst(bench, 'rolebindings', (ns, i) => [
    `${RBAC}/namespaces/${i % OTHER_NAMESPACES ? `${ns}-${i % OTHER_NAMESPACES}` : ns}/rolebindings`, roleBinding(`other-${i}`, `${ns}-${i % OTHER_NAMESPACES}`, `other-${i}`, 'reader'),
  ]),

  /** The same against N ClusterRoleBindings of others; use a fresh server for each of the two. */
  sarcluster: (bench) => reviewsAgainst(bench, 'clusterrolebindings', (ns, i) => [
    `${RBAC}/clusterrolebindings`, clusterRoleBinding(`${ns}-other-${i}`, `${ns}-${i % OTHER_NAMESPACES}`, `other-${i}`, 'view'),
  ]),

  /** Tokens that are checked: by TokenReview, and by being used. */
  async tokens({ target, prefix, options, measure }) {
    const ns = await namespace(target, `${prefix}-tokens`)
    await populate(target, `${ns}/serviceaccounts`, 0, 2000, (i) => serviceAccount(`sa-${i}`))
    await create(target, `${RBAC}/namespaces/${prefix}-tokens/roles`, role('reader', ['serviceaccounts']))
    await create(target, `${RBAC}/namespaces/${prefix}-tokens/rolebindings`, {
      ...roleBinding('all', '', '', 'reader'), subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: `system:serviceaccounts:${prefix}-tokens` }],
    })
    const fresh = async (count) => {
      const tokens = new Array(count)
      await inParallel(0, count, 16, async (i) => { tokens[i] = await mint(target, ns, `sa-${i % 2000}`) })
      return tokens
    }
    const review = (token) => ({ method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews', body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } } })
    const use = (token) => ({ path: `${ns}/serviceaccounts/default`, token })
    const pool = await fresh(2000)
    const proof = (await target.call('POST', review('').path, review(pool[0]).body)).json()
    if (proof.status.user?.username !== `system:serviceaccount:${prefix}-tokens:sa-0`) throw new Error(`TokenReview: ${JSON.stringify(proof.status)}`)
    await measure('tokenreview-same', { unit: 'req/s' }, () => http1(target, { requests: [review(pool[0])], connections: 32 }))
    await measure('tokenreview-2k', { unit: 'req/s' }, () => http1(target, { requests: pool.map(review), connections: 32 }))
    await measure('auth-same', { unit: 'req/s' }, () => http1(target, { requests: [use(pool[0])], connections: 32 }))
    await measure('auth-2k', { unit: 'req/s' }, () => http1(target, { requests: pool.map(use), connections: 32 }))
    // A rate above 200/s lets a 10 s cache of 2,000 tokens answer: these two show each token once.
    const many = options.quick ? 1000 : 4000
    await measure('tokenreview-unseen', { unit: 'req/s', repeat: 2 }, async () => http1(target, { requests: (await fresh(many)).map(review), connections: 32, once: true }))
    await measure('auth-unseen', { unit: 'req/s', repeat: 2 }, async () => http1(target, { requests: (await fresh(many)).map(use), connections: 32, once: true }))
    await measure('auth-badsignature', { unit: 'req/s' }, () => http1(target, { requests: pool.map((token) => use(token.slice(0, -8) + 'AAAAAAAA')), connections: 32, seconds: 4 }))
  },

  async tokenrequest({ target, prefix, measure }) {
    const ns = await namespace(target, `${prefix}-tokenrequest`)
    await create(target, `${ns}/serviceaccounts`, serviceAccount('one'))
    const request = { method: 'POST', path: `${ns}/serviceaccounts/one/token`, body: tokenRequest() }
    for (const connections of [1, 16, 64]) await measure(`tokenrequest-c${connections}`, { unit: 'req/s' }, () => http1(target, { requests: [request], connections, seconds: 4 }))
  },

  async create({ target, prefix, measure }) {
    const ns = await namespace(target, `${prefix}-create`)
    for (const connections of [1, 16, 128]) {
      await measure(`create-c${connections}`, { unit: 'writes/s' }, (turn) => http1(target, { requests: [{ method: 'POST', path: `${ns}/configmaps`, body: configMap(`c${connections}-${turn}-@SEQ@`) }], connections, seconds: 4 }))
    }
  },

  async update({ target, prefix, measure }) {
    const ns = await namespace(target, `${prefix}-update`)
    const names = Array.from({ length: 512 }, (_, i) => `cm-${i}`)
    await populate(target, `${ns}/configmaps`, 0, names.length, (i) => configMap(names[i], '00000'))
    const at16 = (requests) => http1(target, { requests, connections: 16, seconds: 4 })
    await measure('update-put-c16', { unit: 'writes/s' }, (turn) => at16(names.map((name) => ({ method: 'PUT', path: `${ns}/configmaps/${name}`, body: configMap(name, `u${turn}-@SEQ@`) }))))
    await measure('update-patch-c16', { unit: 'writes/s' }, (turn) => at16(names.map((name) => ({ method: 'PATCH', path: `${ns}/configmaps/${name}`, type: 'application/strategic-merge-patch+json', body: { data: { seq: `p${turn}-@SEQ@` } } }))))
    await measure('update-apply-c16', { unit: 'writes/s' }, (turn) => at16(names.map((name) => ({ method: 'PATCH', path: `${ns}/configmaps/${name}?fieldManager=bench&force=true`, type: 'application/apply-patch+yaml', body: configMap(name, `a${turn}-@SEQ@`) }))))
    await measure('update-put-unchanged-c16', { unit: 'writes/s' }, () => at16(names.map((name) => ({ method: 'PUT', path: `${ns}/configmaps/${name}`, body: configMap(name, 'same') }))))
  },

  /** W watchers of one namespace while ConfigMaps are made at concurrency 16. Latency: write ack to receipt; negative when the event wins. */
  async watch({ target, prefix, measure }) {
    for (const [watchers, writes] of [[10, 2000], [100, 2000], [500, 400]]) {
      await measure(`watch-w${watchers}`, { unit: 'deliveries/s' }, async (turn) => {
        const name = `${prefix}-watch-${watchers}-${turn}`
        const ns = await namespace(target, name)
        const worker = new Worker(new URL('watchers.mjs', import.meta.url), { workerData: { server: target.server, ca: target.ca, token: target.token, count: watchers, path: `${ns}/configmaps?watch=1` } })
        const answer = () => new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject) })
        await answer()
        const acknowledged = new Float64Array(writes)
        const read = meter(target), began = nowMs()
        await inParallel(0, writes, 16, async (i) => {
          const response = await target.call('POST', `${ns}/configmaps`, configMap(`cm-${i}`, String(i).padStart(5, '0')))
          acknowledged[i] = nowMs()
          if (response.status !== 201) throw new Error(response.body)
        })
        const writeSeconds = (nowMs() - began) / 1000
        for (const deadline = nowMs() + 30_000; nowMs() < deadline; await sleep(50)) {
          worker.postMessage('count')
          if ((await answer()).count >= writes * watchers) break
        }
        const cost = read(), memory = totalRssMiB(target)
        worker.postMessage('end')
        const { arrivals } = await answer()
        const latencies = [], first = began
        let last = began
        for (let i = 0; i < arrivals.length; i += 2) {
          latencies.push(arrivals[i + 1] - acknowledged[arrivals[i]])
          last = Math.max(last, arrivals[i + 1])
        }
        return {
          value: round(latencies.length / ((last - first) / 1000), 0), p50Ms: round(percentile(latencies, 50)), p99Ms: round(percentile(latencies, 99)), maxMs: round(percentile(latencies, 100)),
          failed: writes * watchers - latencies.length, writesPerSecond: round(writes / writeSeconds, 0), cpuPer1k: round((cost.cpuSeconds / latencies.length) * 1000),
          cpuShare: cost.cpuShare, rssMiB: round(memory, 1), otherCores: cost.otherCores,
        }
      })
    }
  },

  /** How long what was taken away still works. Ten runs each, deleted 0 to 9 s after the token's first use. */
  async revoke({ target, prefix, measure }) {
    const ns = await namespace(target, `${prefix}-revoke`)
    const runs = Array.from({ length: 10 }, (_, i) => i)
    const until = async (method, path, token, expected, pauseMs, limitMs = 30_000) => {
      for (const deadline = nowMs() + limitMs; nowMs() < deadline; ) {
        const began = nowMs()
        if ((await target.call(method, path, undefined, { token })).status === expected) return nowMs()
        await sleep(Math.max(0, pauseMs - (nowMs() - began)))
      }
      throw new Error(`${path}: no ${expected} in ${limitMs} ms`)
    }
    const summary = (latencies) => ({ value: round(percentile(latencies, 50), 1), minMs: round(Math.min(...latencies), 1), maxMs: round(Math.max(...latencies), 1), each: latencies.map((l) => round(l, 1)) })
    const revocation = async (kind, path) => {
      const latencies = new Array(runs.length)
      for (const half of [runs.filter((i) => i % 2 === 0), runs.filter((i) => i % 2)]) {
        const tokens = await Promise.all(half.map(async (i) => {
          await create(target, `${ns}/serviceaccounts`, serviceAccount(`${kind}-${i}`))
          if (kind === 'sa') return mint(target, ns, `${kind}-${i}`)
          const { metadata } = (await create(target, `${ns}/pods`, pod(`${kind}-${i}`, `${kind}-${i}`))).json()
          return mint(target, ns, `${kind}-${i}`, { apiVersion: 'v1', kind: 'Pod', name: metadata.name, uid: metadata.uid })
        }))
        await Promise.all(half.map(async (i, at) => {
          await until('GET', '/api', tokens[at], 200, 5)
          let deleted
          const gone = until('GET', '/api', tokens[at], 401, 5)
          await sleep(i * 1000)
          const answer = await target.call('DELETE', `${ns}/${path}/${kind}-${i}`, { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 })
          deleted = nowMs()
          if (answer.status !== 200) throw new Error(answer.body)
          latencies[i] = (await gone) - deleted
        }))
      }
      return summary(latencies)
    }
    await measure('revoke-serviceaccount', { unit: 'ms', lower: true, repeat: 1 }, () => revocation('sa', 'serviceaccounts'))
    await measure('revoke-pod', { unit: 'ms', lower: true, repeat: 1 }, () => revocation('pod', 'pods'))

    await create(target, `${ns}/serviceaccounts`, serviceAccount('grantee'))
    await create(target, `${RBAC}/namespaces/${prefix}-revoke/roles`, role('reader'))
    await create(target, `${ns}/configmaps`, configMap('probe', '00000'))
    const probe = `${ns}/configmaps/probe` // a named read: a LIST would measure its own freshness wait as well
    const token = await mint(target, ns, 'grantee'), bindings = `${RBAC}/namespaces/${prefix}-revoke/rolebindings`
    const effects = async (take, expected) => {
      const latencies = []
      for (let i = 0; i < 20; i++) {
        const granted = { ...roleBinding('b', `${prefix}-revoke`, 'grantee', 'reader') }
        if (!take) { await target.call('DELETE', `${bindings}/b`); await until('GET', probe, token, 403, 0) }
        else { await create(target, bindings, granted); await until('GET', probe, token, 200, 0) }
        await (take ? target.call('DELETE', `${bindings}/b`) : create(target, bindings, granted))
        const acknowledged = nowMs()
        latencies.push((await until('GET', probe, token, expected, 0)) - acknowledged)
      }
      return summary(latencies)
    }
    await measure('rbac-grant', { unit: 'ms', lower: true }, () => effects(false, 200))
    await measure('rbac-withdraw', { unit: 'ms', lower: true }, () => effects(true, 403))
  },

  /** Memory by objects; meant for a fresh server. */
  async memory({ target, prefix, options, measure }) {
    const ns = await namespace(target, `${prefix}-memory`)
    const steps = [
      ['10k-serviceaccounts', 10_000, `${ns}/serviceaccounts`, (i) => serviceAccount(`sa-${i}`)],
      ['10k-rolebindings', 10_000, `${RBAC}/namespaces/${prefix}-memory/rolebindings`, (i) => roleBinding(`rb-${i}`, `${prefix}-memory`, `sa-${i}`, 'reader')],
      ['configmaps', options.most, `${ns}/configmaps`, (i) => configMap(`cm-${i}`, '00000')],
    ]
    const settled = async () => { await sleep(6000); return totalRssMiB(target) }
    let before = await settled()
    await measure('memory-empty', { unit: 'MiB', lower: true, repeat: 1 }, () => ({ value: round(before, 1) }))
    for (const [name, wanted, path, object] of steps) {
      const read = meter(target), began = nowMs()
      let count = 0
      await inParallel(0, wanted, 48, async (i) => {
        if (nowMs() - began > LOAD_LIMIT_MS) return
        await create(target, path, object(i))
        count++
      })
      const seconds = (nowMs() - began) / 1000, cost = read(), after = await settled()
      await measure(`memory-${name}`, { unit: 'MiB', lower: true, repeat: 1 }, () => ({
        value: round(after, 1), count, bytesPerObject: round(((after - before) * 2 ** 20) / count, 0), loadSeconds: round(seconds, 1), loadPerSecond: round(count / seconds, 0),
        cpuPer1k: round((cost.cpuSeconds / count) * 1000), each: Object.fromEntries(target.pids.map((pid) => [processName(pid), { rssMiB: round(rssMiB(pid), 1), anonymousMiB: round(anonymousMiB(pid), 1) }])),
      }))
      before = after
    }
  },

  /** What a person at a terminal waits for. */
  async kubectl({ target, options, measure }) {
    const home = mkdtempSync(join(tmpdir(), 'bench-home-'))
    const kubeconfig = join(home, 'config'), result = join(home, 'result.json')
    writeFileSync(kubeconfig, JSON.stringify({
      apiVersion: 'v1', kind: 'Config', 'current-context': 'c', contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: 'production' } }],
      clusters: [{ name: 'c', cluster: { server: target.server, 'certificate-authority': target.ca } }], users: [{ name: 'u', user: { token: target.token } }],
    }))
    await namespace(target, 'production')
    const kubectl = `${options.kubectl} --kubeconfig=${kubeconfig}`
    const env = { ...process.env, HOME: home, KUBECACHEDIR: join(home, '.kube', 'cache') }
    const time = (command, prepare) => async () => {
      const read = meter(target)
      await run('hyperfine', ['-N', '--style=none', '--warmup=1', '--runs=10', `--export-json=${result}`, ...(prepare ? ['--prepare', prepare] : []), `${kubectl} ${command}`], { env, stdio: ['ignore', 'pipe', 'pipe'] })
      const { times } = JSON.parse(readFileSync(result)).results[0]
      return { value: round(percentile(times, 50) * 1000, 0), minMs: round(Math.min(...times) * 1000, 0), maxMs: round(Math.max(...times) * 1000, 0), otherCores: read().otherCores }
    }
    const forget = `rm -rf ${env.KUBECACHEDIR}`
    const how = { unit: 'ms', lower: true }
    try {
      await measure('kubectl-get-sa', how, time('get sa'))
      await measure('kubectl-get-sa-cold', how, time('get sa', forget))
      await measure('kubectl-create-token', how, time('create token default'))
      await measure('kubectl-apply-new', how, time(`apply -f ${GUIDE}`, `${kubectl} delete --ignore-not-found -f ${GUIDE}`))
      await measure('kubectl-apply-unchanged', how, time(`apply -f ${GUIDE}`))
      await measure('kubectl-apply-unchanged-cold', how, time(`apply -f ${GUIDE}`, forget))
      await measure('kubectl-auth-can-i', how, time('auth can-i create configmaps --as=system:serviceaccount:production:deploy-bot', undefined))
    } finally {
      rmSync(home, { recursive: true })
    }
  },
}

/** SubjectAccessReviews of an account that has one RoleBinding, while bindings of others grow from none to `options.most`. */
async function reviewsAgainst({ target, prefix, options, measure }, kind, other) {
  const name = `${prefix}-${kind}`
  const ns = await namespace(target, name)
  await create(target, `${RBAC}/namespaces/${name}/roles`, role('reader'))
  await create(target, `${RBAC}/namespaces/${name}/rolebindings`, roleBinding('mine', name, 'one', 'reader'))
  await create(target, `${ns}/serviceaccounts`, serviceAccount('one'))
  for (let i = 1; i < OTHER_NAMESPACES; i++) await namespace(target, `${name}-${i}`)
  const review = (verb) => ({
    method: 'POST', path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    body: {
      apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview',
      spec: {
        user: `system:serviceaccount:${name}:one`, groups: ['system:serviceaccounts', `system:serviceaccounts:${name}`, 'system:authenticated'],
        resourceAttributes: { namespace: name, verb, resource: 'configmaps', name: 'x' },
      },
    },
  })
  let have = 0
  for (const count of [0, 1000, 10_000, 100_000].filter((n) => n < options.most).concat(options.most)) {
    const label = count ? `${count / 1000}k-${kind}` : `0-${kind}`
    if (count > have) {
      const read = meter(target), began = nowMs(), added = count - have
      await inParallel(have, count, 48, (i) => create(target, ...other(name, i)))
      const seconds = (nowMs() - began) / 1000, cost = read()
      await measure(`load-${label}`, { unit: 'writes/s', repeat: 1 }, () => ({ value: round(added / seconds, 0), cpuPer1k: round((cost.cpuSeconds / added) * 1000), rssMiB: round(totalRssMiB(target), 1), otherCores: cost.otherCores }))
      have = count
      await sleep(3000)
    }
    for (const [verb, allowed] of [['get', true], ['delete', false]]) {
      const { status } = (await target.call('POST', review(verb).path, review(verb).body)).json()
      if (status.allowed !== allowed) throw new Error(`SubjectAccessReview ${verb}: allowed is ${status.allowed}`)
    }
    await measure(`sar${label}-allowed-c16`, { unit: 'req/s' }, () => http1(target, { requests: [review('get')], connections: 16, seconds: 3 }))
    await measure(`sar${label}-denied-c16`, { unit: 'req/s' }, () => http1(target, { requests: [review('delete')], connections: 16, seconds: 3 }))
    await measure(`sar${label}-allowed-c1`, { unit: 'req/s' }, () => http1(target, { requests: [review('get')], connections: 1, seconds: 2 }))
  }
}
