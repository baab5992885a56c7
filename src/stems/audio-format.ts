/** The formats that stems are known to have. */
export const audioFormats = ['mp3', 'wav', 'flac', 'ogg', 'm4a', 'aac'] as const
export type AudioFormat = (typeof audioFormats)[number]

const mediaTypes = {
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  flac: 'audio/flac',
  ogg: 'audio/ogg',
  m4a: 'audio/mp4',
  aac: 'audio/aac',
} as const satisfies Record<AudioFormat, string>

/** Other names of the types that servers send. */
const aliases: Readonly<Record<string, AudioFormat>> = {
  'audio/mp3': 'mp3',
  'audio/mpeg3': 'mp3',
  'audio/x-mpeg': 'mp3',
  'audio/x-mp3': 'mp3',
  'audio/x-wav': 'wav',
  'audio/wave': 'wav',
  'audio/vnd.wave': 'wav',
  'audio/x-flac': 'flac',
  'audio/opus': 'ogg',
  'application/ogg': 'ogg',
  'audio/x-m4a': 'm4a',
  'audio/m4a': 'm4a',
  'audio/aacp': 'aac',
}

/** The media type of a format; that of any bytes if the format is not known. */
export function mediaTypeOf(format: AudioFormat | null): string {
  return format === null ? 'application/octet-stream' : mediaTypes[format]
}

/** The format that a Content-Type names; null if it names none of these. */
function formatOfMediaType(contentType: string | null): AudioFormat | null {
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? ''
  return audioFormats.find((format) => mediaTypes[format] === type) ?? aliases[type] ?? null
}

/** The format that the extension of a URL's path names; null if it names none of these. */
export function formatOfUrl(url: string): AudioFormat | null {
  const extension = /\.([a-z0-9]{3,4})$/i.exec(new URL(url).pathname)?.[1]?.toLowerCase()
  return audioFormats.find((format) => format === extension) ?? null
}

/** The media types of error pages. */
const textTypes = /^\s*(text\/|application\/(json|xml|xhtml|problem))/i

/** Whether a file server answered with a page of text, such as an error, in place of the audio. */
export function isTextPage(contentType: string | null, firstBytes: Uint8Array): boolean {
  return formatOfBytes(firstBytes) === null && textTypes.test(contentType ?? '')
}

/** How many bytes at the beginning of a file show its format. */
export const signatureBytes = 12

/** The format that the first bytes of a file show; null if they show none of these. */
export function formatOfBytes(bytes: Uint8Array): AudioFormat | null {
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to))
  if (text(0, 3) === 'ID3') return 'mp3'
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WAVE') return 'wav'
  if (text(0, 4) === 'fLaC') return 'flac'
  if (text(0, 4) === 'OggS') return 'ogg'
  if (text(4, 8) === 'ftyp') return 'm4a'
  const [first = 0, second = 0] = bytes
  if (first !== 0xff || (second & 0xe0) !== 0xe0) return null
  // The bits of the layer: AAC's frames (ADTS) have none.
  return (second & 0x06) === 0 ? 'aac' : 'mp3'
}

/** The format by the first bytes, else by what the server says, else by the URL; null if none of them shows one. */
export function formatOf(file: {
  /** null if they are not known. */
  readonly firstBytes: Uint8Array | null
  readonly contentType: string | null
  readonly url: string
}): AudioFormat | null {
  const seen = file.firstBytes === null ? null : formatOfBytes(file.firstBytes)
  return seen ?? formatOfMediaType(file.contentType) ?? formatOfUrl(file.url)
}
