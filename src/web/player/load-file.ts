/** A file that cannot be loaded. `message` is a sentence to show to people. */
export class FileError extends Error {
  override readonly name = 'FileError'
}

const messages: Readonly<Record<number, string>> = {
  403: 'The link of this file is no longer valid. Reload the page.',
  404: 'The provider does not have this file.',
  410: 'The provider no longer gives this file out.',
  502: 'The provider’s file server failed.',
  503: 'The gateway is busy.',
}

/**
 * Downloads a stem. Throws FileError, and the reason of `signal` if it is aborted.
 * @param onProgress is given the fraction that has arrived, from 0 to 1, if the length is known
 */
export async function loadFile(
  url: string,
  signal: AbortSignal,
  onProgress: (fraction: number) => void,
): Promise<ArrayBuffer> {
  try {
    const response = await fetch(url, { signal })
    if (!response.ok) throw new FileError(messages[response.status] ?? `The file cannot be read (${response.status}).`)
    const total = Number(response.headers.get('content-length') ?? 0)
    const chunks: Uint8Array<ArrayBuffer>[] = []
    let size = 0
    const reader = response.body?.getReader()
    for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
      chunks.push(part.value)
      size += part.value.byteLength
      if (total > 0) onProgress(Math.min(1, size / total))
    }
    return await new Blob(chunks).arrayBuffer()
  } catch (error) {
    if (signal.aborted || error instanceof FileError) throw error
    throw new FileError('The file did not arrive. Check your connection.', { cause: error })
  }
}
