/**
 * Random histories of RBAC objects, questions in between, and what the naive evaluator and the index disagree on. Imported by tests only.
 *
 * @module
 */
import type { PolicyRule } from '../api/types/rbac/v1.ts'
import { anyNamespace, anyQuestion, anyRoleRef, anyRules, anySubjects, BINDING_NAMES, pick, type Random, ROLE_NAMES } from './arbitrary.ts'
import { describeGrant, RbacIndex } from './index.ts'
import { type NaiveBinding, type NaiveQuestion, naiveDecision } from './naive.ts'

export interface History {
  index: RbacIndex
  clusterRoles: Map<string, PolicyRule[]>
  roles: Map<string, PolicyRule[]>
  bindings: Map<string, NaiveBinding>
}

export function emptyHistory(): History {
  return { index: new RbacIndex(), clusterRoles: new Map(), roles: new Map(), bindings: new Map() }
}

/** One random creation, change or deletion, told to both. */
export function randomEvent(history: History, random: Random, told: Pick<RbacIndex, 'setRole' | 'setBinding'> = history.index): void {
  const { clusterRoles, roles, bindings } = history
  const namespace = anyNamespace(random)
  const gone = random() < 0.35
  if (random() < 0.5) {
    const name = pick(random, ROLE_NAMES)
    const rules = gone ? undefined : anyRules(random)
    const [map, key] = namespace === '' ? [clusterRoles, name] : [roles, `${namespace}/${name}`]
    if (rules === undefined) map.delete(key)
    else map.set(key, rules)
    told.setRole(namespace, name, rules)
    return
  }
  const name = pick(random, BINDING_NAMES)
  const binding = gone ? undefined : { namespace, name, roleRef: anyRoleRef(random), subjects: anySubjects(random) }
  if (binding === undefined) bindings.delete(`${namespace}/${name}`)
  else bindings.set(`${namespace}/${name}`, binding)
  told.setBinding(namespace, name, binding)
}

/** The index made from the present objects only, in an order of its own. */
export function fromScratch({ clusterRoles, roles, bindings }: History): RbacIndex {
  const index = new RbacIndex()
  for (const { namespace, name, roleRef, subjects } of [...bindings.values()].reverse())
    index.setBinding(namespace, name, { roleRef, subjects })
  for (const [key, rules] of roles) index.setRole(key.slice(0, key.lastIndexOf('/')), key.slice(key.lastIndexOf('/') + 1), rules)
  for (const [name, rules] of clusterRoles) index.setRole('', name, rules)
  return index
}

/** Undefined when both agree on the decision, and the binding named is one that grants. */
export function disagreement({ index, clusterRoles, roles, bindings }: History, question: NaiveQuestion): string | undefined {
  const want = naiveDecision({ clusterRoles, roles, bindings: [...bindings.values()] }, question)
  const got = index.decide(question, question.namespace, question)
  if (got.allowed !== want.granters.length > 0)
    return `${JSON.stringify(question)}: got ${JSON.stringify(got)}, granted by ${want.granters}`
  if (!got.allowed)
    return got.errors.length > 0 === want.dangling.length > 0
      ? undefined
      : `${JSON.stringify(question)}: errors ${got.errors}, dangling ${want.dangling}`
  const reasons = want.granters.map((id) => `RBAC: allowed by ${describeGrant(bindings.get(id)!, question)}`) // granters are keys of this map
  return reasons.includes(got.reason) ? undefined : `${JSON.stringify(question)}: ${got.reason} is none of ${reasons}`
}

/** Asks `count` questions over a random history; answers the disagreements. */
export function compareDecisions(random: Random, count: number): string[] {
  const history = emptyHistory()
  const found: string[] = []
  for (let asked = 0; asked < count; asked++) {
    if (asked % 20 === 0) for (let i = 0; i < 5; i++) randomEvent(history, random)
    const text = disagreement(history, anyQuestion(random))
    if (text !== undefined) found.push(text)
  }
  return found
}
