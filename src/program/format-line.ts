import { pino } from 'pino'

/** Fields that are the same in every line of a process, or that a person does not read. */
const leftOut = new Set(['level', 'time', 'msg', 'service', 'version', 'instance'])

/** A JSON line of the log as text for people: time, level, message, and the fields as `name=value`. */
export function formatLine(json: string): string {
  const line: Readonly<Record<string, unknown>> = JSON.parse(json)
  const { err, ...fields } = line
  const level = pino.levels.labels[Number(line['level'])] ?? 'log'
  const detail = Object.entries(fields)
    .filter(([name, value]) => !leftOut.has(name) && value !== null)
    .map(([name, value]) => ` ${name}=${plain(value)}`)
  return `${new Date(Number(line['time'])).toISOString()} ${level.padEnd(5)} ${String(line['msg'])}${detail.join('')}${errorText(err)}\n`
}

/** A value as a person would write it. JSON, if it would run into the next one, or could control the terminal. */
function plain(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=\p{Cc}]+$/u.test(value) ? value : escaped(JSON.stringify(value))
}

/** JSON does not escape DEL and the C1 control characters, which control terminals as well. */
function escaped(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The stack of an error on lines of its own. It begins with the message, which may have several lines. */
function errorText(err: unknown): string {
  if (err === undefined) return ''
  const hasStack = typeof err === 'object' && err !== null && 'stack' in err && 'message' in err
  if (!hasStack) return ` err=${plain(err)}`
  const frames = String(err.stack).split('\n').slice(1)
  return [` err=${plain(err.message)}`, ...frames.map(escaped)].join('\n')
}
