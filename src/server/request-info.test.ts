import { expect, test } from 'vitest'
import { requestInfo } from './request-info.ts'

type Row = [name: string, method: string, url: string, want: Record<string, unknown>]

const rows: Row[] = [
  ['a short path is no resource', 'GET', '/api', { isResource: false, verb: 'get' }],
  ['a group version is no resource', 'GET', '/apis/apps/v1', { isResource: false }],
  ['GET of a collection lists', 'GET', '/api/v1/pods', { isResource: true, verb: 'list', resource: 'pods', namespace: '' }],
  ['?watch= watches', 'GET', '/api/v1/pods?watch', { verb: 'watch' }],
  ['?watch=false lists', 'GET', '/api/v1/pods?watch=False', { verb: 'list' }],
  [
    'a namespaced object',
    'GET',
    '/api/v1/namespaces/x/pods/p',
    { verb: 'get', namespace: 'x', resource: 'pods', name: 'p', subresource: '' },
  ],
  [
    'a subresource',
    'PUT',
    '/apis/apps/v1/namespaces/x/deployments/d/scale',
    { verb: 'update', group: 'apps', resource: 'deployments', name: 'd', subresource: 'scale' },
  ],
  ['a namespace is in itself', 'DELETE', '/api/v1/namespaces/x', { verb: 'delete', namespace: 'x', resource: 'namespaces', name: 'x' }],
  [
    'status belongs to the namespace',
    'PATCH',
    '/api/v1/namespaces/x/status',
    { verb: 'patch', namespace: 'x', resource: 'namespaces', subresource: 'status' },
  ],
  ['the list of namespaces', 'GET', '/api/v1/namespaces', { verb: 'list', resource: 'namespaces', namespace: '' }],
  ['DELETE of a collection', 'DELETE', '/api/v1/namespaces/x/pods', { verb: 'deletecollection', resource: 'pods' }],
  [
    'a legacy watch',
    'GET',
    '/api/v1/watch/namespaces/x/pods/p',
    { verb: 'watch', legacyWatch: true, namespace: 'x', resource: 'pods', name: 'p' },
  ],
  [
    'a name selected by field is authorized by name',
    'GET',
    '/api/v1/pods?fieldSelector=metadata.name%3Da',
    { verb: 'list', name: 'a', fieldSelector: 'metadata.name=a' },
  ],
  ['slashes at the end do not count', 'GET', '/api/v1/pods/', { verb: 'list', resource: 'pods' }],
  ['an unknown method has no verb', 'FOO', '/api/v1/pods', { isResource: true, verb: '' }],
]

for (const [name, method, url, want] of rows) {
  test(`requestInfo(): ${name}`, () => {
    const { pathname, searchParams } = new URL(url, 'https://x')
    expect(requestInfo(method, pathname, searchParams)).toMatchObject(want)
  })
}

test('requestInfo() refuses a special verb with nothing after it', () => {
  expect(() => requestInfo('GET', '/api/v1/watch', new URLSearchParams())).toThrow(
    'unable to determine kind and namespace from url, /api/v1/watch',
  )
})
