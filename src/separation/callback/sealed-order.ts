import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import * as z from 'zod'
import { separationTypes, type SeparationType } from '../task/separation-type.ts'
import type { ProviderName } from '../task/provider-name.ts'

/** The order in a callback address, for a store that has lost it. */
export interface AddressedOrder {
  readonly taskId: string
  readonly provider: ProviderName
  readonly owner: string
  readonly type: SeparationType | null
  /** null, as is `audioId`, if the address had no room for the track. */
  readonly musicTaskId: string | null
  readonly audioId: string | null
  readonly reference: string | null
}

/** The encrypted part of an order. The rest stands in the address in clear. */
export type SealedOrder = Omit<AddressedOrder, 'taskId' | 'provider'>

/** Encrypts and authenticates orders with one secret. */
export interface OrderSeal {
  /** @param subject the provider and task id of the order, which are authenticated with it */
  seal(order: SealedOrder, subject: string): string
  /** null for anything that `seal` did not return for this subject. */
  open(sealed: string, subject: string): SealedOrder | null
}

const nonceBytes = 12
const tagBytes = 16
const nullableText = z.string().nullable()
/** Addresses of earlier versions lack the reference. A newer version may append fields. */
const orderSchema = z.tuple(
  [z.string(), z.enum(separationTypes).nullable(), nullableText, nullableText, nullableText.default(null)],
  z.unknown(),
)

/** AES-256-GCM: the provider can neither read the order, which names its owner, nor change it. */
export function createOrderSeal(secret: string): OrderSeal {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'stemgate order in a callback address', 32))

  return {
    seal({ owner, type, musicTaskId, audioId, reference }, subject) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(subject))
      const text = JSON.stringify([owner, type, musicTaskId, audioId, ...(reference === null ? [] : [reference])])
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
    },

    open(sealed, subject) {
      const bytes = Buffer.from(sealed, 'base64url')
      // Rejects other base64url encodings of the same bytes.
      if (bytes.length <= nonceBytes + tagBytes || bytes.toString('base64url') !== sealed) return null
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAAD(Buffer.from(subject)).setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
      try {
        const opened = [decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]
        const [owner, type, musicTaskId, audioId, reference] = orderSchema.parse(
          JSON.parse(Buffer.concat(opened).toString('utf8')),
        )
        return { owner, type, musicTaskId, audioId, reference }
      } catch {
        return null
      }
    },
  }
}
