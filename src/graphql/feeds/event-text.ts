import type { WatchedState } from '../../separation/read/watch.ts'
import { resultText } from '../execution/format-result.ts'
import { observeErrors } from '../execution/operation-observer.ts'
import type { EventTextOptions, FeedOperation } from './feed.ts'

/** Executes the subscription for one state of a task. Returns the JSON of the result. */
export async function eventText(
  { pipeline, observer, transport }: EventTextOptions,
  operation: FeedOperation,
  state: WatchedState,
): Promise<string> {
  const { caller, document, operationName, variables } = operation
  const { schema, contextFactory, execute } = pipeline.getEnveloped({ caller, transport: null })
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
  observeErrors(observer, transport, result.errors)
  return resultText(result)
}
