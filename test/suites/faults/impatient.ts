import { startApp } from '../../../src/app.ts'
import { parseConfig } from '../../../src/config/config.ts'
import { serve } from '../../../src/program/serve.ts'

/** A gateway whose `Config` is changed by what the variable CHANGES holds as JSON: times below what an operator may set. */
const { CHANGES = '{}', ...environment } = process.env
const changes: Partial<ReturnType<typeof parseConfig>> = JSON.parse(CHANGES)
await serve({ ...parseConfig(environment), ...changes }, startApp)
