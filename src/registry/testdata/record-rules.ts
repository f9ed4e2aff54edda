/**
 * Writes `rules.json`: what a running kube-apiserver answers to `rules.ts`.
 *
 *     node src/registry/testdata/record-rules.ts https://127.0.0.1:6443 admin.crt admin.key
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { type Answers, answerOf, rules, tableOf } from './rules.ts'

const [server = '', certificate = '', key = ''] = process.argv.slice(2)
const credentials = { cert: readFileSync(certificate), key: readFileSync(key), rejectUnauthorized: false }

function send(
  method: string,
  path: string,
  body?: unknown,
  type = 'application/json',
  accept = 'application/json',
): Promise<{ status: number; body: any; warnings: string[] }> {
  const payload = body === undefined ? '' : JSON.stringify(body)
  const headers = { accept, 'content-type': type, 'content-length': Buffer.byteLength(payload) }
  return new Promise((resolve, reject) => {
    const sent = request(`${server}/${path}`, { method, ...credentials, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const warnings = [...(response.headers.warning ?? '').matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text]) =>
          JSON.parse(`"${text}"`),
        )
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()), warnings })
      })
    })
    sent.on('error', reject)
    sent.end(payload)
  })
}

const answers: Record<string, Answers> = {}
for (const { name, path, create, update, subresource = '' } of rules) {
  const made = await send('POST', path, create)
  const answer: Answers = { create: answerOf(made.status, made.body, made.warnings) }
  answers[name] = answer
  if (made.status !== 201) continue
  const at = `${path}/${made.body.metadata.name}`
  const printed = await send('GET', at, undefined, undefined, 'application/json;as=Table;v=v1;g=meta.k8s.io')
  answer.table = tableOf(printed.body.columnDefinitions, printed.body.rows[0].cells)
  if (update !== undefined) {
    const { resourceVersion } = made.body.metadata
    const body = { ...update, metadata: { ...(update['metadata'] as object), resourceVersion } }
    const changed = await send('PUT', subresource === '' ? at : `${at}/${subresource}`, body)
    answer.update = answerOf(changed.status, changed.body, changed.warnings)
  }
  await send('PATCH', at, { metadata: { finalizers: null } }, 'application/merge-patch+json')
  await send('DELETE', at, { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 })
  if (made.body.kind === 'Namespace')
    await send('PUT', `${at}/finalize`, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: made.body.metadata.name }, spec: {} })
}
writeFileSync(join(import.meta.dirname, 'rules.json'), `${JSON.stringify(answers, undefined, 1)}\n`)
