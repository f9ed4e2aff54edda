import { afterEach, describe, expect, test } from 'vitest'
import { type KubeObject, metaOf } from '../api/object.ts'
import { isStatusError, type Status } from '../api/status.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { layoutCodec } from '../cache/layout.ts'
import type { AdmissionRequest } from './admission.ts'
import type { PolicyCheck } from './policy-checks.ts'
import { authorizerThat, openWorld, type TestWorld } from './testdata.ts'
import { validatingAdmissionPolicy } from './validatingpolicy.ts'
import type { ObjectInterfaces } from './webhook-objects.ts'

const POLICIES = 'admissionregistration.k8s.io/v1/validatingadmissionpolicies'
const BINDINGS = 'admissionregistration.k8s.io/v1/validatingadmissionpolicybindings'
const PODS = { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['*'], resources: ['pods'] }] }

let world: TestWorld
afterEach(() => world.cache.close())

interface Setting {
  policy?: Record<string, unknown>
  binding?: Record<string, unknown>
  params?: readonly KubeObject[]
  object?: KubeObject
  request?: Partial<AdmissionRequest>
  authorizer?: Authorizer
}

interface Outcome {
  status: Status | undefined
  warnings: string[]
  annotations: Record<string, string>
  /** What was counted: `deny invalid_error`. */
  checks: string[]
}

async function admit({
  policy = {},
  binding = {},
  params = [],
  object,
  request: change = {},
  authorizer: given,
}: Setting): Promise<Outcome> {
  world = await openWorld([['v1/namespaces', { metadata: { name: 'app', labels: { team: 'a' } } }]])
  for (const id of [POLICIES, BINDINGS]) await world.cache.register(id, `/${id}/`, layoutCodec())
  await world.put(POLICIES, { kind: 'ValidatingAdmissionPolicy', metadata: { name: 'p' }, spec: { matchConstraints: PODS, ...policy } })
  await world.put(BINDINGS, {
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'b' },
    spec: { policyName: 'p', validationActions: ['Deny'], ...binding },
  })
  const objects: ObjectInterfaces = {
    equivalents: () => [],
    convert: (one) => one,
    schema: () => undefined,
    setDefaults: () => {},
    parameters: (apiVersion, kind) =>
      kind === 'ConfigMap' && apiVersion === 'v1'
        ? {
            namespaced: true,
            get: (namespace, name) => params.find((one) => metaOf(one).name === name && metaOf(one).namespace === namespace),
            list: (namespace) => params.filter((one) => metaOf(one).namespace === namespace),
          }
        : undefined,
  }
  const authorizer = given ?? authorizerThat((verb) => verb === 'get')
  const checks: string[] = []
  const checked = (_: string, { action, errorType }: PolicyCheck) => checks.push(`${action} ${errorType}`)
  const plugin = validatingAdmissionPolicy({ cache: world.cache, objects, authorizer, checked })
  const warnings: string[] = []
  const annotations: Record<string, string> = {}
  const request: AdmissionRequest = {
    operation: 'CREATE',
    group: '',
    version: 'v1',
    resource: 'pods',
    subresource: '',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    namespace: 'app',
    name: 'web',
    object: object ?? {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'web', namespace: 'app', labels: { app: 'web' } },
      spec: { serviceAccountName: 'default', containers: [{ name: 'c' }] },
    },
    oldObject: undefined,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    user: { username: 'jane', groups: ['g'] },
    dryRun: false,
    warn: (text) => warnings.push(text),
    annotate: (key, value) => {
      annotations[key] = value
    },
    ...change,
  }
  let status: Status | undefined
  try {
    if (plugin.handles(request)) await plugin.validate?.(request)
  } catch (error) {
    if (!isStatusError(error)) throw error
    status = error.status
  }
  return { status, warnings, annotations, checks }
}

const validation = (expression: string, more: object = {}) => ({ validations: [{ expression, ...more }] })
const NO_DEFAULT = validation("object.spec.serviceAccountName != 'default'")

