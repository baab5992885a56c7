import type { BudgetKind, Provider, SeparationType, StemPart } from '../../schema/operations.ts'
import type { Task } from './tasks.ts'

export const providerWords: Readonly<Record<Provider, string>> = {
  KIE: 'Kie',
  APIKLEY: 'Apikley',
  SUNOAPI: 'SunoAPI',
  SANDBOX: 'Sandbox',
}

export const typeWords: Readonly<Record<SeparationType, string>> = {
  SEPARATE_VOCAL: 'Vocals + instrumental',
  SPLIT_STEM: 'Every instrument',
}

/** What a budget counts. */
export const budgetWords: Readonly<Record<BudgetKind, string>> = {
  CREDITS: 'credits',
  ORDERS: 'orders',
  SEPARATE_VOCAL: 'orders of vocals + instrumental',
  SPLIT_STEM: 'orders of every instrument',
}

export const partWords: Readonly<Record<StemPart, string>> = {
  VOCAL: 'Vocals',
  INSTRUMENTAL: 'Instrumental',
  BACKING_VOCALS: 'Backing vocals',
  DRUMS: 'Drums',
  BASS: 'Bass',
  GUITAR: 'Guitar',
  PIANO: 'Piano',
  KEYBOARD: 'Keyboard',
  PERCUSSION: 'Percussion',
  STRINGS: 'Strings',
  SYNTH: 'Synth',
  FX: 'Effects',
  BRASS: 'Brass',
  WOODWINDS: 'Woodwinds',
  OTHER: 'Other',
}

/** What a task is called in a list: its reference, or its track. */
export function titleOf(task: Task): string {
  return task.reference ?? task.audioId ?? 'Adopted task'
}

/** How a task stands. Its files may be gone although it succeeded. */
export type Standing = 'pending' | 'ready' | 'expired' | 'failed'

export function standingOf(task: Task, nowMs: number): Standing {
  if (!task.settled) return 'pending'
  if (task.status !== 'SUCCESS') return 'failed'
  return task.expiresAt !== null && Date.parse(task.expiresAt) <= nowMs ? 'expired' : 'ready'
}

export const standingWords: Readonly<Record<Standing, string>> = {
  pending: 'In progress',
  ready: 'Ready',
  expired: 'Expired',
  failed: 'Failed',
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const

/** A time as people say it, such as `5 minutes ago` or `in 14 days`. */
export function relativeTime(time: string, nowMs: number): string {
  const seconds = (Date.parse(time) - nowMs) / 1000
  const [unit, size] = units.find(([, each]) => Math.abs(seconds) >= each) ?? ['second', 1]
  return unit === 'second' && Math.abs(seconds) < 10 ? 'just now' : relative.format(Math.round(seconds / size), unit)
}

/** A position in a song, such as `2:05`. */
export function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
