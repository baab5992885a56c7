import { StoreUnavailableError } from '../separation/errors.ts'
import { createOutage } from '../runtime/outage-log.ts'
import type { Log } from '../runtime/log.ts'
import type { Store } from '../separation/store.ts'

/** While the store is away, a success is not enough: a full disk can be read. It is tried to write this often at most. */
const probeEveryMs = 1_000

/** The store, which logs when it goes away and when it is back, so that nobody who uses it has to. */
export function withOutagesLogged(store: Store, log: Log): Store {
  const outage = createOutage({
    log,
    level: 'error',
    away: 'the store cannot be used: no order is taken, and callbacks are answered with 503',
    back: 'the store can be used again',
  })
  let probedMs = -Infinity

  async function logged<T>(result: Promise<T>): Promise<T> {
    try {
      const value = await result
      if (outage.isAway()) probe()
      return value
    } catch (error) {
      if (error instanceof StoreUnavailableError) outage.failed({ err: error })
      throw error
    }
  }

  function probe(): void {
    if (performance.now() - probedMs < probeEveryMs) return
    probedMs = performance.now()
    store.tryWriting().then(outage.worked, () => {})
  }

  return {
    ...store,
    place: (...given) => logged(store.place(...given)),
    adopt: (...given) => logged(store.adopt(...given)),
    replace: (...given) => logged(store.replace(...given)),
    find: (...given) => logged(store.find(...given)),
    findBound: (...given) => logged(store.findBound(...given)),
    list: (...given) => logged(store.list(...given)),
    unanswered: (...given) => logged(store.unanswered(...given)),
    handOut: (...given) => logged(store.handOut(...given)),
    note: (...given) => logged(store.note(...given)),
    notes: (...given) => logged(store.notes(...given)),
    claimDue: (...given) => logged(store.claimDue(...given)),
    renew: (...given) => logged(store.renew(...given)),
    release: (...given) => logged(store.release(...given)),
    tryWriting: () => logged(store.tryWriting()),
  }
}
