import { getOperationAST, GraphQLError, type ExecutionArgs, type GraphQLFormattedError } from 'graphql'
import type { OperationResult, SubscribePayload } from 'graphql-ws'
import type { Pipeline } from '../../graphql/execution/pipeline.ts'
import type { Session } from '../../identity/session.ts'
import type { RequestRate } from '../../limits/request-rate.ts'
import type { Log } from '../../runtime/log.ts'

export interface SocketOperationsOptions {
  readonly pipeline: Pipeline
  readonly requestRate: RequestRate
  readonly log: Log
}

/** What comes over a socket, carried out by the pipeline as it is over HTTP. */
export interface SocketOperations extends Enveloped {
  /**
   * What is to be carried out, or the errors for which it is not. Throwing would close the socket with all that is on it.
   * @param count how many operations are on the socket, this one included
   */
  prepare(
    session: Session | null,
    count: number,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | readonly GraphQLError[]>
}

/** What carries out an operation that is prepared. */
interface Enveloped {
  readonly execute: (args: ExecutionArgs) => OperationResult
  readonly subscribe: (args: ExecutionArgs) => OperationResult
}

/** Of one socket, at a time. */
const maxOperations = 100

export function createSocketOperations({ pipeline, requestRate, log }: SocketOperationsOptions): SocketOperations {
  /** By the context of the operation, which is its own. */
  const envelopes = new WeakMap<object, Enveloped>()

  return {
    prepare,
    execute: (args) => envelopeOf(args).execute(args),
    subscribe: (args) => envelopeOf(args).subscribe(args),
  }

  async function prepare(
    session: Session | null,
    count: number,
    { query, operationName, variables }: SubscribePayload,
  ): Promise<ExecutionArgs | readonly GraphQLError[]> {
    if (count > maxOperations) return [tooManyOperations()]
    if (session === null) throw new TypeError('Nobody subscribes before having been let in.')
    const waitSeconds = await requestRate.acquire(session.owner)
    if (waitSeconds > 0) {
      const extensions = { code: 'RATE_LIMITED', retryAfterSeconds: waitSeconds }
      return [new GraphQLError(`Too many requests. Try again in ${waitSeconds} s.`, { extensions })]
    }
    const caller = { owner: session.owner, mayAdopt: true }
    const { schema, parse, validate, contextFactory, execute, subscribe } = pipeline.getEnveloped({ caller })
    try {
      const document = parse(query)
      // In Yoga's order, so that a document with both faults is told of the same one.
      if (!getOperationAST(document, operationName)) return [operationNotFound()]
      const errors = validate(schema, document)
      if (errors.length > 0) return errors
      const contextValue: object = await contextFactory()
      envelopes.set(contextValue, { execute, subscribe })
      return { schema, document, operationName, variableValues: variables, contextValue }
    } catch (error) {
      if (error instanceof GraphQLError) return [error]
      log.error({ err: error }, 'an operation could not be prepared')
      return [new GraphQLError('An internal error occurred. The gateway has logged it.', internal)]
    }
  }

  function envelopeOf({ contextValue }: ExecutionArgs): Enveloped {
    const envelope = typeof contextValue === 'object' && contextValue !== null ? envelopes.get(contextValue) : undefined
    if (envelope === undefined) throw new TypeError('An operation came without its envelope.')
    return envelope
  }
}

const internal = { extensions: { code: 'INTERNAL_SERVER_ERROR' } }

function tooManyOperations(): GraphQLError {
  const message = `A socket may carry ${maxOperations} operations at a time. Complete some, or open another socket.`
  return new GraphQLError(message, { extensions: { code: 'RATE_LIMITED' } })
}

/** In Yoga's words, so that it reads as it does over HTTP. */
function operationNotFound(): GraphQLError {
  return new GraphQLError('Could not determine what operation to execute.', {
    extensions: { code: 'OPERATION_RESOLUTION_FAILURE' },
  })
}

/** The error as HTTP shows it: without what is meant for Yoga's own status line. */
export function formatted(error: GraphQLError): GraphQLFormattedError {
  const { extensions, ...rest } = error.toJSON()
  const { http: _, ...shown } = extensions ?? {}
  return { ...rest, ...(Object.keys(shown).length > 0 ? { extensions: shown } : {}) }
}
