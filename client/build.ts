import { buildClient } from '../tools/build-client.ts'

/** `npm run build`: builds the package into dist/. */
await buildClient()
