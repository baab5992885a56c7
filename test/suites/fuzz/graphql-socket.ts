import { once } from 'node:events'
import { WebSocket } from 'ws'
import { webSocketUrl } from '../../support/transports.ts'

/** A socket on which operations are asked, one after the other or at once. */
export interface GraphqlSocket {
  isClosed(): boolean
  /**
   * What came back: the messages of one operation up to its first item, or `closed <code> <reason>`.
   * @param silentMs how long the operation may go on without an item once the gateway has taken it; null: until there is one
   */
  ask(operation: object, silentMs?: number | null): Promise<string>
  close(): void
}

/** Opens one, and introduces itself. */
export async function openGraphqlSocket(url: string, authorization: string | null): Promise<GraphqlSocket> {
  const ws = new WebSocket(webSocketUrl(url), 'graphql-transport-ws')
  const waiting = new Map<string, (text: string) => void>()
  const silent = new Map<string, () => void>()
  let ids = 0
  let ended: string | null = null
  const end = (how: string) => {
    ended ??= how
    for (const resolve of waiting.values()) resolve(ended)
    waiting.clear()
  }
  ws.on('error', (error) => end(`broken ${String(error)}`))
  ws.on('close', (code, reason) => end(`closed ${code} ${String(reason)}`))
  await once(ws, 'open')
  ws.send(JSON.stringify({ type: 'connection_init', payload: authorization === null ? {} : { authorization } }))
  await once(ws, 'message')
  ws.on('message', (data: Buffer) => {
    const text = data.toString()
    const { id = '', type, payload }: { id?: string; type: string; payload?: { id?: string } } = JSON.parse(text)
    if (type === 'pong') silent.get(payload?.id ?? '')?.()
    const resolve = waiting.get(id)
    if (resolve === undefined) return
    waiting.delete(id)
    resolve(text)
    if (type === 'next') ws.send(JSON.stringify({ type: 'complete', id }))
  })

  return {
    isClosed: () => ended !== null,
    ask(operation, silentMs = null) {
      if (ended !== null) return Promise.resolve(ended)
      const id = String(++ids)
      const leave = () => {
        if (!waiting.delete(id)) return
        ws.send(JSON.stringify({ id, type: 'complete' }))
        answered('{"type":"silent"}')
      }
      let answered: (text: string) => void = () => {}
      return new Promise<string>((resolve) => {
        answered = resolve
        waiting.set(id, resolve)
        ws.send(JSON.stringify({ id, type: 'subscribe', payload: operation }))
        if (silentMs === null) return
        silent.set(id, () => setTimeout(leave, silentMs))
        ws.send(JSON.stringify({ type: 'ping', payload: { id } }))
      }).finally(() => silent.delete(id))
    },
    close: () => ws.terminate(),
  }
}
