/** Never more than `most` of them under way. */
export async function forEachOf<T>(all: Iterator<T>, most: number, use: (each: T) => Promise<void>): Promise<void> {
  await Promise.all(
    Array.from({ length: most }, async () => {
      for (let next = all.next(); next.done !== true; next = all.next()) await use(next.value)
    }),
  )
}
