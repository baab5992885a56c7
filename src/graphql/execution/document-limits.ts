import { maxAliasesRule } from '@escape.tech/graphql-armor-max-aliases'
import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth'
import { maxDirectivesRule } from '@escape.tech/graphql-armor-max-directives'
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens'
import {
  NoSchemaIntrospectionCustomRule,
  validate,
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
  type ValidationContext,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { costRule } from './cost-rule.ts'
import { rootFieldRule } from './root-field-rule.ts'

/** What one document may hold. GraphiQL's introspection stays well within. */
const limits = { tokens: 2_000, depth: 12, aliases: 100, directives: 50 } as const

/** A limit's error is one among the validation's; thrown, as they are by themselves, they would bear no code. */
const reported = {
  propagateOnRejection: false,
  onReject: [(context: ValidationContext | null, error: GraphQLError) => context?.reportError(error)],
}

/** Refuses a document in the middle of reading it. */
export const maxTokens = maxTokensPlugin({ n: limits.tokens })

/**
 * What is too large, or not to be asked, is refused before GraphQL's own rules look at it: some of these compare every
 * field with every other.
 * @param introspection whether the schema may be asked for
 */
export function documentLimits(introspection: boolean): Plugin {
  const rules = [
    maxDepthRule({ n: limits.depth, ...reported }),
    maxAliasesRule({ n: limits.aliases, allowList: [], ...reported }),
    maxDirectivesRule({ n: limits.directives, ...reported }),
    rootFieldRule,
    costRule,
    ...(introspection ? [] : [NoSchemaIntrospectionCustomRule]),
  ]
  return {
    onValidate({ validateFn, setValidationFn }) {
      setValidationFn((schema: GraphQLSchema, document: DocumentNode, ...rest: unknown[]) => {
        const errors = validate(schema, document, rules)
        return errors.length > 0 ? errors : validateFn(schema, document, ...rest)
      })
    },
  }
}
