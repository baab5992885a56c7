import { getOperationAST, GraphQLError, OperationTypeNode } from 'graphql'
import { MessageType, type OperationResult, type SubscribePayload } from 'graphql-ws'
import type { Caller } from '../../graphql/context.ts'
import { formatError, resultText } from '../../graphql/execution/format-result.ts'
import { observeErrors, type OperationObserver } from '../../graphql/execution/operation-observer.ts'
import type { Pipeline } from '../../graphql/execution/pipeline.ts'
import { feedKeyOf } from '../../graphql/feeds/feed-key.ts'
import { createFeeds } from '../../graphql/feeds/feeds.ts'
import { createWatchClaim } from '../../graphql/feeds/watch-claim.ts'
import type { Session } from '../../identity/session.ts'
import type { ConcurrencyLimit } from '../../limits/concurrency-limit.ts'
import type { RequestRate } from '../../limits/request-rate.ts'
import type { LogLimitedRequest } from '../limited-requests.ts'
import type { Log } from '../../runtime/log.ts'
import type { Separations } from '../../separation/separations.ts'
import type { Task } from '../../separation/task/task.ts'
import type { SocketConnection, SocketOperation } from './socket-connection.ts'
import { sendLast, sendMessage, sendNext, whenWritten } from './socket-messages.ts'

export interface SocketOperationsOptions {
  readonly pipeline: Pipeline
  /** What subscriptions read. */
  readonly separations: Pick<Separations, 'watches' | 'ownerWatches' | 'selectedTasks'>
  readonly subscriptionLimit: ConcurrencyLimit
  readonly requestRate: RequestRate
  readonly logLimitedRequest: LogLimitedRequest
  readonly observer: OperationObserver
  /** Called when a change of a task was sent to those who watch it. */
  readonly onPush: (task: Task) => void
  readonly log: Log
}

/** Runs the operations of sockets through the same pipeline as HTTP, and feeds their subscriptions. */
export interface SocketOperations {
  /** Runs an operation and sends its results. Rejects only if the gateway is at fault. */
  begin(connection: SocketConnection, session: Session, id: string, payload: SubscribePayload): Promise<void>
  /** Ends an operation without a message. */
  end(operation: SocketOperation): void
}

/** The maximum number of concurrent operations on one socket. */
const maxOperations = 100

