import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** What the gateway promises its callers, to be kept on PostgreSQL and Redis as on a file of SQLite. */
const promises = [
  'flows/separate',
  'flows/callback',
  'flows/adoption',
  'flows/watching',
  'flows/resent',
  'providers/provider-ids',
  'flows/whose-task',
  'stores/rolling-upgrade',
]

export default defineConfig({
  // Without this alias `graphql` is loaded twice, as ESM and as CommonJS, and refuses to work with itself.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql/index.js')) }] },
  test: {
    testTimeout: 40_000,
    hookTimeout: 40_000,
    globalSetup: ['test/support/watched-output.ts', 'test/support/build-program.ts'],
    // Nothing survives a test, so that nothing has to be loaded anew for each file.
    isolate: false,
    // The tests wait more than they compute.
    maxWorkers: availableParallelism() * 2,
    projects: [
      { extends: true, test: { name: 'alone', include: ['test/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'shared',
          include: promises.map((name) => `test/${name}.test.ts`),
          env: { TEST_STORE: 'shared' },
        },
      },
    ],
  },
})
