import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeToneAsMp3 } from '../../src/sandbox/song/mp3.ts'
import { encodeWav } from '../../src/sandbox/song/wav.ts'
import { durationOf } from '../../src/stems/audio-duration.ts'
import { formatOfBytes } from '../../src/stems/audio-format.ts'

test('the duration of WAV is exact, also if its header does not have the length', () => {
  const wav = encodeWav(new Int16Array(33_075), 22_050)
  expect(formatOfBytes(wav)).toBe('wav')
  expect(durationOf('wav', wav.subarray(0, 100), wav.length)).toBe(1.5)
  const stream = Buffer.from(wav)
  stream.writeUInt32LE(0xffff_ffff, 40)
  expect(durationOf('wav', stream.subarray(0, 44), stream.length)).toBe(1.5)
})

test('the duration of MP3 follows from a constant bit rate, after a tag as well', () => {
  const mp3 = encodeToneAsMp3(Array<number>(400).fill(0.5), 12)
  const seconds = (400 * 576) / 44_100
  expect(formatOfBytes(mp3)).toBe('mp3')
  expect(durationOf('mp3', mp3.subarray(0, 3_000), mp3.length)).toBeCloseTo(seconds, 1)
  const tag = Buffer.alloc(10 + 300)
  tag.write('ID3\u0004', 'latin1')
  tag.writeUInt8(300 >> 7, 8)
  tag.writeUInt8(300 & 127, 9)
  const tagged = Buffer.concat([tag, mp3])
  expect(durationOf('mp3', tagged.subarray(0, 3_000), tagged.length)).toBeCloseTo(seconds, 1)
})

test('the duration of MP3 of any bit rate is in its Xing header', () => {
  const mp3 = encodeToneAsMp3([0.5, 0.5, 0.5, 0.5], 12)
  const xing = Buffer.from(mp3)
  xing.write('Xing', 21, 'latin1')
  xing.writeUInt32BE(1, 25)
  xing.writeUInt32BE(1_000, 29)
  expect(durationOf('mp3', xing, xing.length)).toBeCloseTo((1_000 * 1_152) / 44_100, 2)
})

test('bytes that are no such file have no duration', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom('mp3', 'wav', 'flac', null), (bytes, format) => {
      const seconds = durationOf(format, Buffer.from(bytes), 1_000)
      expect(seconds === null || (seconds > 0 && Number.isFinite(seconds))).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})
