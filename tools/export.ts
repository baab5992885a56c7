import { resolve } from 'node:path'
import { exportRuntime } from './export-runtime.ts'

const [folder, ...rest] = process.argv.slice(2)
if (folder === undefined || folder.startsWith('-') || rest.length > 0) {
  console.error(`Copies what a gateway needs into a new folder, after npm run build: for this platform, without npm and its packages.

Usage: npm run export -- <folder>        then: cd <folder> && node dist/main.js`)
  process.exitCode = folder === '--help' ? 0 : 1
} else {
  await exportRuntime(resolve(folder))
  console.log(
    `Copied to ${folder}. Start it there: cd ${folder} && node dist/main.js\ndocs/ and deploy/ are not copied.`,
  )
}
