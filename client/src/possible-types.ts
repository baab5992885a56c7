import types from '../../schema/possible-types.json' with { type: 'json' }

/** The types of each union and interface of the schema, as Apollo Client's cache needs them. */
export const possibleTypes: Record<string, string[]> = types
