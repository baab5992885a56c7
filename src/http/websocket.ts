import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { GraphQLError, type ExecutionArgs } from 'graphql'
import { handleProtocols, type OperationResult } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import type { Incoming, Pipeline } from '../graphql/pipeline.ts'
import type { Log } from '../separation/ports.ts'
import type { Callers } from './callers.ts'

export interface WebSocketRouteOptions {
  readonly pipeline: Pipeline
  readonly callerOf: Callers
  /** Pages of these origins may connect, beside our own. */
  readonly corsOrigins: readonly string[]
  readonly log: Log
}

export interface WebSocketRoute {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Closes every socket with 1001, so that its client connects again, here or elsewhere. */
  close(): Promise<void>
}

const maxMessageBytes = 64 * 1024
const initTimeoutMs = 3_000
const pingEveryMs = 12_000

/** What the pipeline made to carry out one operation. */
interface Enveloped {
  readonly execute: (args: ExecutionArgs) => OperationResult
  readonly subscribe: (args: ExecutionArgs) => OperationResult
}

/** `/graphql` over WebSocket, in graphql-ws's protocol. */
export function createWebSocketRoute({ pipeline, callerOf, corsOrigins, log }: WebSocketRouteOptions): WebSocketRoute {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols,
  })
  /** By the context of the operation, which is its own. */
  const envelopes = new WeakMap<object, Enveloped>()
  const server = useServer(
    {
      connectionInitWaitTimeout: initTimeoutMs,
      execute: (args) => envelopeOf(args).execute(args),
      subscribe: (args) => envelopeOf(args).subscribe(args),
      async onSubscribe({ extra }, _id, { query, operationName, variables }) {
        const caller = callerOf(extra.request.headers)
        if ('refusal' in caller) return [new GraphQLError(caller.refusal, { extensions: { code: 'FORBIDDEN' } })]
        const incoming: Incoming = { caller }
        const { schema, parse, validate, contextFactory, execute, subscribe } = pipeline.getEnveloped(incoming)
        try {
          const document = parse(query)
          const errors = validate(schema, document)
          if (errors.length > 0) return errors
          const contextValue: object = await contextFactory()
          envelopes.set(contextValue, { execute, subscribe })
          return { schema, document, operationName, variableValues: variables, contextValue }
        } catch (error) {
          // One unreadable document is no reason to close the socket with all its other operations.
          if (error instanceof GraphQLError) return [error]
          throw error
        }
      },
    },
    sockets,
    pingEveryMs,
  )

  return {
    upgrade(request, socket, head) {
      const refuse = (status: string) =>
        socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      socket.on('error', (error) => log.debug({ err: error }, 'a socket broke'))
      if ('refusal' in callerOf(request.headers) || !isWelcome(request)) refuse('403 Forbidden')
      else sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws, request))
    },
    async close() {
      await server.dispose()
    },
  }

  function envelopeOf({ contextValue }: ExecutionArgs): Enveloped {
    const envelope = typeof contextValue === 'object' && contextValue !== null ? envelopes.get(contextValue) : undefined
    if (envelope === undefined) throw new TypeError('An operation came without its envelope.')
    return envelope
  }

  /** A page elsewhere may open a socket to us without asking, so that we have to ask where it comes from. */
  function isWelcome({ headers: { origin, host } }: IncomingMessage): boolean {
    if (origin === undefined || corsOrigins.includes(origin)) return true
    return URL.canParse(origin) && new URL(origin).host === host
  }
}
