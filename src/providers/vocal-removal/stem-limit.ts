import { compareText, maxStems } from '../../separation/advance/merge-results.ts'

/**
 * The items, or `maxStems` of them if there are more: those of known parts first, and the same ones in whatever order they
 * are listed. Cheap, so that what is beyond the limit need not be read: an answer may hold a megabyte of it.
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
