import { fileURLToPath } from 'node:url'
import { bundlePrograms } from './bundle.ts'

/** `npm run build`: bundles the programs into dist/. */
await bundlePrograms(fileURLToPath(new URL('../dist', import.meta.url)))
