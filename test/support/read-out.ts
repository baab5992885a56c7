import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'

/** Reads a file to its end, however it ends. */
export async function readOut(link: string, headers: Readonly<Record<string, string>> = {}) {
  const request = httpRequest(link, { headers, agent: false })
  request.end()
  const [response]: IncomingMessage[] = await once(request, 'response')
  if (response === undefined) throw new Error('A response has come.')
  const chunks: Buffer[] = []
  response.on('data', (chunk: Buffer) => chunks.push(chunk))
  const end = await new Promise<'ended' | 'cut'>((resolve) => {
    response.once('end', () => resolve('ended'))
    response.once('error', () => resolve('cut'))
  })
  return { response, body: Buffer.concat(chunks), end }
}
