import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { distinctNames, downloadName, zipFileName } from '../../stems/file-name.ts'
import type { ValidZipLink } from '../../stems/find-linked.ts'
import type { StemSource } from '../../stems/stem-source.ts'
import { openProbed, probeStems, type ProbedFile } from '../../stems/zip/probe-stems.ts'
import { zipFiles, zipSize, type ZipEntry } from '../../stems/zip/zip-files.ts'
import { disposition, hasTag, tagOf } from './file-headers.ts'
import { sendFile } from './send-file.ts'
import { refuseStem } from './stem-refusals.ts'

export interface AnswerZipOptions {
  readonly source: StemSource
  /** How long a stream may make no progress, in milliseconds. */
  readonly stallMs: number
}

export type AnswerZip = (
  request: IncomingMessage,
  response: ServerResponse,
  link: ValidZipLink,
  signal: AbortSignal,
) => Promise<void>

/** Not for some time as a stem: a task may gain stems, and the zip then has more files. */
const cacheControl = 'public, no-cache, no-transform'

/**
 * Creates what answers a link of all stems: with a zip that has every stem, or with the reason why there is none. If a file
 * breaks off, so does the zip.
 */
export function createAnswerZip({ source, stallMs }: AnswerZipOptions): AnswerZip {
  return async function answerZip(request, response, { task }, signal) {
    const files = await probeStems(source, task, { timeoutMs: stallMs, signal })
    if ('why' in files) return refuseStem(response, files.why, files.stem)
    const etag = tagOfAll(files)
    if (hasTag(request.headers['if-none-match'], etag)) {
      response.writeHead(304, { etag, 'cache-control': cacheControl }).end()
      return
    }
    const names = distinctNames(files.map(({ stem, format }) => downloadName(task, stem, format)))
    const entries = files.map((file, nth): ZipEntry => {
      return { name: names[nth] ?? '', size: file.size, open: () => openProbed(source, file, signal) }
    })
    const modifiedAtMs = task.completedAtMs.value
    const size = zipSize(entries, modifiedAtMs)
    const headers = {
      'content-type': 'application/zip',
      'content-disposition': disposition(zipFileName(task), true),
      'cache-control': cacheControl,
      'accept-ranges': 'none',
      etag,
      ...(size === null ? {} : { 'content-length': size }),
    }
    if (request.method === 'HEAD') {
      response.writeHead(200, headers).end()
      return
    }
    sendFile({
      response,
      body: zipFiles(entries, modifiedAtMs),
      skip: 0,
      take: size,
      stallMs,
      begin() {
        response.writeHead(200, headers)
        return true
      },
      onFailedEarly: () => refuseStem(response, 'failed'),
      onWhole: () => {},
    })
  }
}

/** Changes with the files and their number. Weak if that of one file is. */
function tagOfAll(files: readonly ProbedFile[]): string {
  const tags = files.map((file) => tagOf(file.stem, file))
  const tag = `"${createHash('sha256').update(tags.join('\n')).digest('base64url').slice(0, 22)}"`
  return tags.some((each) => each.startsWith('W/')) ? `W/${tag}` : tag
}
