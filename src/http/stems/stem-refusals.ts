import type { ServerResponse } from 'node:http'
import type { Stem } from '../../separation/task/stem.ts'
import { titleOf } from '../../stems/file-name.ts'
import type { NoFile } from '../../stems/stem-source.ts'
import { sendJson } from '../respond.ts'
import { sendMessagePage } from '../web/message-page.ts'
import { wantsPage } from '../web/wants-page.ts'

/** Why a link is answered without its file. */
export type StemRefusal = Exclude<NoFile['kind'], 'unsatisfiable'> | 'link' | 'method' | 'busy' | 'store' | 'not-audio'

interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

const refusals: Readonly<Record<StemRefusal, Refusal>> = {
  // The same for every link that is not valid, so that it does not show what is wrong.
  link: {
    status: 403,
    code: 'LINK_NOT_VALID',
    message: 'This link is not valid. A link ends with the files of its task; `Stem.url` is the current one.',
  },
  method: {
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
    message: 'Read stems by GET or HEAD.',
    headers: { allow: 'GET, HEAD, OPTIONS' },
  },
  busy: {
    status: 503,
    code: 'TOO_MANY_STREAMS',
    message: 'The gateway streams as many files as it may. Try again in a moment.',
    headers: { 'retry-after': '2' },
  },
  store: {
    status: 503,
    code: 'UNAVAILABLE',
    message: 'The gateway cannot read its database now. Try again in a moment.',
    headers: { 'retry-after': '5' },
  },
  'not-found': { status: 404, code: 'FILE_NOT_FOUND', message: 'The provider does not have this file.' },
  gone: { status: 410, code: 'FILE_GONE', message: 'The provider has deleted this file.' },
  refused: {
    status: 410,
    code: 'FILE_REFUSED',
    message: 'The provider no longer gives this file out: its own link has probably expired.',
  },
  'not-allowed': {
    status: 502,
    code: 'FILE_ADDRESS_NOT_ALLOWED',
    message: 'The file is at an address that the gateway does not fetch. The operator finds the reason in the log.',
  },
  'not-audio': {
    status: 502,
    code: 'FILE_NOT_AUDIO',
    message: 'The provider answered with something that is not an audio file.',
  },
  failed: {
    status: 502,
    code: 'PROVIDER_FAILED',
    message: 'The server that keeps the file cannot be reached or failed. Try again in a moment.',
  },
}

/**
 * Answers without the file, and says why: to a person who opens the link with a page, to programs with JSON.
 * @param missing the stem without which there is no zip; null if the link is not one of all stems
 */
export function refuseStem(response: ServerResponse, why: StemRefusal, missing: Stem | null = null): void {
  const { status, code, message: reason, headers = {} } = refusals[why]
  const stem = missing === null ? {} : { stem: titleOf(missing) }
  const message =
    missing === null
      ? reason
      : `There is no zip, because the file of one stem cannot be read: ${titleOf(missing)}. ${reason} ` +
        'The other stems can be downloaded one by one.'
  if (wantsPage(response.req)) {
    return sendMessagePage(response, { status, heading: 'No file to show', message, headers })
  }
  sendJson(response, status, { code, message, ...stem }, { 'cache-control': 'no-store', ...headers })
}
