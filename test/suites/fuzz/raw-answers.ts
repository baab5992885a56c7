import * as fc from 'fast-check'
import { gzipSync } from 'node:zlib'
import type { RawAnswer } from './fuzz-provider.ts'
import { mangled, mutated } from './mutations.ts'
import { recordedAnswers } from './recorded-answers.ts'

const bodies = (recorded: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 16, arbitrary: recorded.map((text) => Buffer.from(text)) },
    { weight: 4, arbitrary: mangled(mutated(recorded)) },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('', '<html><body>502 Bad Gateway</body></html>', 'null', '[]', '1', '{')
        .map((text) => Buffer.from(text)),
    },
    {
      weight: 1,
      arbitrary: fc
        .nat(20_000)
        .map((depth) => Buffer.from(`{"code":200,"data":${'['.repeat(depth)}${']'.repeat(depth)}}`)),
    },
  )
const huge = fc.nat(2_000_000).map((size) => Buffer.from(`{"code":200,"data":{"taskId":"${'x'.repeat(size)}"}}`))
const headers = fc.array(
  fc.oneof(
    fc.constantFrom(
      'Content-Encoding: gzip',
      'Content-Encoding: br',
      'Retry-After: -1',
      'Retry-After: soon',
      'Retry-After: 99999999999',

      'Location: http://127.0.0.1:1/',
      'Set-Cookie: a=b',
      'Content-Type: text/html',
      'Transfer-Encoding: gzip',
      'Connection: upgrade',
      'Upgrade: h2c',
      'Trailer: x',
      'Content-Length: 1',
      'no colon',
      ': no name',
      'X-Long: '.padEnd(20_000, 'x'),
    ),
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => `X-Odd: ${text}`),
  ),
  { maxLength: 2 },
)
const statuses = fc.oneof(
  { weight: 6, arbitrary: fc.constant('200 OK') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      '301 Moved',
      '302 Found',
      '307 Again',
      '400 Bad',
      '401 Who',
      '402 Pay',
      '403 No',
      '404 Not',
      '405 Not',
      '409 Conflict',

      '429 Slow',
      '500 Oh',
      '502 Bad Gateway',
      '503 Away',
      '504 Late',
      '204 Nothing',
      '101 Switch',
      '100 Continue',
      '999 Odd',
      '0 Zero',
    ),
  },
)

/** Whatever a provider may write to the line, and how it ends it; most of it changed from answers whose names begin so. */
export function rawAnswers(beginning: RegExp): fc.Arbitrary<RawAnswer> {
  return fc
    .record({
      status: statuses,
      headers: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 2, arbitrary: headers }),
      body: fc.oneof({ weight: 60, arbitrary: bodies(recordedAnswers(beginning)) }, { weight: 1, arbitrary: huge }),
      coding: fc.constantFrom('none', 'none', 'none', 'none', 'none', 'none', 'gzip', 'said alone'),
      framing: fc.constantFrom(
        ...(['length', 'length', 'length', 'length', 'length', 'length', 'length', 'length'] as const),
        ...(['until the end', 'until the end', 'too long', 'bad chunks'] as const),
      ),
      cut: fc.oneof(
        { weight: 9, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
      ),
      ending: fc.oneof(
        { weight: 9, arbitrary: fc.constant('end' as const) },
        { weight: 1, arbitrary: fc.constant('reset' as const) },
      ),
      isHttp: fc.constantFrom(true, true, true, true, true, true, true, true, true, false),
    })
    .map(({ status, headers: more, body, coding, framing, cut, ending, isHttp }) => {
      const content = coding === 'gzip' ? gzipSync(body) : body
      const fields = [
        `HTTP/1.1 ${status}`,
        'Connection: close',
        ...(coding === 'none' ? [] : ['Content-Encoding: gzip']),
        ...(framing === 'length' ? [`Content-Length: ${content.length}`] : []),
        ...(framing === 'too long' ? [`Content-Length: ${content.length + 50}`] : []),
        ...(framing === 'bad chunks' ? ['Transfer-Encoding: chunked'] : []),
        ...more,
      ]
      const whole = isHttp ? Buffer.concat([Buffer.from(`${fields.join('\r\n')}\r\n\r\n`, 'latin1'), content]) : content
      return { bytes: cut === null ? whole : whole.subarray(0, Math.floor(whole.length * cut)), ending }
    })
}
