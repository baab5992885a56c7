import { errors } from 'jose'
import { createLimitedLog } from '../runtime/limited-log.ts'
import type { Log } from '../runtime/log.ts'

/** Logs that a token was refused, with a reason that contains nothing of the token. Its caller is not told the reason. */
export type LogRefusedToken = (reason: string) => void

/** Of each reason: everybody can send tokens. */
const linesPerMinute = 5

export function createLogRefusedToken(log: Log): LogRefusedToken {
  const write = createLimitedLog({ log, maxPerMinute: linesPerMinute })
  return (reason) => write(reason, 'info', { event: 'token.refused', reason }, 'a token was refused: it is invalid')
}

/** Why a token is invalid: `missing-<claim>`, `wrong-<claim>`, or one of a few words. */
export function refusalReasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed) {
    return `${error.reason === 'missing' ? 'missing' : 'wrong'}-${error.claim}`
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature'
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm'
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return 'unknown-key'
  return 'malformed'
}