describe('a policy', () => {
  test('refuses what its expression does not hold for', async () => {
    const text = `ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: object.spec.serviceAccountName != 'default'`
    expect((await admit({ policy: NO_DEFAULT })).status).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `pods "web" is forbidden: ${text}`,
      reason: 'Invalid',
      details: { name: 'web', kind: 'pods', causes: [{ message: text }] },
      code: 422,
    })
  })

  test.each<[string, object, number, string]>([
    ['its message', { message: ' use another ' }, 422, 'use another'],
    ['its reason', { reason: 'Forbidden' }, 403, "failed expression: object.spec.serviceAccountName != 'default'"],
    ['its message expression', { messageExpression: "'not ' + object.spec.serviceAccountName", message: 'fixed' }, 422, 'not default'],
    ['its message when the expression for it fails', { messageExpression: 'object.nothing', message: 'fixed' }, 422, 'fixed'],
    ['its message when the expression for it makes two lines', { messageExpression: "'a\\nb'", message: 'fixed' }, 422, 'fixed'],
  ])('says %s', async (_, more, code, text) => {
    const { status } = await admit({ policy: validation("object.spec.serviceAccountName != 'default'", more) })
    expect([status?.code, status?.message]).toEqual([
      code,
      `pods "web" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ${text}`,
    ])
  })

  test.each([
    ["namespaceObject.metadata.labels.team == 'a' && namespaceObject.metadata.name == 'app'"],
    ["request.namespace == 'app' && request.operation == 'CREATE' && oldObject == null && request.userInfo.groups == ['g']"],
    ["authorizer.requestResource.check('get').allowed() && !authorizer.requestResource.check('delete').allowed()"],
    ["object.metadata.labels.all(k, k.matches('^[a-z]+$')) && object.spec.containers.size() == 1"],
  ])('sees %s', async (expression) => {
    expect((await admit({ policy: validation(expression) })).status).toBeUndefined()
  })

  test('has variables, each seeing those before it', async () => {
    const variables = [
      { name: 'account', expression: 'object.spec.serviceAccountName' },
      { name: 'fine', expression: "variables.account != 'default'" },
      { name: 'broken', expression: 'object.nothing' },
    ]
    expect((await admit({ policy: { variables, ...validation('!variables.fine') } })).status).toBeUndefined()
    expect((await admit({ policy: { variables, ...validation('variables.broken') } })).status?.message).toContain(
      `expression 'variables.broken' resulted in error: composited variable "broken" fails to evaluate: no such key: nothing`,
    )
    const backwards = [
      { name: 'a', expression: 'variables.b' },
      { name: 'b', expression: '1' },
    ]
    expect((await admit({ policy: { variables: backwards, ...validation('variables.a == 1') } })).status?.message).toContain(
      'no such key: b',
    )
  })

  test.each([
    ['object.nothing', "expression 'object.nothing' resulted in error: no such key: nothing"],
    [
      'object.spec.',
      "compilation error: compilation failed: ERROR: <input>:1:13: Syntax error: no viable alternative at input '.'\n | object.spec.\n | ............^",
    ],
  ])('that cannot be evaluated (%s) fails as its policy says', async (expression, message) => {
    const closed = await admit({ policy: validation(expression) })
    expect([closed.status?.code, closed.status?.message]).toEqual([
      422,
      `pods "web" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ${message}`,
    ])
    expect((await admit({ policy: { failurePolicy: 'Ignore', ...validation(expression) } })).status).toBeUndefined()
  })

  test('that costs too much is refused', async () => {
    const list = `[${Array.from({ length: 300 }, (_, i) => i).join(', ')}]`
    const loops = `${list}.all(a, ${list}.all(b, ${list}.all(c, a + b + c >= 0)))`
    expect((await admit({ policy: validation(loops) })).status?.message).toContain('actual cost limit exceeded')
    const many = { validations: Array.from({ length: 12 }, () => ({ expression: loops })) }
    expect((await admit({ policy: many })).status?.message).toContain('cost')
  })

  test('is not asked when a match condition does not hold', async () => {
    const matchConditions = [{ name: 'one', expression: "object.metadata.labels.app != 'web'" }]
    expect((await admit({ policy: { matchConditions, ...NO_DEFAULT } })).status).toBeUndefined()
    const failing = [{ name: 'one', expression: 'object.nothing' }]
    expect((await admit({ policy: { matchConditions: failing, ...NO_DEFAULT } })).status?.message).toContain('no such key: nothing')
  })

  test('is for the resources, names, namespaces and objects that it and its binding name', async () => {
    const names = (...resourceNames: string[]) => ({ resourceRules: [{ ...PODS.resourceRules[0], resourceNames }] })
    expect((await admit({ policy: NO_DEFAULT, binding: { matchResources: names('web') } })).status?.code).toBe(422)
    expect((await admit({ policy: NO_DEFAULT, binding: { matchResources: names('other') } })).status).toBeUndefined()
    expect(
      (await admit({ policy: NO_DEFAULT, binding: { matchResources: { namespaceSelector: { matchLabels: { team: 'b' } } } } })).status,
    ).toBeUndefined()
    expect(
      (await admit({ policy: NO_DEFAULT, binding: { matchResources: { objectSelector: { matchLabels: { app: 'web' } } } } })).status?.code,
    ).toBe(422)
    expect(
      (await admit({ policy: NO_DEFAULT, binding: { matchResources: { excludeResourceRules: PODS.resourceRules } } })).status,
    ).toBeUndefined()
    expect((await admit({ policy: NO_DEFAULT, request: { resource: 'services' } })).status).toBeUndefined()
  })

  test('without a binding is not in force', async () => {
    expect((await admit({ policy: NO_DEFAULT, binding: { policyName: 'other' } })).status).toBeUndefined()
  })

  test('is never asked about reviews and admission configurations', async () => {
    const everything = { resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }] }
    const policy = { matchConstraints: everything, ...validation('false') }
    expect((await admit({ policy, request: { group: 'authentication.k8s.io', resource: 'tokenreviews' } })).status).toBeUndefined()
    expect((await admit({ policy, request: { group: 'podpass.dev', resource: 'tokenrevocations' } })).status).toBeUndefined()
    const kind = { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingAdmissionPolicy' }
    expect((await admit({ policy, request: { group: kind.group, resource: 'validatingadmissionpolicies', kind } })).status).toBeUndefined()
    expect((await admit({ policy })).status?.code).toBe(422)
  })

  test('publishes audit annotations', async () => {
    const auditAnnotations = [
      { key: 'account', valueExpression: "'is ' + object.spec.serviceAccountName" },
      { key: 'none', valueExpression: 'null' },
    ]
    expect(await admit({ policy: { auditAnnotations } })).toEqual({
      status: undefined,
      warnings: [],
      checks: [],
      annotations: { 'p/account': 'is default' },
    })
    const wrong = [{ key: 'account', valueExpression: '1' }]
    expect((await admit({ policy: { auditAnnotations: wrong } })).status?.message).toContain(
      "valueExpression '1' resulted in unsupported return type: int.",
    )
  })
})

