import { maxStems } from '../../separation/advance/merge-stems.ts'
import { compareText } from '../../separation/advance/merge-text.ts'

/**
 * Returns at most `maxStems` of the items. Known parts come first, and the order of the list makes no difference. Runs
 * before the items are parsed, so that items beyond the limit cost little: an answer may hold 1 MB of them.
 */
export function withinStemLimit<T>(
  items: readonly T[],
  describe: (item: T) => { readonly isKnownPart: boolean; readonly text: string },
): readonly T[] {
  if (items.length <= maxStems) return items
  return items
    .map((item) => ({ item, ...describe(item) }))
    .toSorted((a, b) => Number(b.isKnownPart) - Number(a.isKnownPart) || compareText(a.text, b.text))
    .slice(0, maxStems)
    .map(({ item }) => item)
}
