/** How a body is put behind its head: the fields that tell of its length, and the bytes, rightly or in one of many wrong ways. */
export function framed(
  body: Buffer,
  framing: string,
): { readonly fields: readonly string[]; readonly content: Buffer } {
  const length = (by: number) => [`Content-Length: ${body.length + by}`]
  const half = body.length >> 1
  switch (framing) {
    case 'chunked':
      return { fields: ['Transfer-Encoding: chunked'], content: chunked(body, half) }
    case 'bad chunks':
      return {
        fields: ['Transfer-Encoding: chunked'],
        content: Buffer.concat([Buffer.from('zz\r\n'), chunked(body, half)]),
      }
    case 'both':
      return { fields: [...length(0), 'Transfer-Encoding: chunked'], content: chunked(body, half) }
    case 'too long':
      return { fields: length(20), content: body }
    case 'too short':
      return { fields: length(-Math.min(body.length, 7)), content: body }
    case 'negative':
      return { fields: ['Content-Length: -1'], content: body }
    case 'twice':
      return { fields: [...length(0), ...length(1)], content: body }
    case 'no length':
      return { fields: [], content: body }
    case 'bare':
      return { fields: [], content: Buffer.alloc(0) }
    case 'cut':
      return { fields: length(0), content: body.subarray(0, half) }
    default:
      return { fields: length(0), content: body }
  }
}

function chunked(body: Buffer, half: number): Buffer {
  const parts = [body.subarray(0, half), body.subarray(half)].filter((part) => part.length > 0)
  const chunks = parts.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')])
  return Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')])
}
