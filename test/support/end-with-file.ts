import { afterAll } from 'vitest'
import type { Ending } from './gateway.ts'

/** Ends what the tests of a file share after the last of them, in reverse order. Call it outside of tests and hooks. */
export function endWithFile(): Ending {
  const endings: (() => unknown)[] = []
  afterAll(async () => {
    for (const end of endings.splice(0).toReversed()) await end()
  })
  return (end) => void endings.push(end as () => unknown)
}
