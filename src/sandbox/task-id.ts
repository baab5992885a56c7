import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { orderTypes, type OrderType } from './stems.ts'

/** An order: all that record-info needs to know about a task. */
export interface SandboxOrder {
  readonly type: OrderType
  readonly audioId: string
  readonly callbackUrl: string
  /** Milliseconds since 1970. */
  readonly createdAtMs: number
  /** The default duration of a separation when this was ordered, in milliseconds. */
  readonly delayMs: number
}

/** Converts orders to task ids and back. */
export interface TaskIds {
  /** Creates a new, unique id: URL-safe, about 420 characters. */
  make(order: SandboxOrder): string
  /** Reads the order from an id; null if the id was not made with this secret. */
  read(id: string): SandboxOrder | null
}

/** The maximum length of `audioId` and `callbackUrl` together, in bytes. An id then has fewer than 900 characters. */
export const maxOrderBytes = 620

const nonceBytes = 12
const tagBytes = 16
/** The type, the creation time, the delay, and the length of the audio id. */
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
 * An id contains its order, so every gateway with the secret can read it, also after a restart. It is encrypted and
 * authenticated (AES-256-GCM): an id cannot be forged, and does not reveal the callback URL, which holds a secret, to
 * clients that see the id.
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
      // Rejects other encodings of the same bytes: a task has exactly one id.
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
