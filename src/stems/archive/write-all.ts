import type { FileHandle } from 'node:fs/promises'

/** Writes all of a chunk at the end of what was written before. One call may write less. */
export async function writeAll(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten
}
