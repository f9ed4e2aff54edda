/**
 * The apiextensions.k8s.io group: CustomResourceDefinitions can be read, and none can be made here. kubectl reads them before it sends a kind
 * that cannot be patched, such as a TokenReview; those of a kube-apiserver on the same etcd are seen.
 *
 * @see cli-runtime/pkg/resource/fallback_query_param_verifier.go, cli-runtime/pkg/resource/crd_finder.go
 * @module
 */
import { dns1123SubdomainErrors } from '../../api/names.ts'
import type { ResourceDefinition } from '../resource.ts'

export const apiextensionsDefinitions: readonly ResourceDefinition[] = [
  {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    resource: 'customresourcedefinitions',
    singular: 'customresourcedefinition',
    kind: 'CustomResourceDefinition',
    namespaced: false,
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    verbs: ['get', 'list', 'watch'],
    schema: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
    storage: { prefix: '/registry/apiextensions.k8s.io/customresourcedefinitions/' },
    strategy: { validateName: dns1123SubdomainErrors },
  },
]
