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

/** Runs the operations of a socket through the same pipeline as HTTP. */
export interface SocketOperations extends Enveloped {
  /**
   * Returns the execution arguments of an operation, or the errors that prevent it. It must not throw: that would close the
   * socket and all its operations.
   * @param count how many operations the socket has, including this one
   */
  prepare(
    session: Session | null,
    count: number,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | readonly GraphQLError[]>
}

/** Executes a prepared operation. */
interface Enveloped {
  readonly execute: (args: ExecutionArgs) => OperationResult
  readonly subscribe: (args: ExecutionArgs) => OperationResult
}

/** The maximum number of concurrent operations on one socket. */
const maxOperations = 100

export function createSocketOperations({ pipeline, requestRate, log }: SocketOperationsOptions): SocketOperations {
  /** Keyed by the context of the operation, which is unique to it. */
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
    if (session === null) throw new TypeError('An operation arrived before authentication.')
    const waitSeconds = await requestRate.acquire(session.owner)
    if (waitSeconds > 0) {
      const extensions = { code: 'RATE_LIMITED', retryAfterSeconds: waitSeconds }
      return [new GraphQLError(`Too many requests. Try again in ${waitSeconds} s.`, { extensions })]
    }
    const caller = { owner: session.owner, mayAdopt: true }
    const { schema, parse, validate, contextFactory, execute, subscribe } = pipeline.getEnveloped({ caller })
    try {
      const document = parse(query)
      // Same order as Yoga, so that a document with both errors gets the same one on every transport.
      if (!getOperationAST(document, operationName)) return [operationNotFound()]
      const errors = validate(schema, document)
      if (errors.length > 0) return errors
      const contextValue: object = await contextFactory()
      envelopes.set(contextValue, { execute, subscribe })
      return { schema, document, operationName, variableValues: variables, contextValue }
    } catch (error) {
      if (error instanceof GraphQLError) return [error]
      log.error({ err: error }, 'an operation of a socket could not be prepared')
      return [new GraphQLError('An internal error occurred. The gateway has logged it.', internal)]
    }
  }

  function envelopeOf({ contextValue }: ExecutionArgs): Enveloped {
    const envelope = typeof contextValue === 'object' && contextValue !== null ? envelopes.get(contextValue) : undefined
    if (envelope === undefined) throw new TypeError('The operation was not prepared.')
    return envelope
  }
}

const internal = { extensions: { code: 'INTERNAL_SERVER_ERROR' } }

function tooManyOperations(): GraphQLError {
  const message = `A socket is limited to ${maxOperations} concurrent operations. Complete some of them or open another socket.`
  return new GraphQLError(message, { extensions: { code: 'RATE_LIMITED' } })
}

/** Yoga's message, so that the error is the same as over HTTP. */
function operationNotFound(): GraphQLError {
  return new GraphQLError('Could not determine what operation to execute.', {
    extensions: { code: 'OPERATION_RESOLUTION_FAILURE' },
  })
}

/** Formats an error as over HTTP: without the extension `http`, from which Yoga derives the status. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const { extensions, ...rest } = error.toJSON()
  const { http: _, ...others } = extensions ?? {}
  return { ...rest, ...(Object.keys(others).length > 0 ? { extensions: others } : {}) }
}
