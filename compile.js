/** Compiles the programs into dist before they run. Says so unless npm is silent, because it takes some seconds. */
import { spawnSync } from 'node:child_process'

if (process.env.npm_config_loglevel !== 'silent') console.error('Compiling Stemgate. This takes some seconds.')
// A string with `shell`, because npm's `tsc` is a script that Windows starts only by a shell.
const { status } = spawnSync(['tsc -p tsconfig.build.json', ...process.argv.slice(2)].join(' '), {
  shell: true,
  stdio: 'inherit',
})
process.exitCode = status ?? 1
