import type { AudioFormat } from './audio-format.ts'

/**
 * The duration of a file, in seconds, from its first bytes and its size in bytes: exact for WAV and for MP3 with a Xing or Info
 * header, computed from the bit rate for MP3 of a constant one. null if these bytes do not show it.
 */
export function durationOf(format: AudioFormat | null, head: Buffer, size: number): number | null {
  const seconds = format === 'wav' ? wavDuration(head, size) : format === 'mp3' ? mp3Duration(head, size) : null
  return seconds !== null && Number.isFinite(seconds) && seconds > 0 ? Math.round(seconds * 1_000) / 1_000 : null
}

function wavDuration(head: Buffer, size: number): number | null {
  let bytesPerSecond: number | null = null
  for (let at = 12; at + 8 <= head.length;) {
    const [name, length] = [head.toString('latin1', at, at + 4), head.readUInt32LE(at + 4)]
    if (name === 'fmt ' && at + 20 <= head.length) bytesPerSecond = head.readUInt32LE(at + 16)
    // A file that was written as a stream does not have its length here.
    if (name === 'data')
      return bytesPerSecond === null ? null : Math.min(length || size, size - at - 8) / bytesPerSecond
    at += 8 + length + (length % 2)
  }
  return null
}

/** kbit/s of layer III, by the index in a frame's header: MPEG-1, then MPEG-2 and 2.5 (ISO 11172-3, 2.4.2.3; ISO 13818-3). */
const bitRates = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
] as const
const sampleRates: readonly number[] = [44_100, 48_000, 32_000]

interface Frame {
  readonly bytes: number
  readonly bytesPerSecond: number
  readonly seconds: number
  /** Where a Xing or Info header may stand, from the start of the frame. */
  readonly tagAt: number
}

function mp3Duration(head: Buffer, size: number): number | null {
  const start = endOfId3(head)
  const first = frameAt(head, start)
  if (first === null) return null
  const tag = start + first.tagAt
  if (/^(Xing|Info)$/.test(head.toString('latin1', tag, tag + 4)) && tag + 12 <= head.length) {
    const hasFrames = (head.readUInt32BE(tag + 4) & 1) === 1
    if (hasFrames) return head.readUInt32BE(tag + 8) * first.seconds
  }
  let at = start + first.bytes
  for (let next = frameAt(head, at); next !== null; next = frameAt(head, at)) {
    if (next.bytesPerSecond !== first.bytesPerSecond) return null
    at += next.bytes
  }
  // What follows must be a frame that is not here whole: otherwise the first was none.
  return at + 4 > head.length ? (size - start) / first.bytesPerSecond : null
}

/** Where the ID3v2 tag at the beginning ends. */
function endOfId3(head: Buffer): number {
  if (head.length < 10 || head.toString('latin1', 0, 3) !== 'ID3') return 0
  const [a = 0, b = 0, c = 0, d = 0] = head.subarray(6, 10)
  return 10 + a * 2 ** 21 + b * 2 ** 14 + c * 2 ** 7 + d
}

function frameAt(bytes: Buffer, at: number): Frame | null {
  if (at + 4 > bytes.length) return null
  const header = bytes.readUInt32BE(at)
  const [version, layer] = [(header >>> 19) & 3, (header >>> 17) & 3]
  const kilobits = bitRates[version === 3 ? 0 : 1][(header >>> 12) & 15] ?? 0
  const fullRate = sampleRates[(header >>> 10) & 3]
  if (header >>> 21 !== 0x7ff || version === 1 || layer !== 1 || kilobits === 0 || fullRate === undefined) return null
  const sampleRate = version === 3 ? fullRate : version === 2 ? fullRate / 2 : fullRate / 4
  const samples = version === 3 ? 1_152 : 576
  const isMono = ((header >>> 6) & 3) === 3
  const sideBytes = version === 3 ? (isMono ? 17 : 32) : isMono ? 9 : 17
  const padding = (header >>> 9) & 1
  return {
    bytes: Math.floor(((samples / 8) * kilobits * 1_000) / sampleRate) + padding,
    bytesPerSecond: (kilobits * 1_000) / 8,
    seconds: samples / sampleRate,
    tagAt: 4 + sideBytes,
  }
}
