/**
 * Renames an operation and replaces its variables by values, which are GraphQL text. Drops arguments without a value.
 * @param values by the name of the variable; a value of several lines is indented by 4 spaces
 */
export function withValues(operation: string, title: string, values: Readonly<Record<string, string>>): string {
  return operation
    .replace(/^(mutation|query|subscription) .*$/m, `$1 ${title} {`)
    .replace(/\((\w+: \$[^)]*)\)/g, (_all, list: string) => {
      const given = [...list.matchAll(/(\w+): \$(\w+)/g)].flatMap(([, argument = '', variable = '']) => {
        const value = values[variable]
        return value === undefined ? [] : [`${argument}: ${value}`]
      })
      if (given.length === 0) return ''
      const isShort = given.every((each) => !each.includes('\n'))
      return isShort ? `(${given.join(', ')})` : `(\n${given.map((each) => `    ${each}\n`).join('')}  )`
    })
}

/** An input object with one field per line, as an argument that is indented by `indent` spaces. */
export function inputText(fields: Readonly<Record<string, string>>, indent = 4): string {
  const margin = ' '.repeat(indent)
  const lines = Object.entries(fields).map(([name, value]) => `${margin}  ${name}: ${value}`)
  return ['{', ...lines, `${margin}}`].join('\n')
}

/** A list of such input objects, as an argument that is indented by 4 spaces. */
export function inputListText(items: readonly Readonly<Record<string, string>>[]): string {
  return ['[', ...items.map((fields) => `      ${inputText(fields, 6)}`), '    ]'].join('\n')
}
