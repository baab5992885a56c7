import { z } from 'zod'
import { InvalidInputError } from './errors.ts'
import { providerNames, separationTypes } from './task.ts'

const maxIdLength = 255

/** An id of the provider's: any text it may have made, but nothing that only a mistake can make. */
const foreignId = z
  .string()
  .min(1, 'must not be empty')
  .max(maxIdLength, `must not be longer than ${maxIdLength} characters`)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'must not contain control characters')
  .refine((text) => text === text.trim(), 'must not begin or end with a space')

const schema = z
  .object({
    musicTaskId: foreignId,
    audioId: foreignId,
    type: z.enum(separationTypes),
    provider: z.enum(providerNames).nullable(),
    idempotencyKey: z
      .string()
      .min(1, 'must not be empty')
      .max(maxIdLength, `must not be longer than ${maxIdLength} characters`)
      .nullable(),
    force: z.boolean(),
  })
  .refine((input) => !input.force || input.idempotencyKey !== null, {
    path: ['idempotencyKey'],
    message: 'is needed with force: without a key, a call that is sent twice would be charged twice',
  })

/** What a caller orders. */
export type SeparateInput = z.infer<typeof schema>

/** Throws InvalidInputError that names everything wrong with the input at once. */
export function parseSeparateInput(input: SeparateInput): SeparateInput {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  throw new InvalidInputError(
    parsed.error.issues.map(({ path, message }) => ({ path: ['input', ...path.map(String)], message: `${message}.` })),
  )
}

/** The input as it was given, to tell a repeated call from another one that uses the same key. */
export function fingerprintOf({ musicTaskId, audioId, type, provider }: SeparateInput): string {
  return JSON.stringify([musicTaskId, audioId, type, provider])
}
