import { buildWebFiles, type WebFiles } from './build-web-files.ts'

/**
 * The files of the player page. From the sources (`npm run dev`, tests) they are bundled when the page is first opened.
 * `npm run build` replaces this module by one that reads them from a file.
 */
export async function loadWebFiles(): Promise<WebFiles> {
  return buildWebFiles()
}
