import {
  getOperationAST,
  GraphQLError,
  subscribe,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql'
import { _createLRUCache as createLruCache, createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import { createContext, type Caller, type Context, type Services, type WatchTasks } from '../context.ts'
import { createSanitizeError, type SanitizeError } from './sanitize-error.ts'
import { documentLimits, maxTokens } from './document-limits.ts'
import { createMaskError } from './mask-error.ts'
import { executeOperation, validateVariables } from './execute-operation.ts'
import { observeErrors, type OperationObserver, type Transport } from './operation-observer.ts'
import type { Log } from '../../runtime/log.ts'
import type { Trace } from '../../runtime/trace.ts'

export interface PipelineOptions {
  readonly schema: GraphQLSchema
  readonly services: Services
  readonly log: Log
  readonly observer: OperationObserver
  /** Whether introspection is allowed, and errors about misspelt names contain suggestions. */
  readonly introspection: boolean
  /** Called with every document that passed all checks over HTTP and was executed without an error. */
  readonly onSuccess?: (query: string, document: DocumentNode) => void
}

/** What the transport knows about an operation before parsing it. */
export interface Incoming {
  readonly caller: Caller
  /** null for an event of a subscription, which is no operation by itself. */
  readonly transport: Exclude<Transport, 'sse'> | null
  /** How a subscription watches its tasks. Without it, no subscription can be opened. */
  readonly watch?: WatchTasks
  /** Called if the operation is a subscription and was opened. */
  readonly onSubscribe?: (subscription: OpenedSubscription) => void
  /** The result of the operation, if it is executed already. Its errors are masked, and it is sent like any other result. */
  readonly result?: ExecutionResult
}

/** A subscription that has passed every check. */
export interface OpenedSubscription {
  readonly query: string
  readonly document: DocumentNode
  readonly operationName: string | null
  readonly variables: Readonly<Record<string, unknown>>
}

export type Pipeline = YogaServerInstance<Incoming, Context>

/** How many parsed documents are cached, with their validation errors. */
const maxCachedDocuments = 100

/**
 * Parses, validates and executes operations, and masks their errors, in the same way for every transport. HTTP and the
 * opening of SSE use Yoga itself, WebSocket and the events of subscriptions its `getEnveloped`; a Yoga plugin applies to both.
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { schema, services, log, observer, introspection, onSuccess } = options
  const sanitize = createSanitizeError(introspection)
  /** The request of each error that is about to be masked. */
  const requests = new WeakMap<object, Trace>()
  const requestOf = (error: unknown) => (error instanceof Error ? requests.get(error) : undefined)
  return createYoga<Incoming, Context>({
    schema,
    context: ({ caller, watch }) => createContext(services, caller, watch),
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
    maskedErrors: { maskError: createMaskError({ log, sanitize, requestOf }) },
    logging: {
      debug: () => {},
      info: () => {},
      warn: (...details: unknown[]) => log.warn({ details }, 'a warning of GraphQL Yoga'),
      // maskError has already logged these errors.
      error: () => {},
    },
    plugins: [
      graphqlJs(requests, observer, onSuccess),
      sanitizeErrors(sanitize),
      maxTokens,
      documentLimits(introspection),
    ],
  })
}

/** Executes with graphql-js. Yoga's own executor returns fields that resolve late after the others, not in query order. */
function graphqlJs(
  requests: WeakMap<object, Trace>,
  observer: OperationObserver,
  onSuccess: PipelineOptions['onSuccess'],
): Plugin<Incoming> {
  return {
    onExecute({ setExecuteFn, args: { document, operationName, contextValue } }) {
      const { result, params, caller, transport } = contextValue
      setExecuteFn(result === undefined ? executeOperation : () => result)
      const operation = getOperationAST(document, operationName)?.operation
      // The short way has counted what it has executed.
      if (result === undefined && transport !== null && operation !== undefined) observer.executed(transport, operation)
      return {
        onExecuteDone({ result: executed }) {
          if (Symbol.asyncIterator in executed) return
          const { errors } = executed
          for (const error of errors ?? []) requests.set(error, caller.trace)
          const query: unknown = params?.query
          if (typeof query === 'string' && errors === undefined) onSuccess?.(query, document)
        },
      }
    },
    onSubscribe({ setSubscribeFn, args }) {
      const errors = validateVariables(args)
      setSubscribeFn(errors.length > 0 ? () => ({ errors }) : subscribe)
      const { onSubscribe, params, transport } = args.contextValue
      return {
        onSubscribeResult({ result }) {
          if (!(Symbol.asyncIterator in result)) return
          if (transport !== null) observer.executed(transport === 'http' ? 'sse' : transport, 'subscription')
          const { document, operationName = null, variableValues: variables } = args
          onSubscribe?.({ query: params?.query ?? '', document, operationName, variables: variables ?? {} })
        },
      }
    },
    // Results over HTTP only: the other transports send theirs themselves.
    onResultProcess({ result }) {
      if ('errors' in result) observeErrors(observer, 'http', result.errors)
    },
  }
}

/**
 * Sanitizes parse and validation errors; maskError handles execution errors. Yoga sets the code and the status of a parse error
 * only if it parses the document for HTTP, but every transport fills its cache of parse errors.
 */
function sanitizeErrors(sanitize: SanitizeError): Plugin {
  return {
    onParse:
      () =>
      ({ result, replaceParseResult }) => {
        if (!(result instanceof GraphQLError)) return
        result.extensions['code'] ??= 'GRAPHQL_PARSE_FAILED'
        result.extensions['http'] ??= { spec: true, status: 400 }
        replaceParseResult(sanitize(result))
      },
    onValidate:
      () =>
      ({ valid, result, setResult }) => {
        if (!valid) setResult(result.map(sanitize))
      },
  }
}
