import type { SeparateMutation, SeparationFieldsFragment } from '../../schema/operations.ts'

/** A separation as it is now. */
export type Task = SeparationFieldsFragment

/** A file with one part of the track. */
export type Stem = Task['allStems'][number]

/** Why an order was refused. `__typename` tells the reasons apart. */
export type Refusal = Exclude<SeparateMutation['separate'], { readonly __typename: 'SeparateSuccess' }>

/** What became of an order: `SeparateSuccess` with its task, or a refusal. */
export type Ordered = SeparateMutation['separate'] & { readonly idempotencyKey: string }
