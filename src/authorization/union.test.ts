import { describe, expect, test } from 'vitest'
import { alwaysAllowAuthorizer } from './alwaysallow.ts'
import { alwaysDenyAuthorizer } from './alwaysdeny.ts'
import type { Attributes, Authorization, Authorizer } from './authorizer.ts'
import { systemMastersAuthorizer } from './systemmasters.ts'
import { unionAuthorizer } from './union.ts'

const saying = (answer: Authorization, later = false): Authorizer => ({
  name: 'x',
  authorize: () => (later ? Promise.resolve(answer) : answer),
})
const nothing = (reason: string, evaluationError?: string): Authorization => ({
  decision: 'noOpinion',
  reason,
  ...(evaluationError && { evaluationError }),
})
const by = (...groups: string[]): Attributes => ({
  user: { username: 'u', groups },
  verb: 'get',
  isResource: false,
  apiGroup: '',
  apiVersion: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
  path: '/',
})

describe('unionAuthorizer()', () => {
  test('lets the first allow or deny decide', async () => {
    const deny = saying({ decision: 'deny', reason: 'no' }, true)
    const union = unionAuthorizer([saying(nothing('a')), deny, alwaysAllowAuthorizer])
    expect(await union.authorize(by())).toEqual({ decision: 'deny', reason: 'no' })
    expect(unionAuthorizer([alwaysDenyAuthorizer, alwaysAllowAuthorizer]).authorize(by())).toEqual({ decision: 'allow', reason: '' })
  })

  test('joins reasons by line and errors as Go does when nobody decides', async () => {
    const union = unionAuthorizer([saying(nothing('a', 'e1')), saying(nothing('', 'e2'), true), saying(nothing('b', 'e1'))])
    expect(await union.authorize(by())).toEqual({ decision: 'noOpinion', reason: 'a\nb', evaluationError: '[e1, e2]' })
  })

  test('answers without a promise as long as nobody has to be awaited', () => {
    expect(unionAuthorizer([saying(nothing('a')), alwaysDenyAuthorizer]).authorize(by())).toEqual({
      decision: 'noOpinion',
      reason: 'a\nEverything is forbidden.',
    })
  })

  test('collects rules in order, with everything that makes them incomplete', async () => {
    const incomplete: Authorizer = {
      ...saying(nothing('')),
      rulesFor: () => ({ resourceRules: [], nonResourceRules: [], incomplete: true, evaluationError: 'e' }),
    }
    expect(await unionAuthorizer([incomplete, alwaysAllowAuthorizer]).rulesFor?.(by().user, 'x')).toEqual({
      resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
      nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
      incomplete: true,
      evaluationError: 'e',
    })
  })
})

describe('systemMastersAuthorizer', () => {
  test('allows members of the group and no look-alikes', () => {
    expect(systemMastersAuthorizer.authorize(by('a', 'system:masters'))).toEqual({ decision: 'allow', reason: '' })
    for (const group of ['System:Masters', 'system:masters ', ' system:masters', 'system:mаsters', 'system:masters\u0000', 'system:master'])
      expect(systemMastersAuthorizer.authorize(by(group))).toEqual({ decision: 'noOpinion', reason: '' })
  })
})
