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

/** The limits of a document. GraphiQL's introspection query stays well within them. */
const limits = { tokens: 2_000, depth: 12, aliases: 100, directives: 50 } as const

/** Reports the error of a limit as a validation error. By default the rules throw it, and it would have no code. */
const reportOnly = {
  propagateOnRejection: false,
  onReject: [(context: ValidationContext | null, error: GraphQLError) => context?.reportError(error)],
}

/** Refuses a document while it is parsed, at the first token above the limit. */
export const maxTokens = maxTokensPlugin({ n: limits.tokens })

/**
 * Checks the limits before the standard validation rules run: some of those compare every field with every other.
 * @param introspection whether introspection is allowed
 */
export function documentLimits(introspection: boolean): Plugin {
  const rules = [
    maxDepthRule({ n: limits.depth, ...reportOnly }),
    maxAliasesRule({ n: limits.aliases, allowList: [], ...reportOnly }),
    maxDirectivesRule({ n: limits.directives, ...reportOnly }),
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
