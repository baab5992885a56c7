import { fileURLToPath } from 'node:url'
import { findCanary } from '../../support/canaries.ts'
import { breach, type Breach } from './breach.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')
/** As a stack trace or a path of ours stands in a text, or in a text within JSON. */
const inside = /(?:\n|\\n)\s+at [^\n]{0,200}:\d+|node_modules|file:\/\/|\.[cm]?[jt]s:\d+|\bat [\w.<>]+ \(node:/
const ourFault =
  /"code":\s*"INTERNAL_SERVER_ERROR"|An internal error occurred|Internal [Ss]erver [Ee]rror|Unexpected error/

/** What is wrong with whatever a gateway has sent; `status` is HTTP's, if it was HTTP. */
export function judgeAnswer(text: string, status: number | null = null): readonly Breach[] {
  const breaches: Breach[] = []
  const say = (promise: Breach['promise'], why: string) =>
    breaches.push(breach(promise, `${why} in ${status ?? ''} ${JSON.stringify(text.slice(0, 400))}`))
  // A gateway whose store is busy or who is stopping says 503, and says when to come again.
  if (status !== null && status >= 500 && status !== 503) say('no response is an internal error', `status ${status}`)
  const addIssue = ourFault.exec(text)
  if (addIssue !== null) say('no response is an internal error', addIssue[0])
  const report = inside.exec(text)?.[0] ?? (text.includes(root) ? root : undefined)
  if (report !== undefined) say('no response reveals internals', report)
  const secret = findCanary(text)
  if (secret !== null) say('no response contains a secret', secret)
  return breaches
}
