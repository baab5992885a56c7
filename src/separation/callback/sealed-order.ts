import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { separationTypes, type ProviderName, type SeparationType } from '../task.ts'

/** What a callback address says of its order, for a store that has forgotten it. */
export interface AddressedOrder {
  readonly taskId: string
  readonly provider: ProviderName
  readonly owner: string
  readonly type: SeparationType | null
  /** null, as `audioId`, where the address had no room for the track. */
  readonly musicTaskId: string | null
  readonly audioId: string | null
}

/** What is sealed: everything of the order that does not stand in the address anyway. */
export type SealedOrder = Omit<AddressedOrder, 'taskId' | 'provider'>

/** Encrypts and authenticates orders under one secret, each for one address. */
export interface OrderSeal {
  /** @param place the address that the order belongs to, without its secret parts */
  seal(order: SealedOrder, place: string): string
  /** null for anything that `seal` did not make for this place. */
  open(sealed: string, place: string): SealedOrder | null
}

const nonceBytes = 12
const tagBytes = 16
/** A later version may say more. */
const orderSchema = z.tuple(
  [z.string(), z.enum(separationTypes).nullable(), z.string().nullable(), z.string().nullable()],
  z.unknown(),
)

/** AES-256-GCM: a provider can read nothing of a callback address, least of all who our callers are, and change nothing. */
export function createOrderSeal(secret: string): OrderSeal {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'stemgate order in a callback address', 32))

  return {
    seal({ owner, type, musicTaskId, audioId }, place) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(place))
      const text = JSON.stringify([owner, type, musicTaskId, audioId])
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
    },

    open(sealed, place) {
      const bytes = Buffer.from(sealed, 'base64url')
      // The comparison refuses other spellings of the same bytes.
      if (bytes.length <= nonceBytes + tagBytes || bytes.toString('base64url') !== sealed) return null
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAAD(Buffer.from(place)).setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
      try {
        const opened = [decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]
        const [owner, type, musicTaskId, audioId] = orderSchema.parse(
          JSON.parse(Buffer.concat(opened).toString('utf8')),
        )
        return { owner, type, musicTaskId, audioId }
      } catch {
        return null
      }
    },
  }
}
