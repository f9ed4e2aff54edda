/**
 * who-can over 50,000 bindings: once where few answer, once where all do. Run: node src/analysis/access-model.bench.ts
 *
 * @module
 */
import { AccessModel, type AccessQuestion } from './access-model.ts'

const BINDINGS = 50_000
const question: AccessQuestion = {
  verb: 'get',
  isResource: true,
  apiGroup: '',
  resource: 'secrets',
  subresource: '',
  name: '',
  path: '',
  namespace: 'n1',
}

function modelOf(roles: number): AccessModel {
  const rules = (i: number) => [
    { apiGroups: [''], resources: [i === 0 ? 'secrets' : 'pods'], verbs: ['get'] },
    { apiGroups: ['apps'], resources: ['deployments'], verbs: ['*'] },
  ]
  return AccessModel.of({
    clusterRoles: Array.from({ length: roles }, (_, i) => ({ metadata: { name: `r${i}` }, rules: rules(i) })),
    roles: [],
    clusterRoleBindings: Array.from({ length: BINDINGS }, (_, i) => ({
      metadata: { name: `b${i}` },
      roleRef: { kind: 'ClusterRole', name: `r${i % roles}` },
      subjects: [{ kind: 'ServiceAccount', namespace: `n${i % 100}`, name: `s${i}` }],
    })),
    roleBindings: [],
  })
}

for (const roles of [1000, 1]) {
  const loading = performance.now()
  const model = modelOf(roles)
  const loaded = performance.now()
  const times = Array.from({ length: 15 }, () => {
    const start = performance.now()
    model.whoCan(question)
    return performance.now() - start
  })
  console.log(
    `${BINDINGS} bindings of ${roles} roles: loaded in ${(loaded - loading).toFixed(0)} ms, first ${times[0]!.toFixed(2)} ms, median ${times.sort((a, b) => a - b)[7]!.toFixed(2)} ms`,
  )
}
