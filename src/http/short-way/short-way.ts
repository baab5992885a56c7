import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DocumentNode, ExecutionResult, GraphQLSchema } from 'graphql'
import { LRUCache } from 'lru-cache'
import { createContext, type Caller, type Services } from '../../graphql/context.ts'
import { executeOperation } from '../../graphql/execution/execute-operation.ts'
import type { OperationObserver } from '../../graphql/execution/operation-observer.ts'
import type { ChangeReader } from '../../separation/store/change-reader.ts'
import { createKeptAnswers, keyOfAnswer, type OneByteText } from './kept-answers.ts'
import { createKnownOperations } from './known-operations.ts'
import { readParameters } from './read-parameters.ts'

/**
 * Answers the usual POST without Yoga: a query or mutation whose document has passed the whole pipeline once without an
 * error, from a client whose `Accept` Yoga has answered before. Yoga answers everything else. See docs/decisions/0030.
 */
export interface ShortWay {
  /**
   * Answers a request that was authenticated and counted. Returns `not-taken` if nothing was executed, and the result if it
   * contains errors: the pipeline masks and sends it.
   */
  answer(response: ServerResponse, caller: Caller, body: Buffer): Promise<ShortAnswer>
  /** Learns a document that has passed every check. */
  learnDocument(query: string, document: DocumentNode): void
  /** Learns from an answer of Yoga which media type a client with this `Accept` gets. */
  learn(request: IncomingMessage, answer: Pick<Response, 'status' | 'headers'>): void
  /** Forgets the kept answers, and those under way: they depend on something that has changed besides the tasks. */
  forgetAnswers(): void
}

export type ShortAnswer = 'answered' | 'not-taken' | { readonly result: ExecutionResult }

export interface ShortWayOptions {
  readonly schema: GraphQLSchema
  readonly services: Services
  readonly reader: Pick<ChangeReader, 'revisions'>
  readonly observer: OperationObserver
}

const maxAcceptHeaders = 100
/** Longer ones are not learned. In characters. */
const maxAcceptLength = 500

export function createShortWay({ schema, services, reader, observer }: ShortWayOptions): ShortWay {
  const operations = createKnownOperations(schema)
  let allAnswers = createKeptAnswers(reader, services.clock)
  const mediaTypes = new LRUCache<string, string>({ max: maxAcceptHeaders })

  return {
    learnDocument: operations.learn,
    forgetAnswers: () => void (allAnswers = createKeptAnswers(reader, services.clock)),

    learn({ method, headers: { accept = '' } }, { status, headers }) {
      const type = headers.get('content-type')
      const isUsual = method === 'POST' && status === 200 && type !== null && type.startsWith('application/')
      if (isUsual && accept.length <= maxAcceptLength) mediaTypes.set(accept, type)
    },

    async answer(response, caller, body) {
      const mediaType = mediaTypes.get(response.req.headers.accept ?? '')
      if (mediaType === undefined) return 'not-taken'
      const answers = allAnswers
      const key = keyOfAnswer(caller.owner, body)
      const kept = await answers.find(key)
      if (kept !== null) {
        observer.executed('http', 'query')
        return send(response, mediaType, kept)
      }

      const parameters = readParameters(body)
      const operation = parameters && operations.find(parameters.query, parameters.operationName)
      if (parameters === null || operation === null) return 'not-taken'
      const { document, type, readsOnlyTasks } = operation
      const { variables: variableValues, operationName } = parameters
      const contextValue = createContext(services, caller)
      const result = await executeOperation({ schema, document, variableValues, operationName, contextValue })
      // The variables do not match, so nothing was executed.
      if (!('data' in result)) return 'not-taken'
      observer.executed('http', type)
      if (result.errors !== undefined) return { result }
      const answer = Buffer.from(JSON.stringify(result)).toString('latin1')
      if (readsOnlyTasks && !contextValue.reads.hasMissed) answers.keep(key, answer, contextValue.reads)
      return send(response, mediaType, answer)
    },
  }
}

function send(response: ServerResponse, mediaType: string, answer: OneByteText): 'answered' {
  response.writeHead(200, { 'content-type': mediaType, 'content-length': answer.length })
  response.end(answer, 'latin1')
  return 'answered'
}
