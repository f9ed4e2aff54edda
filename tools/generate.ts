/**
 * Makes the source files that are not in the repository: types from the wire facts, then OpenAPI documents from the resources.
 */
await import('./generate-types.ts')
await import('./openapi.ts')
