import { print } from 'graphql'
import { DashboardDocument, ReadDocument, SeparateDocument, WatchDocument } from '../../../../schema/operations.ts'

// Printed once, as a frontend's build does.

export const readText = print(ReadDocument)
export const separateText = print(SeparateDocument)
export const watchText = print(WatchDocument)
export const dashboardText = print(DashboardDocument)
