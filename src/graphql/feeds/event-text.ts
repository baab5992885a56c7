import type { DocumentNode } from 'graphql'
import type { WatchedState } from '../../separation/read/watch.ts'
import type { TaskRef } from '../../separation/read/find.ts'
import type { Caller } from '../context.ts'
import { resultText } from '../execution/format-result.ts'
import type { Pipeline } from '../execution/pipeline.ts'

/** A subscription that has passed every check. */
export interface FeedOperation {
  readonly caller: Caller
  readonly document: DocumentNode
  readonly operationName: string | null
  readonly variables: Readonly<Record<string, unknown>>
  /** The task that it watches. */
  readonly ref: TaskRef
}

/** Executes the subscription for one state of its task. Returns the JSON of the result. */
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
