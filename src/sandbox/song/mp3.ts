/** The sample rate of the MP3 files, in samples a second. */
const mp3SampleRate = 44_100
/** 32 kbit/s: enough for one tone. */
const bytesPerFrame = (144 * 32_000) / mp3SampleRate
/** How many samples one level of the envelope lasts. */
export const samplesPerLevel = 576
/** The gain at which one coefficient of 1 has the amplitude 1, and how many steps of it double the amplitude (ISO 11172-3, 2.4.3.4). */
const unitGain = 210
const stepsPerDoubling = 4
const silence = 1e-6

/**
 * Encodes a tone with this envelope as MP3 (MPEG-1 layer III, mono): one spectral line, whose gain follows the envelope. It needs
 * no encoder, and its waveform has the shape of what the envelope was taken from.
 * @param levels from 0 to 1, one for each 576 samples
 * @param line the spectral line, of 38 Hz each
 */
export function encodeToneAsMp3(levels: readonly number[], line: number): Buffer {
  const frames: Buffer[] = []
  let written = 0
  for (let at = 0; at < levels.length; at += 2) {
    // A frame has one byte more where the exact length has become a whole byte longer.
    const end = Math.floor(bytesPerFrame * (frames.length + 1))
    const size = end - written
    written = end
    frames.push(encodeFrame([levels[at] ?? 0, levels[at + 1] ?? 0], { line, size }))
  }
  return Buffer.concat(frames)
}

function encodeFrame(
  levels: readonly number[],
  { line, size }: { readonly line: number; readonly size: number },
): Buffer {
  const frame = Buffer.alloc(size)
  let position = 0
  function put(value: number, bits: number): void {
    for (let bit = bits - 1; bit >= 0; bit--, position++) {
      if (((value >>> bit) & 1) === 1) frame[position >> 3]! |= 0x80 >> (position & 7)
    }
  }

  const isPadded = size > Math.floor(bytesPerFrame)
  // Sync, MPEG-1, layer III, no checksum; 32 kbit/s, 44.1 kHz; mono.
  put(0xfffb, 16)
  put(0b0001_00, 6)
  put(isPadded ? 1 : 0, 1)
  put(0, 1)
  put(0b1100_0000, 8)
  // Side information: the frame uses no bytes of earlier ones, and each granule has its own scale factors.
  put(0, 9 + 5 + 4)
  const isFirstOfPair = line % 2 === 0
  const pairsBefore = line >> 1
  for (const level of levels) {
    const gain = unitGain + stepsPerDoubling * Math.log2(Math.max(level, silence))
    put(pairsBefore + (isFirstOfPair ? 2 : 3) + 1, 12)
    put(pairsBefore + 1, 9)
    put(Math.max(0, Math.round(gain)), 8)
    put(0, 4 + 1)
    // Huffman table 1 for all regions.
    for (let region = 0; region < 3; region++) put(1, 5)
    put(7, 4)
    put(7, 3)
    put(0, 3)
  }
  // In table 1, two zeros are `1`, a one before a zero `01`, after it `001`; then its sign.
  for (let granule = 0; granule < levels.length; granule++) {
    for (let pair = 0; pair < pairsBefore; pair++) put(1, 1)
    put(1, isFirstOfPair ? 2 : 3)
    put(0, 1)
  }
  return frame
}
