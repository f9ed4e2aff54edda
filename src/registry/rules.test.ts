/**
 * What the strategies of single kinds say, against recorded answers of kube-apiserver 1.36.2.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isStatusError } from '../api/status.ts'
import { tableColumns, tableRow } from '../server/table.ts'
import { decodeAt } from './endpoint.ts'
import { registry } from './testdata/registry.ts'
import { type Answer, type Answers, answerOf, type Body, type Rule, rules, tableOf } from './testdata/rules.ts'
import type { VerbContext, Verbs } from './verbs/context.ts'
import { create } from './verbs/create.ts'
import { update } from './verbs/update.ts'

const recorded: Record<string, Answers> = JSON.parse(readFileSync(join(import.meta.dirname, 'testdata/rules.json'), 'utf8'))

function endpointOf({ path }: Rule) {
  const [, group = '', version = '', namespace = '', resource = ''] =
    /^(?:api|apis\/([^/]+))\/([^/]+)\/(?:namespaces\/([^/]+)\/)?([^/]+)$/.exec(path) ?? []
  return { group, version, namespace, resource, id: group === '' ? `v1/${resource}` : `${group}/${version}/${resource}` }
}

/** Answers as HTTP would carry them. */
async function send(verbs: Verbs, verb: typeof create, rule: Rule, body: Body, name: string): Promise<Answer> {
  const { group, version, namespace, resource } = endpointOf(rule)
  const endpoint = verbs.registry.endpoint(group, version, resource)!
  const { deprecated } = endpoint.definition
  const warnings = deprecated === undefined ? [] : [deprecated]
  const context: VerbContext = {
    verbs,
    user: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
    namespace,
    name,
    subresource: name === '' ? '' : (rule.subresource ?? ''),
    query: new URLSearchParams(),
    contentType: 'application/json',
    userAgent: 'test',
    remoteAddress: '',
    body: async () => Buffer.from(JSON.stringify(body)),
    nowMs: verbs.world.clock.nowMs(),
    warn: (text) => warnings.push(text),
    annotate: () => {},
    signal: () => new AbortController().signal,
  }
  try {
    const result = await verb(context, endpoint)
    if (result.kind !== 'object') throw new TypeError(`answered a ${result.kind}`)
    const object = result.object ?? decodeAt(endpoint, result.cached!)
    return answerOf(result.code, { ...object, apiVersion: endpoint.apiVersion, kind: endpoint.gvk.kind }, warnings)
  } catch (error) {
    if (!isStatusError(error)) throw error
    return answerOf(error.status.code ?? 0, error.status, warnings)
  }
}

describe('what kube-apiserver answers to a write', () => {
  test.each(rules)('$name', async (rule) => {
    const verbs = await registry()
    const expected = recorded[rule.name]!
    expect(await send(verbs, create, rule, rule.create, '')).toEqual(expected.create)
    if (expected.table === undefined) return
    const { group, version, namespace, resource, id } = endpointOf(rule)
    const { definition } = verbs.registry.endpoint(group, version, resource)!
    const made = verbs.access.get(id, { namespace, name: (rule.create['metadata'] as { name: string }).name })!
    expect(tableOf(tableColumns(definition, verbs.world), tableRow(definition, made, 'None', 'v1', verbs.world).cells)).toEqual(
      expected.table,
    )
    if (rule.update === undefined) return
    const name = (rule.create['metadata'] as { name: string }).name
    const { resourceVersion } = verbs.access.get(endpointOf(rule).id, { namespace: endpointOf(rule).namespace, name })!.metadata!
    const body = { ...rule.update, metadata: { ...(rule.update['metadata'] as object), resourceVersion } }
    expect(await send(verbs, update, rule, body, name)).toEqual(expected.update)
  })
})
