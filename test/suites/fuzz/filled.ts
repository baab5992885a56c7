import type { Charge, RawAnswer } from './fuzz-provider.ts'
import { unknowns } from './recorded-answers.ts'

/** The answer with what only the provider knows. */
export function filled(answer: RawAnswer, charge: Pick<Charge, 'callBackUrl' | 'providerTaskId'>): RawAnswer {
  const text = answer.bytes.toString('latin1')
  if (!text.includes(unknowns.address) && !text.includes(unknowns.id)) return answer
  const bytes = text.replaceAll(unknowns.address, charge.callBackUrl).replaceAll(unknowns.id, charge.providerTaskId)
  const [head = '', ...rest] = bytes.split('\r\n\r\n')
  const body = rest.join('\r\n\r\n')
  const longer = bytes.length - text.length
  const measured = head.replace(/Content-Length: (\d+)/, (_, length) => `Content-Length: ${Number(length) + longer}`)
  return { ...answer, bytes: Buffer.from(rest.length === 0 ? bytes : `${measured}\r\n\r\n${body}`, 'latin1') }
}
