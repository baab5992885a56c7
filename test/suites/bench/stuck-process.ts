import { forEachOf } from './for-each-of.ts'
import { openStuckWebSocket, type StuckReader } from './stuck-reader.ts'
import type { StuckOrder } from './stuck-readers.ts'

// Stalled subscribers run in their own process, so that their cost does not slow down the reading ones.

/** So many are opened at a time. */
const atATime = 50
/** What one subscription too many would be. */
const mostOfOne = 100
/** Who was closed finds out by writing. */
const claimEveryMs = 5_000
const tickMs = 20

type Opening = Extract<StuckOrder, { kind: 'open' }>

let opening: Omit<Opening, 'kind' | 'count'> = { gateway: '', taskIds: [], others: [], reads: false }
let readers: (StuckReader | null)[] = []
/** Those that were closed and will connect again. */
let gone: number[] = []
let isGoingOn = false
/** How many subscriptions may be asked for at this moment. */
let allowance = 0
let reopened = 0

process.on('message', (order: StuckOrder) => {
  void obey(order).then((answer) => process.send?.(answer))
})
process.once('disconnect', () => process.exit())

async function obey(order: StuckOrder): Promise<number> {
  switch (order.kind) {
    case 'open':
      isGoingOn = true
      reopened = 0
      gone = []
      opening = order
      readers = Array.from({ length: order.count }, () => null)
      await forEachOf(readers.keys(), atATime, (at) => open(at, order))
      return order.count
    case 'deepen':
      for (let nth = 0; nth < order.by; nth++) {
        for (let at = 0; at < order.deep; at++) askOf(at, opening)
      }
      return order.by
    case 'go-on':
      void goOn(order.asksPerSecond)
      return 0
    case 'close':
      isGoingOn = false
      for (const reader of readers) reader?.close()
      return reopened
  }
}

/** Opens one, which asks for its first answer. */
async function open(at: number, what: typeof opening): Promise<void> {
  const onClose = () => {
    readers[at] = null
    gone.push(at)
  }
  const reader = await openStuckWebSocket({ gateway: what.gateway, reads: what.reads, onClose })
  if (!isGoingOn) return reader.close()
  readers[at] = reader
  ask(reader, at, what)
}

function askOf(at: number, what: typeof opening): void {
  allowance -= 1
  const reader = readers[at]
  if (reader) ask(reader, at, what)
}

function ask(reader: StuckReader, at: number, { taskIds, others }: typeof opening): void {
  const asked = reader.asked()
  reader.ask((asked === 0 ? taskIds[at % taskIds.length] : others[asked % others.length]) ?? '')
}

/** Who was closed connects again, and one after the other asks for as much as it may, as fast as all together may. */
async function goOn(asksPerSecond: number): Promise<void> {
  allowance = 0
  let at = 0
  let claimed = 0
  while (isGoingOn) {
    // A few at a time, as they would come by themselves.
    for (const end = claimed + (readers.length * tickMs) / claimEveryMs; claimed < end; claimed++) {
      readers[claimed % readers.length]?.claimToLive()
    }
    allowance = Math.min(allowance + (asksPerSecond * tickMs) / 1_000, asksPerSecond)
    for (; allowance >= 1 && isGoingOn; askOf(at, opening)) {
      for (; allowance >= 1 && gone.length > 0; allowance--) {
        reopened += 1
        // If it is refused it is closed as well.
        open(gone.shift() ?? 0, opening).catch(() => {})
      }
      for (let looked = 0; (readers[at]?.asked() ?? mostOfOne) >= mostOfOne && looked < readers.length; looked++) {
        at = (at + 1) % readers.length
      }
      if ((readers[at]?.asked() ?? mostOfOne) >= mostOfOne) break
    }
    await new Promise((resolve) => setTimeout(resolve, tickMs))
  }
}
