import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'

/** Tests that start no server, no process and no browser: they take seconds. */
const units = [
  'client/retries',
  'client/slow-reader',
  'core/advance',
  'core/dashboard-member',
  'core/equal-orders',
  'core/links',
  'core/reads-only-tasks',
  'core/structure',
  'program/config',
  'program/documents',
  'program/format-line',
  'providers/provider-answers',
  'suites/faults-compare',
  'stems/audio-duration',
  'stems/byte-range',
  'stems/peak-meter',
  'transports/field-costs',
].map((name) => `test/${name}.test.ts`)

/** What all others need. */
const globalSetup = ['own-folder', 'own-servers', 'build-program'].map((name) => `test/support/${name}.ts`)

/** What the gateway promises its callers, to be kept on PostgreSQL and Redis as on a file of SQLite. */
const promises = [
  'admin/pause',
  'admin/resolve',
  'admin/tasks',
  'flows/separate',
  'flows/callback',
  'flows/settle-at-once',
  'flows/adoption',
  'flows/budgets',
  'flows/kept-answers',
  'flows/queued-orders',
  'flows/retention',
  'admin/deletion',
  'flows/references',
  'flows/progress',
  'flows/wait-seconds',
  'flows/shutdown',
  'flows/webhooks',
  'flows/repeated-mutation',
  'providers/provider-ids',
  'flows/task-ownership',
  'stores/rolling-upgrade',
]

export default defineConfig({
  // Without this alias `graphql` is loaded twice, as ESM and as CommonJS, and refuses to work with itself.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql/index.js')) }] },
  test: {
    testTimeout: 40_000,
    hookTimeout: 40_000,
    globalSetup: ['test/support/watched-output.ts'],
    // Nothing survives a test, so that nothing has to be loaded anew for each file.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // These sources run in processes alone, so that no test imports them.
    watchTriggerPatterns: [
      { pattern: /src\/(main|program\/[\w-]+)\.ts$/, testsToRun: () => 'test/program/process.test.ts' },
      {
        pattern: /src\/(backup|move-store)\/[\w-]+\.ts$/,
        testsToRun: (_file, [, name]) => `test/stores/${name}.test.ts`,
      },
    ],
    // The tests wait more than they compute.
    maxWorkers: availableParallelism() * 2,
    projects: [
      { extends: true, test: { name: 'unit', include: units } },
      { extends: true, test: { name: 'alone', include: ['test/**/*.test.ts'], exclude: units, globalSetup } },
      {
        extends: true,
        test: {
          name: 'shared',
          globalSetup,
          include: promises.map((name) => `test/${name}.test.ts`),
          env: { TEST_STORE: 'shared' },
        },
      },
    ],
  },
})
