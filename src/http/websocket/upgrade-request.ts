import { IncomingMessage } from 'node:http'

/**
 * The class of requests for Node's server, which then emits `upgrade` only for what `isGranted` allows. Everything else
 * that asks for another protocol, as JDK's HttpClient and `curl --http2` do, is served as the plain request that it is:
 * a server may ignore `Upgrade` (RFC 9110, 7.8). Node 20 has no option for it, but asks the request's own property
 * `upgrade`, so the answer is given there. (The newer option `shouldUpgradeCallback` does the same with that property.)
 *
 * Node 20 to 26 drops the rest of the packet behind such a request, and would read the next packet as the beginning of a
 * request whatever it is. So nothing that follows on the connection may be carried out.
 */
export function createUpgradeRequestClass(isGranted: (request: IncomingMessage) => boolean) {
  return class UpgradeRequest extends IncomingMessage {
    /** Whether the client asked for another protocol. Only declared: Node's constructor sets `upgrade` before any field of ours. */
    declare asksForUpgrade: boolean

    set upgrade(asked: boolean | null) {
      this.asksForUpgrade = asked === true
    }

    get upgrade(): boolean {
      // The parser says the same of CONNECT, which Node refuses by itself.
      return this.asksForUpgrade && (this.method === 'CONNECT' || isGranted(this))
    }
  }
}

/** Whether a request is the handshake of a WebSocket (RFC 6455, 4.2.1). Of several protocols none is chosen. */
export function asksForWebSocket({ method, httpVersion, headers }: IncomingMessage): boolean {
  return method === 'GET' && httpVersion === '1.1' && headers.upgrade?.trim().toLowerCase() === 'websocket'
}
