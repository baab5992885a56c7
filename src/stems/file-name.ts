import { stemName, type Stem, type Task } from '../separation/task.ts'
import { formatOfUrl, type AudioFormat } from './audio-format.ts'

const maxNameLength = 120
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
  const name = [task.audioId ?? task.id, titleOf(stem)].map(safeName).join(' – ')
  return `${name}${format === null ? '' : `.${format}`}`
}

function safeName(text: string): string {
  const safe = text.replace(unsafe, '_').trim().slice(0, maxNameLength)
  // The cut may have left half of a surrogate pair.
  return safe.replace(/\p{Cs}$/u, '')
}
