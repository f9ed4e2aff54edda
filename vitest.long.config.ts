import { defineConfig } from 'vitest/config'

/** What is too long for every change: `npm run test:long`. */
export default defineConfig({
  test: {
    reporters: ['default', './tools/test-summary.ts'],
    include: ['src/**/*.long.test.ts', 'test/**/*.long.test.ts'],
    globalSetup: ['./test/build.ts'],
    testTimeout: 600_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
})
