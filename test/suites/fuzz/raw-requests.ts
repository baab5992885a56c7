import * as fc from 'fast-check'
import { mangled, mutated } from './mutations.ts'

const order = {
  query:
    'mutation { separate(input: { musicTaskId: "TRACK", audioId: "TRACK" }) { ... on SeparateSuccess { reused task { id } } } }',
}
const json = fc.oneof(
  { weight: 3, arbitrary: fc.constant(JSON.stringify(order)) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      '{"query":"{ __typename }"}',
      '{"query":"{ separations { edges { cursor } } }","variables":{}}',
      '[{"query":"{ __typename }"},{"query":"{ __typename }"}]',
      '{"query":"query Q { __typename }","operationName":"Q","extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}',
      '{"query":null}',
      '{"id":"1"}',
      '"{ __typename }"',
      '{"__proto__":{"query":"{ __typename }"}}',
    ),
  },
  { weight: 2, arbitrary: fc.json() },
  {
    weight: 1,
    arbitrary: fc.constantFrom(70_000, 300_000).map((size) => `{"query":"{ __typename } #${'x'.repeat(size)}"}`),
  },
  { weight: 1, arbitrary: fc.nat(5_000).map((depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`) },
)
const bodies = fc.oneof(
  { weight: 5, arbitrary: json.map((text) => Buffer.from(text)) },
  { weight: 4, arbitrary: mangled(mutated(json)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)) },
)
const methods = fc.oneof(
  { weight: 6, arbitrary: fc.constant('POST') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'GET',
      'PUT',
      'OPTIONS',
      'HEAD',
      'DELETE',
      'PATCH',
      'TRACE',
      'CONNECT',
      'QUERY',
      'post',
      'PRI',
      '',
    ),
  },
)
const queries = fc.oneof(
  mutated(
    fc.constantFrom(
      `query=${encodeURIComponent(order.query)}`,
      'query=%7B__typename%7D',
      'query={__typename}&variables={"a":1}&operationName=',
      'query=%7B__typename%7D&variables=%',
      'query=%ZZ&variables=[]&extensions=null',
      'query[]=1&query[]=2&__proto__[query]=x',
    ),
  ).map((text) => text.replaceAll(/[^\x21-\x7e]/g, encodeURIComponentOrNothing)),
  fc.webQueryParameters(),
)
const paths = fc.oneof(
  { weight: 8, arbitrary: fc.constant('/graphql') },
  { weight: 4, arbitrary: queries.map((query) => `/graphql?${query}`) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '/',
      '/metrics',
      '/health/live',
      '/health/ready',
      '/callbacks/',
      '/callbacks/kie/x/y',
      '/sandbox/ledger',
      '/nothing',

      '//graphql',
      '/graphql/',
      '/GraphQL',
      '/graphql/../metrics',
      '/%67raphql',
      '*',
      'http://elsewhere.example/graphql',
      '',

      '/sandbox/files/../../package.json',
      '/sandbox/files/%2e%2e/x',
      '/graphql#x',
      '/graphql;a=b',
      '/\u00ff',
      '?',
      'graphql',
    ),
  },
  { weight: 1, arbitrary: fc.webPath() },
)
const headerNames = fc.constantFrom<string>(
  'content-type',
  'accept',
  'content-encoding',
  'origin',
  'authorization',
  'host',
  'x-forwarded-for',
  'expect',
  'upgrade',

  'connection',
  'transfer-encoding',
  'te',
  'range',
  'cookie',
  'if-none-match',
  'access-control-request-method',
  'x-\u00ff',
  '',
)
const headerValues = fc.oneof(
  fc.constantFrom(
    'application/json',
    'application/graphql',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-7',

    'text/event-stream',
    'text/html',
    '*/*',
    'application/graphql-response+json',
    'gzip',
    'br',
    'identity',
    '100-continue',
    'h2c',

    'Bearer x',
    'Bearer ',
    'Basic eDp5',
    'null',
    'http://page.example',
    'evil.example',
    'websocket',
    'close',
    'chunked, identity',
  ),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 10 }),
  fc.nat(20_000).map((size) => 'h'.repeat(size)),
)
const framings = fc.oneof(
  { weight: 3, arbitrary: fc.constant('length') },
  { weight: 1, arbitrary: fc.constant('chunked') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'too long',
      'too short',
      'negative',
      'twice',
      'no length',
      'bad chunks',
      'both',
      'cut',
      'bare',
    ),
  },
)

/** The usual one, and now and then another. */
function often<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) })
}

/** Requests of which every part may be wrong, and most parts of most are right. */
export const rawRequests = fc.record({
  method: methods,
  /** null: the gateway's own. */
  host: often(null, 'a b', '127.0.0.1!1', 'localhost:99999999', '[::1', 'elsewhere.example', ''),
  path: paths,
  body: bodies,
  headers: fc.oneof(
    { weight: 2, arbitrary: fc.constant<[string, string][]>([]) },
    { weight: 1, arbitrary: fc.array(fc.tuple(headerNames, headerValues), { maxLength: 3 }) },
  ),
  framing: framings,
  version: often('1.1', '1.0', '2.0', '9.9', 'x'),
  credential: fc.constantFrom('good', 'good', 'good', 'none'),
  head: often('whole', 'mangled'),
  flips: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { minLength: 1, maxLength: 3 }),
  where: fc.constantFrom(0, 1),
  from: fc.nat(250),
})

function encodeURIComponentOrNothing(text: string): string {
  return /\p{Cs}/u.test(text) ? '' : encodeURIComponent(text)
}
