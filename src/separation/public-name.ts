/** The name of a value of the core in the API: `backingVocals` is `BACKING_VOCALS`. */
export function publicNameOf(value: string): string {
  return value
    .replace(/[A-Z]/g, (capital) => `_${capital}`)
    .replaceAll('-', '_')
    .toUpperCase()
}
