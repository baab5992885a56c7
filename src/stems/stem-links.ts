import { stemName } from '../separation/task/stem.ts'
import type { SucceededTask } from '../separation/task/task.ts'
import { taskIdPrefix } from '../separation/task/task-id.ts'
import { linkFileName, zipFileName } from './file-name.ts'
import { createLinkTokens, tokenLength } from './link-tokens.ts'
import type { StemOfTask } from './stem-source.ts'

/** The path of stem links: `/stems/<task id>/<stem>/<token>/<file name>`. */
export const stemsPath = '/stems/'
/** Stands in the place of the stem in the link of all stems. */
const allStems = 'all'

export interface StemLinksOptions {
  /** Where browsers reach the gateway, without a trailing slash. Called at each use, because the port may be assigned late. */
  readonly baseUrl: () => string
  /** The secrets of the callback addresses, from which the keys of the links are derived. The first signs, all are accepted. */
  readonly secrets: () => readonly string[]
}

/** What a valid link names: a stem (see `stemName`), or all stems of the task, as a zip. */
export type Linked =
  | { readonly kind: 'stem'; readonly taskId: string; readonly stem: string }
  | { readonly kind: 'zip'; readonly taskId: string }

/** Makes and parses the links of stems. */
export interface StemLinks {
  /** The link of a stem. It is the credential for the stem's file: whoever has it may read the file. */
  urlOf(stem: StemOfTask): string
  /** The link of all stems of a task. It is the credential for all of them. */
  zipUrlOf(task: SucceededTask): string
  /** What the link with this path names; null unless its token verifies. */
  parse(path: string): Linked | null
}

const pathPattern = new RegExp(
  `^${stemsPath}(${taskIdPrefix}_[0-9a-z]{26})/([^/]{1,2000})/([\\w-]{${tokenLength}})/([^/]{1,2000})$`,
)

/**
 * Creates the stem links of a deployment. A token is an HMAC of the task id, the stem and the file name, without a time: the
 * link of a stem stays the same, so that it can be cached, and ends with the files of its task. The link of all stems has a key
 * of its own, so that no stem can have it, whatever its name.
 */
export function createStemLinks({ baseUrl, secrets }: StemLinksOptions): StemLinks {
  const ofStem = createLinkTokens(secrets, 'stemgate link of a stem')
  const ofAll = createLinkTokens(secrets, 'stemgate link of all stems')
  const url = (tokens: typeof ofStem, taskId: string, name: string, file: string) =>
    `${baseUrl()}${stemsPath}${taskId}/${name}/${tokens.sign(`${taskId}/${name}/${file}`)}/${file}`

  return {
    urlOf: ({ task, stem }) =>
      url(ofStem, task.id, encodeURIComponent(stemName(stem)), encodeURIComponent(linkFileName(stem))),

    zipUrlOf: (task) => url(ofAll, task.id, allStems, encodeURIComponent(zipFileName(task))),

    parse(path) {
      const [, taskId = '', name = '', token = '', file = ''] = pathPattern.exec(path) ?? []
      if (token === '') return null
      const subject = `${taskId}/${name}/${file}`
      // A name whose token verifies was encoded by `urlOf`.
      if (ofStem.verify(subject, token)) return { kind: 'stem', taskId, stem: decodeURIComponent(name) }
      return name === allStems && ofAll.verify(subject, token) ? { kind: 'zip', taskId } : null
    },
  }
}
