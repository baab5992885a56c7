import type { Ending } from '../../support/gateway.ts'

/** Runs a function outside of a test and runs its cleanups afterwards, last first. */
export async function withEndings<T>(use: (atEnd: Ending) => Promise<T>): Promise<T> {
  const endings: (() => unknown)[] = []
  try {
    return await use((end) => void endings.push(end as () => unknown))
  } finally {
    for (const end of endings.toReversed()) await end()
  }
}
