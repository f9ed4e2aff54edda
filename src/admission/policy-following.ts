/**
 * Policies that have bindings, as the cache knows them.
 *
 * @see apiserver/pkg/admission/plugin/policy/generic/policy_source.go
 * @module
 */
import { byteOrder } from '../api/byte-order.ts'
import type { MatchResources } from '../api/types/admissionregistration/v1.ts'
import type { Cache } from '../cache/cache.ts'
import { type Criteria, criteriaOf } from './policy-matching.ts'

interface Policy {
  spec?: { matchConstraints?: MatchResources | undefined } | undefined
}

interface Binding {
  spec?: { policyName?: string | undefined; matchResources?: MatchResources | undefined } | undefined
}

export interface BoundPolicy<B> {
  binding: B
  name: string
  criteria: Criteria
}

export interface FollowedPolicy<P, B, C> {
  name: string
  policy: P
  criteria: Criteria
  bindings: readonly BoundPolicy<B>[]
  /** Compiled when it first concerns a request. */
  compiled(): Promise<C>
}

/** Answers the policies of the moment, by name; the list stays the same one until something changes. */
export function followPolicies<P extends Policy, B extends Binding, C>(
  cache: Cache,
  names: { policies: string; bindings: string },
  compile: (policy: P) => Promise<C>,
): () => readonly FollowedPolicy<P, B, C>[] {
  const policies = new Map<string, P>()
  const bindings = new Map<string, BoundPolicy<B>>()
  let all: readonly FollowedPolicy<P, B, C>[] | undefined = []
  cache.resource(`admissionregistration.k8s.io/v1/${names.policies}`)?.follow(({ type, object }) => {
    if (type === 'DELETED') policies.delete(object.key)
    else policies.set(object.key, object.object as P)
    all = undefined
  })
  cache.resource(`admissionregistration.k8s.io/v1/${names.bindings}`)?.follow(({ type, object }) => {
    const binding = object.object as B
    if (type === 'DELETED') bindings.delete(object.key)
    else bindings.set(object.key, { binding, name: object.key, criteria: criteriaOf(binding.spec?.matchResources) })
    all = undefined
  })
  const compiled = new WeakMap<P, Promise<C>>()
  const compiledOnce = (policy: P): Promise<C> => {
    const known = compiled.get(policy) ?? compile(policy)
    compiled.set(policy, known)
    return known
  }
  return () => {
    if (all !== undefined) return all
    const bound = Map.groupBy(bindings.values(), ({ binding }) => binding.spec?.policyName ?? '')
    all = [...policies.keys()].sort(byteOrder).flatMap((name): FollowedPolicy<P, B, C>[] => {
      const policy = policies.get(name) as P // one of its keys
      const own = bound.get(name)?.sort((a, b) => byteOrder(a.name, b.name))
      if (own === undefined) return []
      return [{ name, policy, criteria: criteriaOf(policy.spec?.matchConstraints), bindings: own, compiled: () => compiledOnce(policy) }]
    })
    return all
  }
}
