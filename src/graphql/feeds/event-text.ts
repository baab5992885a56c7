import type { WatchedState } from '../../separation/read/watch.ts'
import { resultText } from '../execution/format-result.ts'
import type { Pipeline } from '../execution/pipeline.ts'
import type { FeedOperation } from './feed.ts'

/** Executes the subscription for one state of a task. Returns the JSON of the result. */
export async function eventText(pipeline: Pipeline, operation: FeedOperation, state: WatchedState): Promise<string> {
  const { caller, document, operationName, variables } = operation
  const { schema, contextFactory, execute } = pipeline.getEnveloped({ caller })
  const contextValue: object = await contextFactory()
  const result = await execute({
    schema,
    document,
    operationName,
    variableValues: variables,
    contextValue,
    rootValue: state,
  })
  if (Symbol.asyncIterator in result) throw new TypeError('An event has one result.')
  return resultText(result)
}
