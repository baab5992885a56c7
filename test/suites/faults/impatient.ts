import { startApp } from '../../../src/app.ts'
import type { Config } from '../../../src/config/config.ts'
import { readSettings } from '../../../src/config/settings.ts'
import { createEnvironmentSource } from '../../../src/program/environment-source.ts'
import { serve } from '../../../src/program/serve.ts'

/** A gateway whose `Config` is changed by what the variable CHANGES holds as JSON: times below what an operator may set. */
const { CHANGES = '{}', ...environment } = process.env
const changes: Partial<Config> = JSON.parse(CHANGES)
const settings = await readSettings(environment)
const changed = { ...settings, config: { ...settings.config, ...changes } }
await serve(changed, createEnvironmentSource(environment, []), startApp)
