import { Kind, visit, type DocumentNode } from 'graphql'

const known = new WeakMap<DocumentNode, string | null>()

/**
 * The variable that is used for `since` of `separationsUpdated` and nowhere else. The text of an event does not depend on it, so
 * subscriptions that differ in it alone can share their texts. null if there is none, or if it has a default value.
 */
export function sinceVariableOf(document: DocumentNode): string | null {
  const found = known.get(document)
  if (found !== undefined) return found
  const name = findSinceVariable(document)
  known.set(document, name)
  return name
}

function findSinceVariable(document: DocumentNode): string | null {
  const uses: string[] = []
  const defaults = new Set<string>()
  let since: string | null = null
  visit(document, {
    VariableDefinition({ variable, defaultValue, directives = [] }) {
      if (defaultValue !== undefined || directives.length > 0) defaults.add(variable.name.value)
      // Its own variable is not a use.
      return false
    },
    Field({ name, arguments: args = [] }) {
      if (name.value !== 'separationsUpdated') return
      const value = args.find((argument) => argument.name.value === 'since')?.value
      if (value?.kind === Kind.VARIABLE) since = value.name.value
    },
    Variable: ({ name }) => void uses.push(name.value),
  })
  const isAlone = since !== null && uses.filter((name) => name === since).length === 1 && !defaults.has(since)
  return isAlone ? since : null
}
