/**
 * Makes the source files that are not in the repository: types from the wire facts.
 */
await import('./generate-types.ts')
