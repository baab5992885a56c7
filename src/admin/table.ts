/** A column of a table. */
export interface Column {
  readonly title: string
  /** Numbers are aligned at their ends. Default: left. */
  readonly align?: 'left' | 'right'
}

/** A table for a terminal: a line of titles, and a line for each row. null is printed as `-`. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly (string | number | null)[])[],
): string {
  const cells = rows.map((row) => columns.map((_, index) => printable(String(row[index] ?? '-'))))
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => (row[index] ?? '').length)),
  )
  const lineOf = (row: readonly string[]) =>
    row
      .map((cell, index) => {
        const width = widths[index] ?? 0
        return columns[index]?.align === 'right' ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return [lineOf(columns.map(({ title }) => title)), ...cells.map(lineOf)].join('\n')
}

/** Pairs of names and values, one a line. Leaves out those without a value. */
export function formatFields(fields: readonly (readonly [name: string, value: string | number | null])[]): string {
  const given = fields.filter(([, value]) => value !== null)
  const width = Math.max(0, ...given.map(([name]) => name.length))
  return given.map(([name, value]) => `${name.padEnd(width)}  ${printable(String(value))}`).join('\n')
}

/** A text of a caller or a provider without what could control the terminal or reorder the line. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

/** JSON for people and programs, without characters that could control the terminal. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[\p{Cf}\u{7f}-\u{9f}\p{Zl}\p{Zp}]/gu,
    // Two escapes for a character outside the basic plane.
    (character) =>
      Array.from(character, (_, index) => character.charCodeAt(index))
        .map((code) => `\\u${code.toString(16).padStart(4, '0')}`)
        .join(''),
  )
}
