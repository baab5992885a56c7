import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { orderTypes, type OrderType } from './stems.ts'

/** What was ordered: all that record-info must know of a task. */
export interface SandboxOrder {
  readonly type: OrderType
  readonly audioId: string
  readonly callbackUrl: string
  /** Milliseconds since 1970. */
  readonly createdAtMs: number
  /** How long a usual separation took when this was ordered, in ms. */
  readonly delayMs: number
}

/** Turns orders into task ids and back. */
export interface TaskIds {
  /** A new id, another one every time: URL-safe, some 420 characters. */
  make(order: SandboxOrder): string
  /** What the id says; null if it was not made with our secret. */
  read(id: string): SandboxOrder | null
}

/** What `audioId` and `callbackUrl` may be long together, in bytes: an id then has less than 900 characters. */
export const maxOrderBytes = 620

const nonceBytes = 12
const tagBytes = 16
/** Type, creation time, delay, length of the audio id. */
const fixedBytes = 1 + 6 + 4 + 1
const maxIdLength = 900

function pack(order: SandboxOrder): Buffer {
  const fixed = Buffer.alloc(fixedBytes)
  fixed.writeUInt8(orderTypes.indexOf(order.type), 0)
  fixed.writeUIntBE(order.createdAtMs, 1, 6)
  fixed.writeUInt32BE(Math.min(order.delayMs, 0xffff_ffff), 7)
  const audioId = Buffer.from(order.audioId)
  fixed.writeUInt8(audioId.length, 11)
  return Buffer.concat([fixed, audioId, Buffer.from(order.callbackUrl)])
}

function unpack(packed: Buffer): SandboxOrder | null {
  const type = orderTypes[packed.readUInt8(0)]
  if (type === undefined) return null
  const callbackUrlAt = fixedBytes + packed.readUInt8(11)
  return {
    type,
    createdAtMs: packed.readUIntBE(1, 6),
    delayMs: packed.readUInt32BE(7),
    audioId: packed.toString('utf8', fixedBytes, callbackUrlAt),
    callbackUrl: packed.toString('utf8', callbackUrlAt),
  }
}

/**
 * The order stands in the id itself, so whoever has the secret can read it, after a restart too. It is encrypted and
 * authenticated (AES-256-GCM): an id cannot be made up, and it does not tell the callback URL, which holds a secret of
 * its own, to the clients that are shown the id.
 */
export function createTaskIds(secret: string): TaskIds {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'stemgate sandbox task id', 32))

  return {
    make(order) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
      const sealed = Buffer.concat([cipher.update(pack(order)), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
    },
    read(id) {
      const bytes = Buffer.from(id.slice(0, maxIdLength), 'base64url')
      // The comparison refuses other spellings of the same bytes: one task has one id.
      if (bytes.length < nonceBytes + tagBytes + fixedBytes || bytes.toString('base64url') !== id) return null
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
      const opened = decipher.update(bytes.subarray(nonceBytes + tagBytes))
      try {
        return unpack(Buffer.concat([opened, decipher.final()]))
      } catch {
        return null
      }
    },
  }
}
