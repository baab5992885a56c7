import { IncomingMessage } from 'node:http'

/**
 * Creates a request class for Node's server that emits `upgrade` only for requests that `isGranted` allows. Any other request
 * for another protocol, as the JDK's HttpClient and `curl --http2` send it, is served as a plain HTTP/1.1 request: a server
 * may ignore `Upgrade` (RFC 9110, 7.8). Node 20 has no option for this, but reads the property `upgrade` of the request, so
 * this class overrides it. (The newer option `shouldUpgradeCallback` uses the same property.)
 *
 * After such a request, Node 20 to 26 drops the rest of the packet and parses the next packet as the start of a request,
 * whatever it contains. So nothing that follows on the connection may be executed.
 */
export function createUpgradeRequestClass(isGranted: (request: IncomingMessage) => boolean) {
  return class UpgradeRequest extends IncomingMessage {
    /** Whether the client requests another protocol. Only declared: Node's constructor sets `upgrade` before field initialisers. */
    declare asksForUpgrade: boolean

    set upgrade(value: boolean | null) {
      this.asksForUpgrade = value === true
    }

    get upgrade(): boolean {
      // The parser also sets it for CONNECT, which Node refuses itself.
      return this.asksForUpgrade && (this.method === 'CONNECT' || isGranted(this))
    }
  }
}

/** Whether a request is a WebSocket handshake (RFC 6455, 4.2.1). An `Upgrade` that lists several protocols is not. */
export function asksForWebSocket({ method, httpVersion, headers }: IncomingMessage): boolean {
  return method === 'GET' && httpVersion === '1.1' && headers.upgrade?.trim().toLowerCase() === 'websocket'
}
