import { findCanary } from './canaries.ts'

/** The number of characters kept from one piece of output for the next: more than any secret has. */
const overlap = 400

/** Searches everything that a run prints, including its workers' output; the run fails if it contains a secret. */
export default function watchOutput(): () => void {
  const found = new Set<string>()
  const uncover = [process.stdout, process.stderr].map((stream) => {
    const write = stream.write
    let tail = ''
    stream.write = function watched(chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean {
      const text = tail + (typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString())
      const where = findCanary(text)
      if (where !== null) found.add(where)
      tail = where === null ? text.slice(-overlap) : ''
      return Reflect.apply(write, stream, [chunk, ...rest]) === true
    }
    return () => void (stream.write = write)
  })

  return () => {
    for (const restore of uncover) restore()
    if (found.size === 0) return
    const places = [...found].join('\n')
    // Vitest closes twice, and what was told once is not told again.
    found.clear()
    process.exitCode = 1
    throw new Error(`The run has printed a secret that a test planted:\n${places}`)
  }
}
