import { type FileName, fileNames } from './stems.ts'

/**
 * How the file server behaves.
 * - `friendly`: with CORS, ranges and validators.
 * - `no-cors`: as production servers are: no CORS, no ranges, no validators, any type.
 * - `bare`: the same, also without a length, for MP3 files with spaces in their names.
 * - `expired`: the files are gone.
 * - `slow`: late and slow.
 */
export const fileServices = ['friendly', 'no-cors', 'bare', 'expired', 'slow'] as const
export type FileService = (typeof fileServices)[number]

/** The path of a file below `/sandbox/files`. A `bare` one has raw spaces. */
export function filePath(service: FileService, folder: string, name: FileName): string {
  switch (service) {
    case 'friendly':
      return `/${folder}/${name}.wav`
    case 'bare':
      return `/bare/${folder}/My Song (${name}).mp3`
    case 'no-cors':
    case 'expired':
    case 'slow':
      return `/${service}/${folder}/${name}.wav`
  }
}

/** The file at a path below `/sandbox/files`, with or without its folder; null if there is none. */
export function fileAt(path: string): { readonly service: FileService; readonly name: FileName } | null {
  const found =
    /^\/(?:(no-cors|bare|expired|slow)\/)?(?:[0-9a-z]{1,32}\/)?(?:([a-z-]+)\.wav|My%20Song%20\(([a-z-]+)\)\.mp3)$/.exec(
      path,
    )
  if (found === null) return null
  const [, kind, wav, mp3] = found
  const service = fileServices.find((each) => each === kind) ?? 'friendly'
  const name = fileNames.find((each) => each === (service === 'bare' ? mp3 : wav))
  return name === undefined ? null : { service, name }
}

/**
 * Where the sandbox of this process serves a file. The file may have been named under another PUBLIC_URL.
 * @param url the base URL at which this process listens
 * @returns null if the address is not one of the sandbox's files
 */
export function ownFileAddress(url: string, address: string): string | null {
  const path = /\/sandbox\/files\/[^?#]*$/.exec(new URL(address).pathname)?.[0]
  return path === undefined ? null : `${url}${path}`
}
