import { execute, GraphQLError, subscribe, type ExecutionArgs, type ExecutionResult } from 'graphql'
import { _createLRUCache as createLruCache, createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import { createContext, type Caller, type Context, type Services } from '../context.ts'
import { createSanitizeError, type SanitizeError } from './sanitize-error.ts'
import { documentLimits, maxTokens } from './document-limits.ts'
import { createMaskError } from './mask-error.ts'
import { createSchema } from '../schema/schema.ts'
import { validateVariables } from './validate-variables.ts'
import type { Log } from '../../runtime/log.ts'

export interface PipelineOptions {
  readonly services: Services
  readonly log: Log
  /** Whether the schema may be asked for, and mistakes in names are answered with suggestions. */
  readonly introspection: boolean
}

/** What the transport knows of an operation before it is read. */
export interface Incoming {
  readonly caller: Caller
  /** Called when the operation turns out to be a subscription, before its first event. */
  readonly onSubscribe?: () => void
}

export type Pipeline = YogaServerInstance<Incoming, Context>

/** How many documents are kept as they were read; what validation said of them goes with them. */
const maxCachedDocuments = 100

/**
 * The one way of an operation, whatever carries it: reading, rules, context, execution, masking. HTTP and SSE go through
 * Yoga itself, WebSocket through its `getEnveloped`; so everything here is a plugin of both.
 */
export function createPipeline({ services, log, introspection }: PipelineOptions): Pipeline {
  const sanitize = createSanitizeError(introspection)
  return createYoga<Incoming, Context>({
    schema: createSchema(),
    context: ({ caller }) => createContext(services, caller),
    graphqlEndpoint: '/graphql',
    graphiql: false,
    landingPage: false,
    batching: false,
    // By default it keeps a thousand of each: more than a gigabyte, whoever sends so many.
    parserAndValidationCache: {
      documentCache: createLruCache({ max: maxCachedDocuments }),
      errorCache: createLruCache({ max: maxCachedDocuments }),
    },
    // The route in front has its own limit, which costs less than a stream around every body.
    maxRequestBodySize: false,
    // The route in front sees to it: Yoga's own answers a foreign origin with `null`, which any sandboxed page may read.
    cors: false,
    maskedErrors: { maskError: createMaskError({ log, sanitize }) },
    logging: {
      debug: () => {},
      info: () => {},
      warn: (...words: unknown[]) => log.warn({ words }, 'graphql'),
      // What Yoga calls an error has been through maskError, which has told of it.
      error: () => {},
    },
    plugins: [graphqlJs, sanitizeErrors(sanitize), maxTokens, documentLimits(introspection)],
  })
}

/** Yoga's own engine puts fields that resolve late behind the others, against the order of the query. */
const graphqlJs: Plugin<Incoming> = {
  onExecute: ({ setExecuteFn, args }) => setExecuteFn(withValidVariables(args, execute)),
  onSubscribe({ setSubscribeFn, args }) {
    setSubscribeFn(withValidVariables(args, subscribe))
    args.contextValue.onSubscribe?.()
  },
}

function withValidVariables<R>(
  args: ExecutionArgs,
  carryOut: (args: ExecutionArgs) => R,
): (args: ExecutionArgs) => R | ExecutionResult {
  const errors = validateVariables(args)
  return errors.length > 0 ? () => ({ errors }) : carryOut
}

/** Errors of reading and of validation; those of execution go through maskError. Yoga gives the code over HTTP alone. */
function sanitizeErrors(sanitize: SanitizeError): Plugin {
  return {
    onParse:
      () =>
      ({ result, replaceParseResult }) => {
        if (!(result instanceof GraphQLError)) return
        result.extensions['code'] ??= 'GRAPHQL_PARSE_FAILED'
        replaceParseResult(sanitize(result))
      },
    onValidate:
      () =>
      ({ valid, result, setResult }) => {
        if (!valid) setResult(result.map(sanitize))
      },
  }
}
