/**
 * `bindings`: the older way to put a pod on a node, which the body names.
 *
 * @module
 */
import { define } from '../resource.ts'
import { legacyBinding } from './pod/binding.ts'

export const bindings = define({
  group: '',
  version: 'v1',
  resource: 'bindings',
  singular: 'binding',
  kind: 'Binding',
  namespaced: true,
  verbs: [],
  schema: legacyBinding.schema,
  strategy: { validateName: () => [] },
  action: legacyBinding,
})
