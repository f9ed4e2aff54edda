/**
 * Kinds that keep other objects, or are one object under two names.
 *
 * @module
 */
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import { registry } from './testdata/registry.ts'

const IN_DEFAULT = (name: string) => ({ namespace: 'default', name })

function service(name: string, spec: object = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { ports: [{ port: 80 }], ...spec },
  } as KubeObject
}

const clusterIP = (object: KubeObject): string => object['spec'].clusterIP

describe('an ExternalName service', () => {
  const external = { type: 'ExternalName', externalName: 'foo.example.com', internalTrafficPolicy: 'Cluster' }

  test('has no internal traffic policy, made or become so', async () => {
    const { access } = await registry()
    const made = await access.create('v1/services', { ...service('a'), spec: external })
    expect(made['spec']).not.toHaveProperty('internalTrafficPolicy')
    await access.create('v1/services', service('b'))
    const become = await access.update('v1/services', IN_DEFAULT('b'), (object) => Object.assign(object['spec'], external))
    expect(become['spec']).toMatchObject({ type: 'ExternalName' })
    expect(become['spec']).not.toHaveProperty('internalTrafficPolicy')
  })
})

describe('addresses of services', () => {
  test('come from another range once that of the flag is closed', async () => {
    const { access } = await registry()
    const range = (name: string, cidr: string) =>
      access.create('networking.k8s.io/v1/servicecidrs', {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'ServiceCIDR',
        metadata: { name },
        spec: { cidrs: [cidr] },
      } as KubeObject)
    await range('kubernetes', '10.0.0.0/24')
    await range('more', '10.7.0.0/24')
    expect(clusterIP(await access.create('v1/services', service('a')))).toMatch(/^10\.0\.0\./)
    await access.update(
      'networking.k8s.io/v1/servicecidrs',
      { namespace: '', name: 'kubernetes' },
      (object) => {
        object['status'] = {
          conditions: [{ type: 'Ready', status: 'False', reason: 'Terminating', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
        }
      },
      { subresource: 'status' },
    )
    expect(clusterIP(await access.create('v1/services', service('b')))).toMatch(/^10\.7\.0\./)
  })

  test('come from a range of any size', async () => {
    const { access } = await registry({ serviceClusterIPRanges: ['2001:db8::/64'] })
    const made = await Promise.all(['a', 'b', 'c'].map((name) => access.create('v1/services', service(name))))
    expect(new Set(made.map(clusterIP)).size).toBe(3)
    for (const one of made) expect(clusterIP(one)).toMatch(/^2001:db8::/)
  })

  test('every service has its own, each with an IPAddress', async () => {
    const { access } = await registry()
    const made = await Promise.all(Array.from({ length: 20 }, (_, n) => access.create('v1/services', service(`s${n}`))))
    const ips = made.map(clusterIP)
    expect(new Set(ips).size).toBe(20)
    const address = access.get('networking.k8s.io/v1/ipaddresses', { namespace: '', name: ips[7]! })
    expect(address?.['spec']).toEqual({ parentRef: { resource: 'services', name: 's7', namespace: 'default' } })
    expect(address?.metadata?.labels).toEqual({
      'ipaddress.kubernetes.io/ip-family': 'IPv4',
      'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
    })
  })

  test('a taken address is refused, and free again when its service is gone', async () => {
    const { access } = await registry()
    await access.create('v1/services', service('a', { clusterIP: '10.0.0.9' }))
    await expect(access.create('v1/services', service('b', { clusterIP: '10.0.0.9' }))).rejects.toThrow(
      'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.0.0.9"]: failed to allocate IP 10.0.0.9: provided IP is already allocated',
    )
    await access.delete('v1/services', IN_DEFAULT('a'))
    expect(access.get('networking.k8s.io/v1/ipaddresses', { namespace: '', name: '10.0.0.9' })).toBeUndefined()
    expect(clusterIP(await access.create('v1/services', service('b', { clusterIP: '10.0.0.9' })))).toBe('10.0.0.9')
  })

  test('a dry run keeps nothing', async () => {
    const { access } = await registry()
    await access.create('v1/services', service('a', { clusterIP: '10.0.0.9' }), { dryRun: true })
    expect(clusterIP(await access.create('v1/services', service('b', { clusterIP: '10.0.0.9' })))).toBe('10.0.0.9')
  })

  test('a taken node port is refused, and free again when its service is gone', async () => {
    const { access } = await registry()
    const nodePort = { type: 'NodePort', ports: [{ port: 80, nodePort: 30500 }] }
    await access.create('v1/services', service('a', nodePort))
    await expect(access.create('v1/services', service('b', nodePort))).rejects.toThrow(
      'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30500: provided port is already allocated',
    )
    await access.delete('v1/services', IN_DEFAULT('a'))
    await access.create('v1/services', service('b', nodePort))
  })
})

describe('one object under two names', () => {
  test('an event of the core group is one of events.k8s.io', async () => {
    const { access } = await registry()
    const involvedObject = { kind: 'Pod', namespace: 'default', name: 'p' }
    const body = { apiVersion: 'v1', kind: 'Event', metadata: { name: 'e', namespace: 'default' }, involvedObject, message: 'm', count: 2 }
    await access.create('v1/events', body as KubeObject)
    const seen = access.get('events.k8s.io/v1/events', IN_DEFAULT('e'))
    expect(seen).not.toHaveProperty('reportingController')
    expect(seen).toMatchObject({
      regarding: involvedObject,
      note: 'm',
      deprecatedCount: 2,
    })
  })

  test('what autoscaling/v1 cannot say stands in annotations', async () => {
    const { access } = await registry()
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' }
    const metrics = [{ type: 'Pods', pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '5' } } }]
    const body = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'h', namespace: 'default' } }
    await access.create('autoscaling/v2/horizontalpodautoscalers', {
      ...body,
      spec: { scaleTargetRef, maxReplicas: 3, metrics },
    } as KubeObject)
    const seen = access.get('autoscaling/v1/horizontalpodautoscalers', IN_DEFAULT('h'))
    expect(JSON.parse(seen?.metadata?.annotations?.['autoscaling.alpha.kubernetes.io/metrics'] ?? '[]')).toEqual([
      { type: 'Pods', pods: { metricName: 'm', targetAverageValue: '5' } },
    ])
  })
})
