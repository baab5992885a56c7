import { fanOut } from './fan-out.ts'
import type { Figure } from './figure.ts'
import { read } from './read.ts'
import { size } from './size.ts'
import { start } from './start.ts'

/** In the order in which they are measured. */
export const figures: readonly Figure[] = [read, fanOut, start, size]
