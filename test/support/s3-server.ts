import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import S3rver from 's3rver'
import { onTestFinished } from 'vitest'
import { filesIn, newFolder, type TestArchive } from './archive.ts'
import { canary } from './canaries.ts'

export interface S3Server extends TestArchive {
  /** The requests so far, such as `PUT /stems/archive/…`. */
  readonly requests: readonly string[]
  /** Answers the next requests for which it returns true, or all others as usual. */
  interfere(how: ((request: IncomingMessage, response: ServerResponse) => boolean) | null): void
}

const bucket = 'stems'
const prefix = 'archive'
/** The one key that the server knows. */
const accessKeyId = 'S3RVER'
export const s3Secret = `s3-secret-${canary}`
const region = 'eu-test-1'
const suffix = '._S3rver_object'

/** A server of the S3 protocol with an empty bucket, which checks signatures. It ends with the test. */
export async function startS3Server(): Promise<S3Server> {
  const directory = await newFolder()
  const s3 = new S3rver({ directory, silent: true, configureBuckets: [{ name: bucket }] })
  await s3.configureBuckets()
  const answer: RequestListener = s3.callback()
  const requests: string[] = []
  let interference: ((request: IncomingMessage, response: ServerResponse) => boolean) | null = null
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    if (interference?.(request, response) === true) return
    if (isSigned(request)) answer(request, response)
    else sendS3Error(response, 403, 'SignatureDoesNotMatch')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  const root = join(directory, bucket, prefix)
  return {
    environment: {
      ARCHIVE_URL: `s3://${bucket}/${prefix}`,
      ARCHIVE_S3_ENDPOINT: `http://127.0.0.1:${address.port}`,
      ARCHIVE_S3_REGION: region,
      ARCHIVE_S3_ACCESS_KEY_ID: accessKeyId,
      ARCHIVE_S3_SECRET_ACCESS_KEY: s3Secret,
    },
    requests,
    interfere: (how) => void (interference = how),
    async keys() {
      const paths = await filesIn(root).catch(() => [])
      return paths
        .filter((path) => path.endsWith(suffix) && path.includes('/'))
        .map((path) => path.slice(0, -suffix.length))
    },
    lose: (key) => rm(join(root, `${key}${suffix}`)),
  }
}

/** Answers as an S3 server does that refuses a request. */
export function sendS3Error(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><AWSAccessKeyId>${s3Secret}</AWSAccessKeyId></Error>`)
}

const credential = new RegExp(
  `^AWS4-HMAC-SHA256 Credential=${accessKeyId}/(\\d{8})/${region}/s3/aws4_request, ?SignedHeaders=([\\w;-]+), ?Signature=([0-9a-f]{64})$`,
)

/** Whether the request has a valid signature of version 4 (docs.aws.amazon.com, "Create a signed AWS API request"). */
function isSigned({ method = '', url = '', headers }: IncomingMessage): boolean {
  const [, date = '', names = '', signature] = credential.exec(headers.authorization ?? '') ?? []
  const signed = names.split(';')
  if (
    signature === undefined ||
    !['host', 'x-amz-date', 'x-amz-content-sha256'].every((name) => signed.includes(name))
  ) {
    return false
  }
  const time = String(headers['x-amz-date'])
  const [path = '', query = ''] = url.split('?')
  const canonical = [
    method,
    path,
    query.split('&').toSorted().join('&'),
    ...signed.map((name) => `${name}:${String(headers[name] ?? '').trim()}`),
    '',
    names,
    String(headers['x-amz-content-sha256']),
  ].join('\n')
  const scope = `${date}/${region}/s3/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(canonical).digest('hex')].join('\n')
  const key = [date, region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${s3Secret}`)
  return time.startsWith(date) && hmac(key, toSign).toString('hex') === signature
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
