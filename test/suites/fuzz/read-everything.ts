import { breach, type Breach } from './breach.ts'
import { askPlace, wholeTask } from './fuzz-callers.ts'
import type { FuzzWorld } from './fuzz-world.ts'
import { judgeAnswer } from './judge-answer.ts'

const query = `query ($after: String) {
  separations(first: 100, after: $after) { pageInfo { endCursor hasNextPage } edges { node { ...WholeTask } } }
} ${wholeTask}`

/** Reads every task of both callers, whatever was made of it by then, and looks at all that is told of them. */
export async function readEverything({ places }: FuzzWorld): Promise<readonly Breach[]> {
  const breaches: Breach[] = []
  for (const createOrder of places) {
    if (createOrder.gateway.hasEnded()) continue
    let after: string | null = null
    do {
      const { status, text } = await askPlace(createOrder, query, { after })
      breaches.push(...judgeAnswer(text, status))
      const { data, errors }: TaskPage = JSON.parse(text)
      if (errors !== undefined) breaches.push(breach('no response is an internal error', text))
      const info: PageInfo | undefined = data?.separations.pageInfo
      after = info?.hasNextPage === true ? info.endCursor : null
    } while (after !== null)
  }
  return breaches
}

interface PageInfo {
  readonly endCursor: string
  readonly hasNextPage: boolean
}
interface TaskPage {
  readonly data: { readonly separations: { readonly pageInfo: PageInfo } } | null
  readonly errors?: unknown
}
