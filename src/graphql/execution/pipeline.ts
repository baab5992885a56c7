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
  /** Whether introspection is allowed, and errors about misspelt names contain suggestions. */
  readonly introspection: boolean
}

/** What the transport knows about an operation before parsing it. */
export interface Incoming {
  readonly caller: Caller
  /** Called if the operation is a subscription, before its first event. */
  readonly onSubscribe?: () => void
}

export type Pipeline = YogaServerInstance<Incoming, Context>

/** How many parsed documents are cached, with their validation errors. */
const maxCachedDocuments = 100

/**
 * Parses, validates and executes operations, and masks their errors, in the same way for every transport. HTTP and SSE use
 * Yoga itself, WebSocket uses its `getEnveloped`; a Yoga plugin applies to both.
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
    // By default Yoga caches 1,000 of each, which can take more than 1 GB.
    parserAndValidationCache: {
      documentCache: createLruCache({ max: maxCachedDocuments }),
      errorCache: createLruCache({ max: maxCachedDocuments }),
    },
    // The HTTP route limits the body, which is cheaper than Yoga's stream around every body.
    maxRequestBodySize: false,
    // The HTTP route handles CORS: Yoga answers a foreign origin with `null`, which lets any sandboxed page read the answer.
    cors: false,
    maskedErrors: { maskError: createMaskError({ log, sanitize }) },
    logging: {
      debug: () => {},
      info: () => {},
      warn: (...details: unknown[]) => log.warn({ details }, 'a warning of GraphQL Yoga'),
      // maskError has already logged these errors.
      error: () => {},
    },
    plugins: [graphqlJs, sanitizeErrors(sanitize), maxTokens, documentLimits(introspection)],
  })
}

/** Executes with graphql-js. Yoga's own executor returns fields that resolve late after the others, not in query order. */
const graphqlJs: Plugin<Incoming> = {
  onExecute: ({ setExecuteFn, args }) => setExecuteFn(withValidVariables(args, execute)),
  onSubscribe({ setSubscribeFn, args }) {
    setSubscribeFn(withValidVariables(args, subscribe))
    args.contextValue.onSubscribe?.()
  },
}

function withValidVariables<R>(
  args: ExecutionArgs,
  run: (args: ExecutionArgs) => R,
): (args: ExecutionArgs) => R | ExecutionResult {
  const errors = validateVariables(args)
  return errors.length > 0 ? () => ({ errors }) : run
}

/** Sanitizes parse and validation errors; maskError handles execution errors. Yoga sets the parse code over HTTP only. */
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
