import { stemName, type Stem } from '../separation/task/stem.ts'
import type { Task } from '../separation/task/task.ts'
import { formatOfUrl, type AudioFormat } from './audio-format.ts'

/** Of each of the two parts of a name, in bytes: file systems allow 255 for the whole. */
const maxPartBytes = 110
/** What file systems forbid or treat specially, and what cannot be seen. */
const unsafe = /[\\/:*?"<>|\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu

/** Names of parts that differ from their capitalised words. */
const titles: Readonly<Record<string, string>> = { vocal: 'Vocals', fx: 'FX' }

/** The name of a stem for people, such as `Backing Vocals`. */
export function titleOf(stem: Pick<Stem, 'part' | 'label'>): string {
  if (stem.part === 'other') return stem.label ?? 'Other'
  const words = stem.part.replace(/(?=[A-Z])/g, ' ')
  return titles[stem.part] ?? words.charAt(0).toUpperCase() + words.slice(1)
}

/** The last part of a stem's link, such as `backing-vocals.mp3`. It depends on the stem's name and the provider's address only. */
export function linkFileName(stem: Stem): string {
  const base = stem.part === 'other' ? stemName(stem).slice('other.'.length) : titleOf(stem).toLowerCase()
  const format = formatOfUrl(stem.url.value)
  return `${base.replaceAll(' ', '-') || 'other'}${format === null ? '' : `.${format}`}`
}

/** The name of a downloaded file, such as `audio-1 – Vocals.mp3`. */
export function downloadName(task: Task, stem: Stem, format: AudioFormat | null): string {
  const name = `${trackName(task)} – ${safeName(titleOf(stem)) || 'Other'}`
  return `${name}${format === null ? '' : `.${format}`}`
}

/** The name of the zip of all stems, such as `audio-1.zip`. */
export function zipFileName(task: Task): string {
  return `${trackName(task)}.zip`
}

/** The names, each once: equal ones get numbers, such as `audio-1 – Other (2).mp3`. Names that differ in case only are equal. */
export function distinctNames(names: readonly string[]): readonly string[] {
  const taken = new Set<string>()
  const isFree = (name: string) => !taken.has(name.normalize('NFC').toLowerCase())
  return names.map((name) => {
    const [, base = name, extension = ''] = /^(.+)(\.[a-z0-9]{3,4})$/.exec(name) ?? []
    let distinct = name
    for (let nth = 2; !isFree(distinct); nth++) distinct = `${base} (${nth})${extension}`
    taken.add(distinct.normalize('NFC').toLowerCase())
    return distinct
  })
}

function trackName({ id, audioId }: Task): string {
  return safeName(audioId ?? '') || id
}

/** The text as a part of a file's name; it may be empty. A name that ends with a dot or a space cannot be saved everywhere. */
function safeName(text: string): string {
  const safe = text.replace(unsafe, '_').trim()
  // The cut may have left a part of a character.
  const cut = Buffer.from(safe)
    .subarray(0, maxPartBytes)
    .toString()
    .replace(/\ufffd+$/, '')
  return cut.replace(/[.\s]+$/, '')
}
