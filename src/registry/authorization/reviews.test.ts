import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../api/object.ts'
import { isStatusError } from '../../api/status.ts'
import type { UserInfo } from '../../authentication/user.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import { nodeAuthorizer } from '../../authorization/node.ts'
import { NodeGraph } from '../../authorization/node-graph.ts'
import { rbacAuthorizer } from '../../authorization/rbac.ts'
import { systemMastersAuthorizer } from '../../authorization/systemmasters.ts'
import { unionAuthorizer } from '../../authorization/union.ts'
import { bootstrapObjects } from '../../rbac/bootstrap.ts'
import { RbacIndex } from '../../rbac/index.ts'
import type { Action, World } from '../resource.ts'
import { authorizationDefinitions } from './definitions.ts'

const GOLDEN = join(import.meta.dirname, '../../../test/golden')

interface Step {
  method: string
  path: string
  body: any
  name: string
  as?: string
}

interface Recorded {
  step: string
  request?: string
  response?: { status: number; body: any }
}

const identities: Record<string, UserInfo> = {
  admin: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
  alice: { username: 'alice', groups: ['devs', 'system:authenticated'] },
  bob: { username: 'bob', groups: ['ops', 'system:authenticated'] },
  node1: { username: 'system:node:node-001', groups: ['system:nodes', 'system:authenticated'] },
}

const robot: UserInfo = {
  username: 'system:serviceaccount:g-ssrr:robot',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:g-ssrr', 'system:authenticated'],
}

async function scenario(name: string): Promise<{ steps: Step[]; recorded: Recorded[] }> {
  const step = (method: string) => (path: string, body: unknown, options: object) => ({ method, path, body, ...options })
  const bare = (method: string) => (path: string, options: object) => ({ method, path, body: undefined, ...options })
  const until = (one: object, _condition: unknown, options: object) => ({ ...one, ...options })
  const tools = { post: step('POST'), del: step('DELETE'), get: bare('GET'), until, sleep: () => ({ method: 'SLEEP', path: '', name: '' }) }
  const { default: make } = await import(join(GOLDEN, `scenarios/${name}.mjs`))
  const { exchanges } = JSON.parse(readFileSync(join(GOLDEN, `recordings/${name}.json`), 'utf8'))
  return { steps: make(tools).steps, recorded: exchanges }
}

function apply(index: RbacIndex, { kind, metadata, rules, roleRef, subjects }: KubeObject, namespace: string): void {
  const name = metadata?.name ?? ''
  if (kind?.endsWith('Role')) index.setRole(namespace, name, rules ?? [])
  else index.setBinding(namespace, name, { roleRef, subjects: subjects ?? [] })
}

async function review(authorizer: Authorizer, path: string, body: any, user: UserInfo): Promise<{ status: number; body: any }> {
  const [, namespace = '', resource = ''] = /v1\/(?:namespaces\/([^/]+)\/)?([a-z]+)(?:\?|$)/.exec(path) ?? []
  const definition = authorizationDefinitions.find((one) => one.resource === resource)
  const world = { authorizer } as World // reviews use nothing else of it
  const action = { world, user, namespace, validateAdmission: async () => {} } as unknown as Action
  const metadata = { ...body.metadata, ...(namespace !== '' && { namespace: body.metadata?.namespace ?? namespace }) }
  try {
    return { status: 201, body: await definition!.action!.create(action, { ...structuredClone(body), metadata }) }
  } catch (error) {
    if (isStatusError(error)) return { status: error.code, body: error.status }
    throw error
  }
}

/** Without what the generic verbs add. */
function comparable({ status, body }: { status: number; body: any }): unknown {
  const text = JSON.stringify(body ?? null, (key, value) => (key === 'managedFields' || value === '' ? undefined : value))
  return { status, body: JSON.parse(text.replace(/,\\"managedFields\\":\[.*?\]\}/g, '}').replace(/,\\"managedFields\\":\[.*?\]/g, '')) }
}

/** Answers of authorization and of the router, which stand before a review. */
function isBeforeTheReview({ status, body }: { status: number; body: any }): boolean {
  return (
    status === 405 ||
    status === 404 ||
    / cannot create resource /.test(body?.message ?? '') ||
    /strict decoding|does not match the namespace sent/.test(body?.message ?? '')
  )
}

describe.each(['access-reviews', 'rules-reviews'])('reviews as recorded from kube-apiserver: %s', async (name) => {
  const { steps, recorded } = await scenario(name)
  const index = new RbacIndex()
  for (const object of bootstrapObjects()) apply(index, object, object.metadata?.namespace ?? '')
  const authorizer = unionAuthorizer([systemMastersAuthorizer, nodeAuthorizer(new NodeGraph()), rbacAuthorizer(index)])
  for (const step of steps) {
    const answer = recorded.find(({ step: one, request }) => one === step.name && request === `${step.method} ${step.path}`)?.response
    if (answer === undefined || step.method !== 'POST') continue
    if (step.path.includes('rbac.authorization.k8s.io')) {
      test(`${step.name} (setup)`, () => apply(index, step.body, /namespaces\/([^/]+)/.exec(step.path)?.[1] ?? ''))
      continue
    }
    if (isBeforeTheReview(answer)) continue
    test(step.name, async () => {
      const user = step.name === 'an account, impersonated' ? robot : identities[step.as ?? 'admin']!
      const got: any = comparable(await review(authorizer, step.path, step.body, user))
      const want: any = comparable(answer)
      if (name === 'rules-reviews' && got.body.status?.resourceRules) {
        // A real server lists bindings in any order.
        for (const status of [got.body.status, want.body.status])
          for (const list of ['resourceRules', 'nonResourceRules'])
            status[list] = status[list].map((rule: object) => JSON.stringify(rule, Object.keys(rule).sort())).sort()
      }
      expect(got).toEqual(want)
    })
  }
})

describe('SubjectAccessReview', () => {
  const ask = async (resourceAttributes: object, decide: Authorizer['authorize'] = () => ({ decision: 'noOpinion', reason: '' })) => {
    const body = { kind: 'SubjectAccessReview', spec: { user: 'u', resourceAttributes } }
    return (await review({ name: 'x', authorize: decide }, 'v1/subjectaccessreviews', body, identities['admin']!)).body.status
  }

  test('gives authorizers the part of a selector that it understands, and says that it is a part', async () => {
    let seen: unknown
    const fieldSelector = {
      requirements: [
        { key: 'a', operator: 'In', values: ['b'] },
        { key: 'c', operator: 'Exists' },
      ],
    }
    const status = await ask({ fieldSelector }, ({ fieldSelector: given, selectorErrors }) => {
      seen = { given, selectorErrors }
      return { decision: 'noOpinion', reason: '' }
    })
    const text = 'spec.resourceAttributes.fieldSelector partially ignored due to parse error'
    expect(seen).toEqual({ given: [{ key: 'a', operator: 'In', values: ['b'] }], selectorErrors: [text] })
    expect(status).toEqual({ allowed: false, evaluationError: text })
  })

  test('tells a denial from no opinion, and keeps the error of an authorizer', async () => {
    expect(await ask({}, () => ({ decision: 'deny', reason: 'no', evaluationError: 'e' }))).toEqual({
      allowed: false,
      denied: true,
      reason: 'no',
      evaluationError: 'e',
    })
  })

  test('asks about any version when none is given', async () => {
    let version = ''
    await ask({}, ({ apiVersion }) => {
      version = apiVersion
      return { decision: 'noOpinion', reason: '' }
    })
    expect(version).toBe('*')
  })
})