describe('a binding', () => {
  test('may warn and write to the audit log instead of refusing', async () => {
    const { status, warnings, annotations } = await admit({ policy: NO_DEFAULT, binding: { validationActions: ['Warn', 'Audit'] } })
    const message = "failed expression: object.spec.serviceAccountName != 'default'"
    expect(status).toBeUndefined()
    expect(warnings).toEqual([`Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': ${message}`])
    expect(JSON.parse(annotations['validation.policy.admission.k8s.io/validation_failure'] ?? '')).toEqual([
      { message, policy: 'p', binding: 'b', expressionIndex: 0, validationActions: ['Warn', 'Audit'] },
    ])
  })

  test('waits for an authorizer that takes its time, and asks each question once', async () => {
    const asked: string[] = []
    const slow: Authorizer = {
      name: 'slow',
      async authorize({ verb, resource }) {
        asked.push(`${verb} ${resource}`)
        await new Promise((resolve) => setImmediate(resolve))
        if (verb === 'fail') throw new Error('no answer')
        return { decision: verb === 'get' ? 'allow' : 'noOpinion', reason: `about ${verb}` }
      },
    }
    const check = (verb: string) => `authorizer.group('').resource('pods').check('${verb}')`
    const conditions = [{ name: 'c', expression: `${check('get')}.allowed()` }]
    const variables = [{ name: 'v', expression: `${check('list')}.allowed()` }]
    const asks = (expression: string) =>
      admit({ policy: { matchConditions: conditions, variables, ...validation(expression) }, authorizer: slow })
    expect((await asks(`${check('get')}.allowed() && !variables.v && !${check('delete')}.allowed()`)).status).toBeUndefined()
    expect(asked).toEqual(['get pods', 'list pods', 'delete pods'])
    expect((await asks(`variables.v || ${check('watch')}.reason() == 'about watch'`)).status).toBeUndefined()
    expect((await asks(`${check('fail')}.error() == 'no answer' && ${check('fail')}.errored()`)).status).toBeUndefined()
  })

  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' }
  const param = (name: string, most: string, namespace = 'app'): KubeObject => ({
    metadata: { name, namespace, labels: { of: 'p' } },
    data: { most },
  })
  const policy = { paramKind, ...validation('object.spec.containers.size() <= int(params.data.most)') }

  test('names a parameter, or selects several that must all hold', async () => {
    const params = [param('none', '0'), param('one', '1'), param('two', '2', 'elsewhere')]
    expect((await admit({ policy, params, binding: { paramRef: { name: 'one' } } })).status).toBeUndefined()
    expect((await admit({ policy, params, binding: { paramRef: { name: 'none' } } })).status?.code).toBe(422)
    expect((await admit({ policy, params, binding: { paramRef: { name: 'two', namespace: 'elsewhere' } } })).status).toBeUndefined()
    expect((await admit({ policy, params, binding: { paramRef: { selector: { matchLabels: { of: 'p' } } } } })).status?.code).toBe(422)
    expect((await admit({ policy, params, binding: { paramRef: { selector: { matchLabels: { of: 'q' } } } } })).status).toBeUndefined()
  })

  const REFUSED = `pods "web" is forbidden: ValidatingAdmissionPolicy 'p'`

  test('that finds none is an error of the configuration', async () => {
    const { status } = await admit({ policy, binding: { paramRef: { name: 'x', parameterNotFoundAction: 'Deny' } } })
    expect(status?.message).toBe(
      `${REFUSED} with binding 'b' denied request: failed to configure binding: no params found for policy binding with \`Deny\` parameterNotFoundAction`,
    )
  })

  test.each<[string, Record<string, unknown>]>([
    ['that binds it', { paramRef: { name: 'x' } }],
    ['that names no parameter', {}],
    ['that does not concern the request', { matchResources: { objectSelector: { matchLabels: { app: 'other' } } } }],
  ])('of a kind that is not served refuses whatever it is about, with a binding %s', async (_, binding) => {
    const unserved = { ...policy, paramKind: { apiVersion: 'x/v1', kind: 'Y' } }
    expect((await admit({ policy: unserved, binding })).status?.message).toBe(
      `${REFUSED} denied request: failed to configure policy: failed to find resource referenced by paramKind: 'x/v1, Kind=Y'`,
    )
    expect((await admit({ policy: { ...unserved, failurePolicy: 'Ignore' }, binding })).status).toBeUndefined()
  })
})

