import type { ArchiveLocation } from '../stems/archive/archive-url.ts'
import type { ParsedEnvironment } from './environment.ts'

/** How stems are archived. */
export interface ArchiveConfig {
  readonly location: ArchiveLocation
  /** How long copies are kept after their task was completed, in milliseconds. Infinity: for ever. */
  readonly retentionMs: number
  /** Larger files are not copied. */
  readonly maxFileBytes: number
  /** The wait before a failed copy is tried again, in milliseconds. It doubles with each attempt. Not configurable. */
  readonly retryMs: number
}

const dayMs = 24 * 60 * 60_000

/** null without ARCHIVE_URL. */
export function archiveConfigOf(env: ParsedEnvironment): ArchiveConfig | null {
  const { ARCHIVE_URL: address, ARCHIVE_RETENTION_DAYS: days } = env
  if (address === undefined) return null
  return {
    location: address.kind === 'folder' ? address : { ...address, ...s3AccessOf(env) },
    retentionMs: days === undefined ? Infinity : days * dayMs,
    maxFileBytes: env.ARCHIVE_MAX_FILE_MB * 1_000_000,
    retryMs: 5_000,
  }
}

function s3AccessOf(env: ParsedEnvironment) {
  const region = env.ARCHIVE_S3_REGION
  return {
    region,
    endpoint: env.ARCHIVE_S3_ENDPOINT ?? `https://s3.${region}.amazonaws.com`,
    accessKeyId: env.ARCHIVE_S3_ACCESS_KEY_ID ?? '',
    secretAccessKey: env.ARCHIVE_S3_SECRET_ACCESS_KEY ?? '',
  }
}

const s3Names = [
  'ARCHIVE_S3_ENDPOINT',
  'ARCHIVE_S3_REGION',
  'ARCHIVE_S3_ACCESS_KEY_ID',
  'ARCHIVE_S3_SECRET_ACCESS_KEY',
] as const
const keyNames = ['ARCHIVE_S3_ACCESS_KEY_ID', 'ARCHIVE_S3_SECRET_ACCESS_KEY'] as const
const detailNames = ['ARCHIVE_RETENTION_DAYS', 'ARCHIVE_MAX_FILE_MB', ...s3Names] as const

/** What is wrong with the variables of the archive together. The arguments are those of `mistakenCombinations`. */
export function archiveMistakes(
  env: ParsedEnvironment,
  set: Readonly<Record<string, string>>,
  invalid: ReadonlySet<string>,
): readonly string[] {
  if (invalid.has('ARCHIVE_URL')) return []
  const given = (names: readonly string[]) => names.filter((name) => name in set)
  const { ARCHIVE_URL: address } = env
  const mistakes: string[] = []
  if (address === undefined) {
    const useless = given(detailNames)
    if (useless.length > 0)
      mistakes.push(`${useless.join(' and ')} ${useless.length === 1 ? 'needs' : 'need'} ARCHIVE_URL: set it too.`)
    return mistakes
  }
  if (env.STEM_LINKS === 'direct' && !invalid.has('STEM_LINKS')) {
    mistakes.push(
      'ARCHIVE_URL has no use with STEM_LINKS=direct, whose links never lead to the archive: unset one of them.',
    )
  }
  const missing = address.kind === 's3' ? keyNames.filter((name) => !(name in set) && !invalid.has(name)) : []
  if (missing.length > 0) mistakes.push(`ARCHIVE_URL is a bucket: set ${missing.join(' and ')} too.`)
  const useless = address.kind === 'folder' ? given(s3Names) : []
  if (useless.length > 0) mistakes.push(`ARCHIVE_URL is a folder, for which ${useless.join(' and ')} have no use.`)
  return mistakes
}
