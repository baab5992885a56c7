import { maxAliasesRule } from '@escape.tech/graphql-armor-max-aliases'
import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth'
import { maxDirectivesRule } from '@escape.tech/graphql-armor-max-directives'
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens'
import {
  execute,
  GraphQLError,
  NoSchemaIntrospectionCustomRule,
  subscribe,
  type ValidationContext,
  type ValidationRule,
} from 'graphql'
import { _createLRUCache as createLruCache, createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import type { Log } from '../separation/ports.ts'
import { createContext, type Caller, type Context, type Gateway } from './context.ts'
import { costRule } from './cost-rule.ts'
import { createMaskError } from './mask-error.ts'
import { oneSeparateRule } from './one-separate-rule.ts'
import { createSchema } from './schema.ts'
import { withoutSuggestion } from './without-suggestion.ts'

export interface PipelineOptions {
  readonly gateway: Gateway
  readonly log: Log
  /** Whether the schema may be asked for, and mistakes in names are answered with suggestions. */
  readonly introspection: boolean
}

/** What the transport knows of an operation before it is read. */
export interface Incoming {
  readonly caller: Caller
  /** Called when the operation turns out to be a subscription, before its first event. */
  readonly onSubscribe?: () => void
}

export type Pipeline = YogaServerInstance<Incoming, Context>

/** What one document may hold. GraphiQL's introspection stays well within. */
const limits = { tokens: 2_000, depth: 12, aliases: 100, directives: 50 } as const

/** How many documents are kept as they were read; what validation said of them goes with them. */
const keptDocuments = 100

/** A limit's error is one among the validation's; thrown, as they are by themselves, they would bear no code. */
const reported = {
  propagateOnRejection: false,
  onReject: [(context: ValidationContext | null, error: GraphQLError) => context?.reportError(error)],
}

/**
 * The one way of an operation, whatever carries it: reading, rules, context, execution, masking. HTTP and SSE go through
 * Yoga itself, WebSocket through its `getEnveloped`; so everything here is a plugin of both.
 */
export function createPipeline({ gateway, log, introspection }: PipelineOptions): Pipeline {
  return createYoga<Incoming, Context>({
    schema: createSchema(),
    context: ({ caller }) => createContext(gateway, caller),
    graphqlEndpoint: '/graphql',
    graphiql: false,
    landingPage: false,
    batching: false,
    // By default it keeps a thousand of each: more than a gigabyte, whoever sends so many.
    parserAndValidationCache: {
      documentCache: createLruCache({ max: keptDocuments }),
      errorCache: createLruCache({ max: keptDocuments }),
    },
    // The route in front has its own limit, which costs less than a stream around every body.
    maxRequestBodySize: false,
    // The route in front sees to it: Yoga's own answers a foreign origin with `null`, which any sandboxed page may read.
    cors: false,
    maskedErrors: { maskError: createMaskError({ log, suggestions: introspection }) },
    logging: {
      debug: () => {},
      info: () => {},
      warn: (...words: unknown[]) => log.warn({ words }, 'graphql'),
      // What Yoga calls an error has been through maskError, which has told of it.
      error: () => {},
    },
    plugins: [
      graphqlJs,
      parseErrorCode,
      maxTokensPlugin({ n: limits.tokens }),
      withRule(maxDepthRule({ n: limits.depth, ...reported })),
      withRule(maxAliasesRule({ n: limits.aliases, allowList: [], ...reported })),
      withRule(maxDirectivesRule({ n: limits.directives, ...reported })),
      withRule(oneSeparateRule),
      withRule(costRule),
      ...(introspection ? [] : [withRule(NoSchemaIntrospectionCustomRule), hideSuggestions]),
    ],
  })
}

/** Yoga's own engine puts fields that resolve late behind the others, against the order of the query. */
const graphqlJs: Plugin<Incoming> = {
  onExecute: ({ setExecuteFn }) => setExecuteFn(execute),
  onSubscribe({ setSubscribeFn, args: { contextValue } }) {
    setSubscribeFn(subscribe)
    contextValue.onSubscribe?.()
  },
}

/** Yoga gives this code over HTTP alone. */
const parseErrorCode: Plugin = {
  onParse:
    () =>
    ({ result }) => {
      if (result instanceof GraphQLError) result.extensions['code'] ??= 'GRAPHQL_PARSE_FAILED'
    },
}

/** In validation; those of execution go through maskError. */
const hideSuggestions: Plugin = {
  onValidate:
    () =>
    ({ valid, result, setResult }) => {
      if (!valid) setResult(result.map(withoutSuggestion))
    },
}

function withRule(rule: ValidationRule): Plugin {
  return {
    onValidate({ addValidationRule }) {
      addValidationRule(rule)
    },
  }
}
