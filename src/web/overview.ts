import type { OverviewQuery } from '../../schema/operations.ts'

/** What the gateway says of the caller and of its providers. */
export type Overview = OverviewQuery
