import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What the process of the stuck readers is told to do. */
export type StuckOrder =
  | {
      readonly kind: 'open'
      readonly gateway: string
      /** What they watch, one each. */
      readonly taskIds: readonly string[]
      /** What they watch beside it, the more of them the more they ask. */
      readonly others: readonly string[]
      readonly count: number
      /** They read after all, for comparison. */
      readonly reads: boolean
    }
  /** So many of them ask for more. */
  | { readonly kind: 'deepen'; readonly deep: number; readonly by: number }
  | { readonly kind: 'go-on'; readonly asksPerSecond: number }
  | { readonly kind: 'close' }

export interface StuckReaders {
  /** Resolves when it is done, to how many there are; at `close`, how many had to connect again. */
  order(what: StuckOrder): Promise<number>
  close(): Promise<void>
}

/** Starts the process in which they live. */
export function startStuckReaders(): StuckReaders {
  const child = fork(fileURLToPath(new URL('./stuck-process.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] })
  const exit = once(child, 'exit')
  const broken = exit.then(() => Promise.reject(new Error('The process of the stuck readers ended.')))
  broken.catch(() => {})
  return {
    async order(what) {
      child.send(what)
      const [answer] = await Promise.race([once(child, 'message'), broken])
      return Number(answer)
    },
    async close() {
      child.disconnect()
      await exit
    },
  }
}
