import { createHash } from 'node:crypto'
import contentDisposition from 'content-disposition'
import type { Stem } from '../../separation/task/stem.ts'
import type { ValidLink } from '../../stems/find-linked.ts'
import type { OpenFile } from '../../stems/stem-source.ts'

/** How long a client may keep a file without asking again, in seconds. Never beyond the end of its link. */
const maxAgeSeconds = 86_400

/** Public: whoever has the link may have the file. */
export function cacheControl({ expiresAtMs }: ValidLink, nowMs: number): string {
  const leftSeconds = expiresAtMs === null ? maxAgeSeconds : Math.floor((expiresAtMs - nowMs) / 1000)
  return `public, max-age=${Math.max(0, Math.min(maxAgeSeconds, leftSeconds))}, no-transform`
}

/** The name of the file, to show it or to save it. */
export function disposition(name: string, isDownload: boolean): string {
  // For clients that do not know RFC 5987.
  const fallback = name.replaceAll('–', '-').replace(/[^\x20-\x7e]/g, '_')
  return contentDisposition(name, { type: isDownload ? 'attachment' : 'inline', fallback })
}

/** A tag that changes with the content of the file: with its digest, or else with its address and what its server says of it. */
export function tagOf(stem: Stem, { validator, size }: Pick<OpenFile, 'validator' | 'size'>): string {
  const version =
    validator?.isDigest === true ? validator.value : `${stem.url.value}\n${validator?.value ?? size ?? ''}`
  const tag = `"${createHash('sha256').update(version).digest('base64url').slice(0, 22)}"`
  return validator?.isWeak === true ? `W/${tag}` : tag
}

/** The tag, unless it is weak: parts of files with the same weak tag must not be joined (RFC 9110, 13.1.5). */
export function strongTagOf(stem: Stem, file: OpenFile): string | null {
  const tag = tagOf(stem, file)
  return tag.startsWith('W/') ? null : tag
}

/** Whether an If-None-Match header lists the tag. */
export function hasTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false
  const plain = (text: string) => text.trim().replace(/^W\//, '')
  return header.trim() === '*' || header.split(',').some((each) => plain(each) === plain(tag))
}
