import { callbacks } from './callbacks.ts'
import { dashboards } from './dashboards.ts'
import { fanOut } from './fan-out.ts'
import type { Figure } from './figure.ts'
import { memory } from './memory.ts'
import { readMany, readOne } from './read.ts'
import { size } from './size.ts'
import { start } from './start.ts'
import { stemMemory, stemStream } from './stems.ts'
import { submits } from './submits.ts'

/** In the order in which they are measured. */
export const figures: readonly Figure[] = [
  readOne,
  readMany,
  fanOut,
  dashboards,
  callbacks,
  submits,
  memory,
  stemStream,
  stemMemory,
  start,
  size,
]
