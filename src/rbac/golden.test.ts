import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import { aggregateErrors } from '../api/aggregate.ts'
import type { KubeObject } from '../api/object.ts'
import { aggregatedRules, sameRules } from './aggregation.ts'
import { bootstrapObjects } from './bootstrap.ts'
import { RbacIndex } from './index.ts'

const GOLDEN = join(import.meta.dirname, '../../test/golden')

/** Fills aggregated roles until nothing changes, as the controller does. */
function aggregate(objects: KubeObject[]): void {
  const clusterRoles = objects.filter(({ kind }) => kind === 'ClusterRole')
  for (let changed = true; changed; ) {
    changed = false
    for (const role of clusterRoles) {
      const rules = aggregatedRules(role, clusterRoles)
      if (rules === undefined || sameRules(rules, role['rules'])) continue
      role['rules'] = rules
      changed = true
    }
  }
}

function indexOf(objects: readonly KubeObject[]): RbacIndex {
  const index = new RbacIndex()
  for (const { kind, metadata, rules, roleRef, subjects } of objects) {
    const { namespace = '', name = '' } = metadata ?? {}
    if (kind?.endsWith('Role')) index.setRole(namespace, name, rules ?? [])
    else index.setBinding(namespace, name, { roleRef, subjects: subjects ?? [] })
  }
  return index
}

function answer(index: RbacIndex, spec: any): { allowed: boolean; reason: string } {
  const { user, groups, resourceAttributes: resource, nonResourceAttributes: nonResource } = spec
  if (groups.includes('system:masters')) return { allowed: true, reason: '' }
  const request = {
    verb: (resource ?? nonResource).verb ?? '',
    isResource: resource !== undefined,
    apiGroup: resource?.group ?? '',
    resource: resource?.resource ?? '',
    subresource: resource?.subresource ?? '',
    name: resource?.name ?? '',
    path: nonResource?.path ?? '',
  }
  const decision = index.decide({ username: user, groups }, resource?.namespace ?? '', request)
  if (decision.allowed) return decision
  return { allowed: false, reason: decision.errors.length === 0 ? '' : `RBAC: ${aggregateErrors(decision.errors)}` }
}

describe('RBAC decisions recorded from kube-apiserver', () => {
  for (let seed = 1; seed <= 10; seed++) {
    test(`of seed ${seed} are the same here, with reasons`, { timeout: 60_000 }, () => {
      const want = JSON.parse(readFileSync(join(GOLDEN, `rbac-decisions/seed-${seed}.json`), 'utf8'))
      const script = [join(GOLDEN, 'rbac-fuzz.mjs'), 'print', '--seed', String(seed), '--questions', String(want.questions)]
      const { objects, questions } = JSON.parse(execFileSync(process.execPath, script, { encoding: 'utf8', maxBuffer: 1 << 28 }))
      const all = [...bootstrapObjects(), ...objects]
      aggregate(all)
      const index = indexOf(all)
      const bits = Buffer.from(want.allowed, 'base64')
      const answers = questions.map((spec: unknown) => answer(index, spec))
      const wrong = answers.flatMap(
        ({ allowed }: { allowed: boolean }, i: number) => (allowed === (((bits[i >> 3]! >> (i & 7)) & 1) === 1) ? [] : [questions[i]]), // one bit for each question
      )
      expect(wrong).toEqual([])
      // A real server visits bindings of one scope in any order, so of several that grant any may have been recorded.
      const scope = (reason: string) => /^RBAC: allowed by (\w+)/.exec(reason)?.[1] ?? reason
      const strange = (want.details as { reasons: string[] }[]).flatMap(({ reasons }, i) =>
        reasons.some((recorded) => scope(recorded) === scope(answers[i].reason)) ? [] : [[reasons, answers[i].reason]],
      )
      expect(strange).toEqual([])
    })
  }
})
