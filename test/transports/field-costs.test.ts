import {
  getNamedType,
  getNullableType,
  isInterfaceType,
  isListType,
  isObjectType,
  isScalarType,
  type GraphQLField,
} from 'graphql'
import { describe, expect, test } from 'vitest'
import { costOfField } from '../../src/graphql/schema/field-cost.ts'
import { createSchema } from '../../src/graphql/schema/schema.ts'

const connection = /Connection$/

const fields = Object.values(createSchema().getTypeMap())
  .filter((type) => (isObjectType(type) || isInterfaceType(type)) && !type.name.startsWith('__'))
  .flatMap((type) =>
    (isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : []).map((field) => ({
      name: `${type.name}.${field.name}`,
      field,
      isOfConnection: connection.test(type.name),
    })),
  )

function isConnection({ type }: GraphQLField<unknown, unknown>): boolean {
  return connection.test(getNamedType(type).name)
}

describe('every field of the schema that returns several objects has a cost', () => {
  // The connection itself counts its edges.
  const lists = fields.filter(
    ({ field, isOfConnection }) => isConnection(field) || (isListType(getNullableType(field.type)) && !isOfConnection),
  )

  test('the schema has such fields', () => {
    const names = lists.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['Query.separations', 'SeparationTask.allStems', 'VocalStems.all']))
  })

  test.each(lists)('$name', ({ field }) => {
    const cost = costOfField(field) ?? {}
    const expected = isConnection(field)
      ? ['base', 'perItem', 'perFilteredItem', 'defaultPageSize', 'maxPageSize']
      : ['maxItems']
    // A list of numbers has no fields below it, so it has a cost of its own.
    const isOfNumbers = isScalarType(getNamedType(field.type)) && 'base' in cost
    expect(Object.keys(cost).toSorted()).toEqual((isOfNumbers ? [...expected, 'base'] : expected).toSorted())
    for (const value of Object.values(cost)) expect(value).toBeGreaterThan(0)
  })
})
