/** The largest payload that the first form of the length can express, and the second one, in bytes (RFC 6455, 5.2). */
const maxShort = 125
const maxMedium = 0xff_ff
/** The first byte: the final frame of a message, of text. */
const finalText = 0x81

/** The size of the header of an unmasked frame with a payload of this size, in bytes. */
export function frameHeaderBytes(payloadBytes: number): number {
  if (payloadBytes <= maxShort) return 2
  return payloadBytes <= maxMedium ? 4 : 10
}

/** Writes the header of a text message in one frame, as a server sends it: unmasked. Returns where the payload begins. */
export function writeFrameHeader(target: Buffer, at: number, payloadBytes: number): number {
  target[at] = finalText
  if (payloadBytes <= maxShort) {
    target[at + 1] = payloadBytes
  } else if (payloadBytes <= maxMedium) {
    target[at + 1] = 126
    target.writeUInt16BE(payloadBytes, at + 2)
  } else {
    target[at + 1] = 127
    target.writeBigUInt64BE(BigInt(payloadBytes), at + 2)
  }
  return at + frameHeaderBytes(payloadBytes)
}
