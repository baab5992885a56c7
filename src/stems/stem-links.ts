import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto'
import { derived } from '../runtime/derived.ts'
import { stemName } from '../separation/task.ts'
import { taskIdPrefix } from '../separation/task-id.ts'
import { linkFileName } from './file-name.ts'
import type { StemOfTask } from './stem-source.ts'

/** The path of stem links: `/stems/<task id>/<stem>/<token>/<file name>`. */
export const stemsPath = '/stems/'

export interface StemLinksOptions {
  /** Where browsers reach the gateway, without a trailing slash. Called at each use, because the port may be assigned late. */
  readonly baseUrl: () => string
  /** The secrets of the callback addresses, from which the keys of the links are derived. The first signs, all are accepted. */
  readonly secrets: () => readonly string[]
}

/** The stem that a valid link names. */
export interface LinkedStem {
  readonly taskId: string
  /** See `stemName`. */
  readonly stem: string
}

/** Makes and parses the links of stems. */
export interface StemLinks {
  /** The link of a stem. It is the credential for the stem's file: whoever has it may read the file. */
  urlOf(stem: StemOfTask): string
  /** The stem of the link with this path; null unless its token verifies. */
  parse(path: string): LinkedStem | null
}

const tokenLength = 43
const pathPattern = new RegExp(
  `^${stemsPath}(${taskIdPrefix}_[0-9a-z]{26})/([^/]{1,2000})/([\\w-]{${tokenLength}})/([^/]{1,2000})$`,
)

/**
 * Creates the stem links of a deployment. A token is an HMAC of the task id, the stem and the file name, without a time: the
 * link of a stem stays the same, so that it can be cached, and ends with the files of its task.
 */
export function createStemLinks({ baseUrl, secrets }: StemLinksOptions): StemLinks {
  const keys = derived(secrets, (list) =>
    list.map((secret) => createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', 'stemgate link of a stem', 32)))),
  )
  const tokenOf = (key: KeyObject, subject: string) => createHmac('sha256', key).update(subject).digest('base64url')

  return {
    urlOf({ task, stem }) {
      const [name, file] = [encodeURIComponent(stemName(stem)), encodeURIComponent(linkFileName(stem))]
      const [signing] = keys()
      if (signing === undefined) throw new TypeError('Stem links need a secret.')
      const token = tokenOf(signing, `${task.id}/${name}/${file}`)
      return `${baseUrl()}${stemsPath}${task.id}/${name}/${token}/${file}`
    },

    parse(path) {
      const [, taskId = '', name = '', token = '', file = ''] = pathPattern.exec(path) ?? []
      if (token === '') return null
      const given = Buffer.from(token)
      // Compares with every key, so that the duration does not show which one matches.
      const matches = keys().map((key) =>
        timingSafeEqual(Buffer.from(tokenOf(key, `${taskId}/${name}/${file}`)), given),
      )
      // A name whose token verifies was encoded by `urlOf`.
      return matches.includes(true) ? { taskId, stem: decodeURIComponent(name) } : null
    },
  }
}
