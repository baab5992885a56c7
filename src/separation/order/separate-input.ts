import * as z from 'zod'
import { providerNames } from '../task/provider-name.ts'
import { separationTypes } from '../task/separation-type.ts'
import type { InputIssue } from './order-refusal.ts'

const maxTextLength = 255

/** Text that every store keeps unchanged. Lone surrogates and NUL are not: two different texts would become equal. */
const storableText = z
  .string()
  .min(1, 'must not be empty')
  .max(maxTextLength, `must not be longer than ${maxTextLength} characters`)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'must not contain control characters')
  .regex(/^\P{Cs}*$/u, 'must be well-formed Unicode')

/** An id made by the provider, in any form. */
const providerId = storableText.refine((text) => text === text.trim(), 'must not begin or end with a space')

const schema = z
  .object({
    musicTaskId: providerId,
    audioId: providerId,
    type: z.enum(separationTypes),
    provider: z.enum(providerNames).nullable(),
    idempotencyKey: storableText.nullable(),
    reference: storableText.nullable(),
    /** Checked by `MistakeInUrl`. */
    webhookUrl: z.string().nullable(),
    force: z.boolean(),
  })
  .refine((input) => !input.force || input.idempotencyKey !== null, {
    path: ['idempotencyKey'],
    message: 'is required with force: without a key, a call that is sent twice would be charged twice',
  })

/** What a caller orders. */
export type SeparateInput = z.infer<typeof schema>

/** What is wrong with a URL that is to be told of a task, as a clause; null if messages may be sent to it. */
export type MistakeInUrl = (url: string) => string | null

/** Everything that is wrong with the input. */
export function issuesOf(input: SeparateInput, mistakeInWebhookUrl: MistakeInUrl): readonly InputIssue[] {
  const { error } = schema.safeParse(input)
  const mistake = input.webhookUrl === null ? null : mistakeInWebhookUrl(input.webhookUrl)
  const issues = [...(error?.issues ?? []), ...(mistake === null ? [] : [{ path: ['webhookUrl'], message: mistake }])]
  return issues.map(({ path, message }) => ({ path: ['input', ...path.map(String)], message: `${message}.` }))
}

/**
 * Identifies the input of an idempotency key. `force` is left out: it does not make another order. Without a reference and
 * a URL the fingerprint is that of earlier versions, which are stored.
 */
export function fingerprintOf({ musicTaskId, audioId, type, provider, reference, webhookUrl }: SeparateInput): string {
  const track = [musicTaskId, audioId, type, provider]
  if (webhookUrl !== null) return JSON.stringify([...track, reference, webhookUrl])
  return JSON.stringify([...track, ...(reference === null ? [] : [reference])])
}
