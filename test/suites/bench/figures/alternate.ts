/** What is measured in turns. */
export type Subjects<Name extends string> = Readonly<Record<Name, () => Promise<number>>>

/**
 * Measures each subject once before the first round, which is not counted, and once in every round, so that what slows the
 * machine for a while slows all of them.
 */
export async function alternate<Name extends string>(
  rounds: number,
  subjects: Subjects<Name>,
  onProgress: (line: string) => void = () => {},
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(subjects) as Name[]
  const values = Object.fromEntries(names.map((name) => [name, Array<number>()])) as Record<Name, number[]>
  for (const name of names) await subjects[name]()
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) values[name].push(await subjects[name]())
    onProgress(`round ${round}: ${names.map((name) => `${name} ${values[name].at(-1)?.toFixed(1)}`).join(', ')}`)
  }
  return values
}
