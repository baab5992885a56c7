import { partsOfType } from '../../../../src/separation/task/separation-type.ts'
import { recordOfSuccess } from '../../../support/played-provider.ts'

const stemUrls = partsOfType.split_stem.map((part) => [part, `https://files.example/${part}.mp3`] as const)

/** Record-info's answer for a task with all stems. */
export function recordOfAllStems(taskId: string): object {
  const response = Object.fromEntries(stemUrls.map(([part, url]) => [`${part}Url`, url]))
  return recordOfSuccess(taskId, { response: { originUrl: null, ...response } })
}

/** A callback that brings all stems that callbacks bring. */
export function callbackOfAllStems(taskId: string): object {
  const info = stemUrls.flatMap(([part, url]) => (part === 'piano' ? [] : [[`${snakeCase(part)}_url`, url]]))
  return {
    code: 200,
    msg: 'vocal separation generated successfully.',
    data: { task_id: taskId, vocal_separation_info: { origin_url: '', ...Object.fromEntries(info) } },
  }
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