export function createSocketOperations(options: SocketOperationsOptions): SocketOperations {
  const { pipeline, separations, subscriptionLimit, requestRate, logLimitedRequest, observer, onPush, log } = options
  const feeds = createFeeds<SocketOperation>({
    ...separations,
    pipeline,
    observer,
    transport: 'websocket',
    onPush,
    log,
    delivery: { isBusy: ({ isBusy }) => isBusy, encode: (result) => Buffer.from(result), next, last, complete },
  })

  function next(operation: SocketOperation, result: Buffer): void {
    sendNext(operation, result)
    operation.isBusy = whenWritten(operation.connection, () => {
      operation.isBusy = false
      feeds.resume(operation)
    })
  }

  function last(operation: SocketOperation, result: Buffer): void {
    if (!isOpen(operation)) return
    end(operation)
    sendLast(operation, result)
  }

  function complete(operation: SocketOperation): void {
    if (!isOpen(operation)) return
    end(operation)
    sendMessage(operation.connection, { id: operation.id, type: MessageType.Complete })
  }

  function end(operation: SocketOperation): void {
    if (isOpen(operation)) operation.connection.operations.delete(operation.id)
    feeds.leave(operation)
    operation.release()
  }

  /** An id may be used again when its operation has ended. */
  function isOpen(operation: SocketOperation): boolean {
    return operation.connection.operations.get(operation.id) === operation
  }

  async function begin(
    connection: SocketConnection,
    session: Session,
    id: string,
    payload: SubscribePayload,
  ): Promise<void> {
    const operation: SocketOperation = {
      connection,
      id,
      isBusy: false,
      release: doNothing,
      feedKey: null,
      joinedAt: 0,
      shown: 0,
    }
    connection.operations.set(id, operation)
    connection.begun += 1
    session.use()
    const requestId = `${connection.trace.requestId}.${connection.begun}`
    const trace = { ...connection.trace, requestId }
    const caller = { owner: session.owner, limits: session.limits(), mayAdopt: true, trace }
    const errors = await run(operation, caller, payload)
    observeErrors(observer, 'websocket', errors)
    if (errors.length === 0 || !isOpen(operation)) return
    end(operation)
    sendMessage(connection, { id, type: MessageType.Error, payload: errors.map(formatError) })
  }

  /** Runs an operation. Returns the errors that prevent it. */
  async function run(
    operation: SocketOperation,
    caller: Caller,
    payload: SubscribePayload,
  ): Promise<readonly GraphQLError[]> {
    if (operation.connection.operations.size > maxOperations) return [tooManyOperations()]
    const waitSeconds = await requestRate.acquire(caller.owner)
    if (waitSeconds > 0) {
      logLimitedRequest(caller.owner, waitSeconds, caller.trace)
      return [tooManyRequests(waitSeconds)]
    }
    const key = feedKeyOf(caller, payload)
    if (!isOpen(operation) || joinFeed(operation, caller, key)) return []
    return open(operation, caller, payload, key)
  }

  /** Joins the feed of equal subscriptions, whose document is known to be valid. Returns false if the operation has to be opened. */
  function joinFeed(operation: SocketOperation, { owner }: Caller, key: string): boolean {
    if (!feeds.has(key)) return false
    const release = subscriptionLimit.acquire(owner)
    // If the limit is reached, the field says so, with its path.
    if (release === null) return false
    operation.release = release
    observer.executed('websocket', 'subscription')
    return feeds.join(key, operation)
  }

  async function open(
    operation: SocketOperation,
    caller: Caller,
    { query, operationName = null, variables }: SubscribePayload,
    key: string,
  ): Promise<readonly GraphQLError[]> {
    const claim = createWatchClaim(subscriptionLimit, caller.owner)
    const leaving: (() => void)[] = []
    operation.release = () => {
      claim.release()
      for (const leave of leaving.splice(0)) leave()
    }
    const onLeave = (leave: () => void) => void leaving.push(leave)
    const enveloped = pipeline.getEnveloped({
      caller: { ...caller, onLeave },
      transport: 'websocket',
      watch: claim.watch,
    })
    const { schema, contextFactory, execute, subscribe } = enveloped
    try {
      const document = enveloped.parse(query)
      const ast = getOperationAST(document, operationName)
      // Same order as Yoga, so that a document with both errors gets the same one on every transport.
      if (!ast) return [operationNotFound()]
      const errors = enveloped.validate(schema, document)
      if (errors.length > 0) return errors
      const contextValue: object = await contextFactory()
      const args = { schema, document, operationName, variableValues: variables, contextValue }
      const isSubscription = ast.operation === OperationTypeNode.SUBSCRIPTION
      const result = await (isSubscription ? subscribe(args) : execute(args))
      const watched = claim.watched()
      if (!isOpen(operation)) operation.release()
      else if (watched === null) answer(operation, result)
      else feeds.open(key, { caller, query, document, operationName, variables: variables ?? {}, watched }, operation)
      return []
    } catch (error) {
      if (error instanceof GraphQLError) return [error]
      log.error({ err: error }, 'an operation of a socket could not be executed')
      return [new GraphQLError('An internal error occurred. The gateway has logged it.', internal)]
    }
  }

  /** Sends the one result of an operation. */
  function answer(operation: SocketOperation, result: Awaited<OperationResult>): void {
    if (Symbol.asyncIterator in result) throw new TypeError('A subscription of this field cannot be fed.')
    observeErrors(observer, 'websocket', result.errors)
    last(operation, Buffer.from(resultText(result)))
  }

  return { begin, end }
}

function doNothing(): void {}

const internal = { extensions: { code: 'INTERNAL_SERVER_ERROR' } }

function tooManyRequests(waitSeconds: number): GraphQLError {
  const extensions = { code: 'RATE_LIMITED', retryAfterSeconds: waitSeconds }
  return new GraphQLError(`Too many requests. Try again in ${waitSeconds} s.`, { extensions })
}

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
