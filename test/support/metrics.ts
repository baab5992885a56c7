/** The metrics of a gateway at one time. */
export interface ReadMetrics {
  /** The whole text. */
  readonly text: string
  /** The labels of all series of this metric, apart from the bounds of histograms. */
  labelsOf(metric: string): readonly string[]
  /** The sum of all series of this name that have these labels; undefined if there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined
}

interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads the metrics at the URL of a gateway. */
export async function readMetrics(url: string): Promise<ReadMetrics> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const series = text.split('\n').flatMap((line): Series[] => {
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    return name === undefined ? [] : [{ name, labels: labelsIn(labels), value: Number(value) }]
  })
  return {
    text,
    labelsOf(metric) {
      const own = series.filter(({ name }) => name.replace(/_(bucket|sum|count)$/, '') === metric)
      return [...new Set(own.flatMap(({ labels }) => Object.keys(labels)))].filter((label) => label !== 'le')
    },
    value(name, labels = {}) {
      const found = series.filter(
        (each) => each.name === name && Object.entries(labels).every(([label, value]) => each.labels[label] === value),
      )
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0)
    },
  }
}

/** Counts from now on: how much a counter has grown when the returned function is called. */
export async function countFrom(url: string) {
  const before = await readMetrics(url)
  return async (name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> => {
    const after = await readMetrics(url)
    return (after.value(name, labels) ?? 0) - (before.value(name, labels) ?? 0)
  }
}

function labelsIn(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]))
}
