import { failureOf, unreachable } from './answer.ts'
import { StemgateError } from './errors.ts'
import type { Stem, Task } from './task.ts'

/** A stem, or a task: all its stems in one ZIP file. */
export type Downloadable = Pick<Stem, 'url'> | Pick<Task, 'archiveUrl'>

/** A file as it arrives. */
export interface Download {
  /** A readable name, such as `audio-1 – Vocals.mp3`. */
  readonly name: string
  /** Its `body` is a stream. */
  readonly response: Response
}

/** In a browser, lets the browser save a file, and resolves to null at once. Elsewhere, opens the file. */
export async function download(
  file: Downloadable,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Download | null> {
  const url = 'url' in file ? file.url : file.archiveUrl
  if (url === null) throw new StemgateError('NO_ARCHIVE', 'This task has no file with all stems.')
  const link = new URL(url)
  link.searchParams.set('download', '1')
  if (typeof document === 'object') {
    const anchor = document.createElement('a')
    anchor.href = link.href
    anchor.download = ''
    anchor.click()
    return null
  }
  const response = await fetch(link, { signal: signal ?? null }).catch((error: unknown) => {
    signal?.throwIfAborted()
    throw unreachable(error)
  })
  if (!response.ok) throw await failureOf(response)
  return { name: nameOf(response) ?? link.pathname.split('/').at(-1) ?? 'stem', response }
}

/** The name in a Content-Disposition header (RFC 6266). */
function nameOf({ headers }: Response): string | undefined {
  const header = headers.get('content-disposition') ?? ''
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(header)?.[1]
  return encoded === undefined ? /filename="?([^";]+)/i.exec(header)?.[1] : decodeURIComponent(encoded)
}
