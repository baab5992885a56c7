import { readFile } from 'node:fs/promises'
import * as fc from 'fast-check'
import { buildSchema, execute, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { createSchema } from '../../src/graphql/schema/schema.ts'
import { doesReadOnlyTasks } from '../../src/graphql/schema/reads-only-tasks.ts'
import { failedTask, pendingTask, succeededTask } from '../support/tasks.ts'
import { validOperations } from '../support/valid-documents.ts'

const schema = createSchema()
const queries = Object.values(schema.getQueryType()?.getFields() ?? {})
/** Root fields whose result may change although no task that they return has changed. */
const unmarked = ['credits', 'providers', 'quote', 'separations', 'viewer']
/**
 * What never changes while a gateway runs, the loader of tasks itself, facts that never change once they are known, and what says
 * until when it is right.
 */
const allowed = ['tasks', 'offers', 'retentionOf', 'areFilesAvailable', 'stemUrlOf', 'zipUrlOf', 'fileFact', 'caller']

test('every root field of a query says whether it depends on tasks alone', () => {
  const others = queries.filter((field) => !doesReadOnlyTasks(field)).map(({ name }) => name)
  expect(others).toEqual(unmarked)
})

test('a field that depends on tasks alone, and all fields below it, use nothing else', async () => {
  const tasks = [pendingTask(), failedTask(), succeededTask(), succeededTask({ type: 'split_stem' })]
  const ids = tasks.map(({ id }) => id)
  const used = new Set<string>()
  const context = {
    tasks: { load: async ({ taskId }: { taskId: string }) => tasks.find(({ id }) => id === taskId) ?? null },
    // Only which of them there are: what a provider offers may change.
    offers: new Map([['kie', {}]]),
    retentionOf: () => ({ providerMs: 1_000, archiveMs: null }),
    areFilesAvailable: () => true,
    fileFact: async () => null,
    stemUrlOf: () => 'https://gateway.example/stems/vocals.mp3',
    zipUrlOf: () => 'https://gateway.example/stems/all.zip',
    caller: { owner: 'anonymous', mayAdopt: true },
  }
  const contextValue = new Proxy<Record<string, unknown>>(context, {
    get(target, name) {
      // Pothos keeps its own cache under a symbol.
      if (typeof name === 'string') used.add(name)
      return target[String(name)]
    },
  })
  const printed = buildSchema(await readFile('schema/schema.graphql', 'utf8'))
  const operations = validOperations(printed, ids).filter(
    ({ query }) => !query.includes('separations') && validate(printed, parse(query)).length === 0,
  )
  await fc.assert(
    fc.asyncProperty(operations, async ({ query, variables, operationName }) => {
      const document = parse(query)
      const result = await execute({ schema, document, contextValue, variableValues: variables, operationName })
      expect(result.errors).toBeUndefined()
    }),
    { numRuns: 300, endOnFailure: true },
  )
  expect([...used].filter((name) => !allowed.includes(name))).toEqual([])
  expect(used).toContain('tasks')
})