describe('policies that cost too much', () => {
  const loop = (count: number) => `lists.range(${count}).all(a, lists.range(${count}).all(b, a + b >= 0))`
  const denied = (why: string) => `pods "web" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ${why}`
  const EXCEEDED = 'operation cancelled: actual cost limit exceeded'
  const EXHAUSTED = 'validation failed due to running out of cost budget, no further validation rules will be run'

  test.each<[string, Record<string, unknown>, string]>([
    ['in one expression', validation(loop(1000)), `expression '${loop(1000)}' resulted in error: ${EXCEEDED}`],
    ['in all of them', { validations: Array.from({ length: 60 }, () => ({ expression: loop(300) })) }, EXHAUSTED],
    [
      'in a variable',
      { variables: [{ name: 'v', expression: loop(1000) }], ...validation('variables.v') },
      `expression 'variables.v' resulted in error: composited variable "v" fails to evaluate: ${EXCEEDED}`,
    ],
    [
      'in all variables',
      {
        variables: Array.from({ length: 60 }, (_, i) => ({ name: `v${i}`, expression: loop(300) })),
        ...validation(Array.from({ length: 60 }, (_, i) => `variables.v${i}`).join(' && ')),
      },
      EXHAUSTED,
    ],
    [
      'in a condition',
      { matchConditions: [{ name: 'c', expression: loop(1000) }], ...validation('false') },
      `expression '${loop(1000)}' resulted in error: ${EXCEEDED}`,
    ],
    [
      'in all conditions',
      { matchConditions: Array.from({ length: 30 }, (_, i) => ({ name: `c${i}`, expression: loop(300) })), ...validation('false') },
      EXHAUSTED,
    ],
    [
      'in an annotation',
      { auditAnnotations: [{ key: 'a', valueExpression: `${loop(1000)} ? "a" : "b"` }] },
      `expression '${loop(1000)} ? "a" : "b"' resulted in error: ${EXCEEDED}`,
    ],
    ['in the expression of a message', validation('false', { messageExpression: `${loop(1000)} ? "a" : "b"`, message: 'fixed' }), 'fixed'],
  ])('%s refuse what they cannot judge', async (_, policy, why) => {
    expect((await admit({ policy })).status?.message).toBe(denied(why))
    if (why !== 'fixed') expect((await admit({ policy: { ...policy, failurePolicy: 'Ignore' } })).status).toBeUndefined()
  })

  test('are counted by what went wrong and what came of it', async () => {
    const broken = validation('object.nothing')
    expect((await admit({ policy: broken })).checks).toEqual(['deny invalid_error'])
    expect((await admit({ policy: { failurePolicy: 'Ignore', ...broken } })).checks).toEqual(['allow invalid_error'])
    expect((await admit({ policy: broken, binding: { validationActions: ['Audit', 'Warn'] } })).checks).toEqual([
      'audit invalid_error',
      'warn invalid_error',
    ])
    const costly = { validations: Array.from({ length: 60 }, () => ({ expression: loop(300) })) }
    expect((await admit({ policy: costly })).checks).toEqual(['deny out_of_budget'])
    expect((await admit({ policy: validation('object.') })).checks).toEqual(['deny compile_error'])
    expect((await admit({ policy: validation('true') })).checks).toEqual([])
  })

  test('let others be served meanwhile', async () => {
    const policy = { validations: Array.from({ length: 60 }, () => ({ expression: loop(200) })) }
    let turns = 0
    let done = false
    const serve = () => {
      turns++
      if (!done) setImmediate(serve)
    }
    setImmediate(serve)
    await admit({ policy })
    done = true
    expect(turns).toBeGreaterThan(20)
  })

  test('a pattern that makes backtracking engines hang is linear', async () => {
    const object = { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'web', annotations: { a: `${'a'.repeat(20_000)}!` } } }
    const policy = validation('!object.metadata.annotations["a"].matches("(a+)+$")')
    expect((await admit({ policy, object })).status).toBeUndefined()
  })
})
