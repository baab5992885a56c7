import { z } from 'zod'
import type { InputIssue } from '../errors.ts'
import { providerNames, separationTypes } from '../task.ts'

const maxIdLength = 255

/** What every store keeps as it is. Half a surrogate pair, or what follows a NUL, it may not: two texts would become one. */
const storable = z
  .string()
  .min(1, 'must not be empty')
  .max(maxIdLength, `must not be longer than ${maxIdLength} characters`)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'must not contain control characters')
  .regex(/^\P{Cs}*$/u, 'must be well-formed Unicode')

/** An id of the provider's: any text it may have made, but nothing that only a mistake can make. */
const foreignId = storable.refine((text) => text === text.trim(), 'must not begin or end with a space')

const schema = z
  .object({
    musicTaskId: foreignId,
    audioId: foreignId,
    type: z.enum(separationTypes),
    provider: z.enum(providerNames).nullable(),
    idempotencyKey: storable.nullable(),
    force: z.boolean(),
  })
  .refine((input) => !input.force || input.idempotencyKey !== null, {
    path: ['idempotencyKey'],
    message: 'is needed with force: without a key, a call that is sent twice would be charged twice',
  })

/** What a caller orders. */
export type SeparateInput = z.infer<typeof schema>

/** Everything that is wrong with the input. */
export function issuesOf(input: SeparateInput): readonly InputIssue[] {
  const { error } = schema.safeParse(input)
  return (error?.issues ?? []).map(({ path, message }) => ({
    path: ['input', ...path.map(String)],
    message: `${message}.`,
  }))
}

/** The input as it was given, to tell a repeated call from another one that uses the same key. */
export function fingerprintOf({ musicTaskId, audioId, type, provider }: SeparateInput): string {
  return JSON.stringify([musicTaskId, audioId, type, provider])
}
