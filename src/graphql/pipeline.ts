import { blockFieldSuggestionsPlugin } from '@escape.tech/graphql-armor-block-field-suggestions'
import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases'
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth'
import { maxDirectivesPlugin } from '@escape.tech/graphql-armor-max-directives'
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens'
import { NoSchemaIntrospectionCustomRule, type ValidationRule } from 'graphql'
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import type { Log } from '../separation/ports.ts'
import { createContext, type Caller, type Context, type Gateway } from './context.ts'
import { createMaskError } from './mask-error.ts'
import { oneSeparateRule } from './one-separate-rule.ts'
import { createSchema } from './schema.ts'

export interface PipelineOptions {
  readonly gateway: Gateway
  readonly log: Log
  /** Whether the schema may be asked for, and mistakes in names are answered with suggestions. */
  readonly introspection: boolean
  /** Pages of these origins may read our answers. */
  readonly corsOrigins: readonly string[]
}

/** What the transport knows of an operation before it is read. */
export interface Incoming {
  readonly caller: Caller
}

export type Pipeline = YogaServerInstance<Incoming, Context>

/** What one document may hold. GraphiQL's introspection stays well within. */
const limits = { tokens: 2_000, depth: 12, aliases: 100, directives: 50 } as const

/**
 * The one way of an operation, whatever carries it: reading, rules, context, execution, masking. HTTP and SSE go through
 * Yoga itself, WebSocket through its `getEnveloped`; so everything here is a plugin of both.
 */
export function createPipeline({ gateway, log, introspection, corsOrigins }: PipelineOptions): Pipeline {
  return createYoga<Incoming, Context>({
    schema: createSchema(),
    context: ({ caller }) => createContext(gateway, caller),
    graphqlEndpoint: '/graphql',
    graphiql: false,
    landingPage: false,
    batching: false,
    // The route in front has its own limit, which costs less than a stream around every body.
    maxRequestBodySize: false,
    cors: corsOrigins.length > 0 ? { origin: [...corsOrigins], credentials: false, methods: ['GET', 'POST'] } : false,
    maskedErrors: { maskError: createMaskError(log) },
    logging: {
      debug: () => {},
      info: () => {},
      warn: (...words: unknown[]) => log.warn({ words }, 'graphql'),
      error: (...words: unknown[]) => log.error({ words }, 'graphql'),
    },
    plugins: [
      maxTokensPlugin({ n: limits.tokens }),
      maxDepthPlugin({ n: limits.depth }),
      maxAliasesPlugin({ n: limits.aliases }),
      maxDirectivesPlugin({ n: limits.directives }),
      withRule(oneSeparateRule),
      ...(introspection ? [] : [withRule(NoSchemaIntrospectionCustomRule), blockFieldSuggestionsPlugin()]),
    ],
  })
}

function withRule(rule: ValidationRule): Plugin {
  return {
    onValidate({ addValidationRule }) {
      addValidationRule(rule)
    },
  }
}
