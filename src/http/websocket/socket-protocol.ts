import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, MessageType, parseMessage, type Message } from 'graphql-ws'
import type { Identity } from '../../identity/identity.ts'
import type { Log } from '../../runtime/log.ts'
import { authenticate, truncateReason, type SocketConnection } from './socket-connection.ts'
import { sendMessage } from './socket-messages.ts'
import type { SocketOperations } from './socket-operations.ts'

export interface SocketProtocolOptions {
  readonly identity: Pick<Identity, 'identify'>
  readonly operations: SocketOperations
  readonly log: Log
}

/** The server's half of `graphql-transport-ws`, with the close codes and reasons of the package graphql-ws. */
export interface SocketProtocol {
  /** Serves a socket until it closes. */
  open(connection: SocketConnection): void
}

/** How long a client may take to initialise its connection, in milliseconds. */
const initTimeoutMs = 3_000

export function createSocketProtocol({ identity, operations, log }: SocketProtocolOptions): SocketProtocol {
  /** The timers of the connections that are not initialised. */
  const initTimers = new WeakMap<SocketConnection, NodeJS.Timeout>()

  function open(connection: SocketConnection): void {
    const { ws } = connection
    if (ws.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL) {
      ws.close(CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable')
      return
    }
    const expire = () => ws.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout')
    initTimers.set(connection, setTimeout(expire, initTimeoutMs).unref())
    ws.on('message', (data: Buffer) => {
      // A client may keep sending until it has answered the close frame.
      if (ws.readyState === ws.OPEN) receive(connection, String(data))
    })
    ws.once('close', () => {
      clearTimeout(initTimers.get(connection))
      for (const operation of connection.operations.values()) operations.end(operation)
    })
  }

  function receive(connection: SocketConnection, text: string): void {
    const message = messageIn(text)
    if (message === null) return connection.ws.close(CloseCode.BadRequest, 'Invalid message received')
    handle(connection, message).catch((error: unknown) => {
      log.warn({ err: error }, 'a message of a socket could not be handled')
      connection.ws.close(CloseCode.InternalServerError, 'Internal server error')
    })
  }

  async function handle(connection: SocketConnection, message: Message): Promise<void> {
    const { ws } = connection
    switch (message.type) {
      case MessageType.ConnectionInit:
        return initialise(connection, message.payload ?? undefined)
      case MessageType.Ping: {
        const { payload } = message
        return sendMessage(connection, { type: MessageType.Pong, ...(payload ? { payload } : {}) })
      }
      case MessageType.Pong:
        return undefined
      case MessageType.Subscribe: {
        const { id, payload } = message
        if (connection.session === null) return ws.close(CloseCode.Unauthorized, 'Unauthorized')
        if (connection.operations.has(id)) {
          return ws.close(CloseCode.SubscriberAlreadyExists, truncateReason(`Subscriber for ${id} already exists`))
        }
        return operations.begin(connection, connection.session, id, payload)
      }
      case MessageType.Complete: {
        const operation = connection.operations.get(message.id)
        if (operation !== undefined) operations.end(operation)
        return undefined
      }
      case MessageType.ConnectionAck:
      case MessageType.Next:
      case MessageType.Error:
        return ws.close(CloseCode.BadRequest, `Unexpected message of type ${message.type} received`)
    }
  }

  async function initialise(connection: SocketConnection, params?: Record<string, unknown>): Promise<void> {
    if (connection.isInitialised) {
      return connection.ws.close(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests')
    }
    connection.isInitialised = true
    clearTimeout(initTimers.get(connection))
    initTimers.delete(connection)
    if (await authenticate(identity, connection, params)) sendMessage(connection, { type: MessageType.ConnectionAck })
  }

  return { open }
}

function messageIn(text: string): Message | null {
  try {
    return parseMessage(text)
  } catch {
    return null
  }
}
