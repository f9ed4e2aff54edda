import { describe, expect, test } from 'vitest'
import type { ManagedFieldsEntry } from '../types/meta/v1.ts'
import { fieldsOfParent, fieldsOfView } from './view-fields.ts'

const mapping = { apiVersion: 'apps/v1', viewVersion: 'autoscaling/v1', paths: { 'spec.replicas': 'spec.replicas' } }
const entry = (manager: string, operation: string, members: string[], more: ManagedFieldsEntry = {}): ManagedFieldsEntry => ({
  manager,
  operation,
  apiVersion: 'apps/v1',
  fieldsType: 'FieldsV1',
  fieldsV1: { 'f:spec': Object.fromEntries(members.map((member) => [`f:${member}`, {}])) },
  ...more,
})
const time = '2026-01-01T00:00:00Z'
const inView = (one: ManagedFieldsEntry): ManagedFieldsEntry => ({ ...one, apiVersion: 'autoscaling/v1' })

describe('fieldsOfView()', () => {
  test('shows the owners of what the view shows, in the version of the view', () => {
    const entries = [
      entry('a', 'Apply', ['replicas', 'selector'], { time }),
      entry('b', 'Update', ['paused']),
      entry('c', 'Update', ['replicas'], { apiVersion: 'apps/v0' }),
    ]
    expect(fieldsOfView(entries, mapping)).toEqual([inView(entry('a', 'Apply', ['replicas'], { time }))])
  })
})

describe('fieldsOfParent()', () => {
  test('gives the path to the owner in the view and takes it from the one before', () => {
    const before = [entry('a', 'Apply', ['replicas', 'selector'], { time }), entry('b', 'Update', ['paused'])]
    const scaled = [inView(entry('s', 'Update', ['replicas'], { subresource: 'scale', time }))]
    expect(fieldsOfParent(before, scaled, mapping)).toEqual([
      entry('a', 'Apply', ['selector'], { time }),
      entry('b', 'Update', ['paused']),
      entry('s', 'Update', ['replicas'], { subresource: 'scale' }),
    ])
  })

  test('keeps who applied and was not touched', () => {
    const before = [entry('a', 'Apply', ['replicas', 'selector'], { time })]
    expect(fieldsOfParent(before, fieldsOfView(before, mapping), mapping)).toEqual(before)
  })

  test('splits the entry of who updated and was not touched, as kube-apiserver does', () => {
    const before = [entry('u', 'Update', ['replicas', 'selector'], { time })]
    expect(fieldsOfParent(before, fieldsOfView(before, mapping), mapping)).toEqual([
      entry('u', 'Update', ['replicas']),
      entry('u', 'Update', ['selector'], { time }),
    ])
  })

  test('drops entries of versions that nobody knows', () => {
    expect(fieldsOfParent([entry('x', 'Update', ['selector'], { apiVersion: 'apps/v0' })], undefined, mapping)).toBeUndefined()
  })
})
