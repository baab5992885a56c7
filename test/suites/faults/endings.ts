import type { Ending } from '../../support/gateway.ts'

/** Runs something outside of a test that leaves things to be ended, and ends them: the last first. */
export async function withEndings<T>(use: (atEnd: Ending) => Promise<T>): Promise<T> {
  const endings: (() => unknown)[] = []
  try {
    return await use((end) => void endings.push(end as () => unknown))
  } finally {
    for (const end of endings.toReversed()) await end()
  }
}
