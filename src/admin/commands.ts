import type { Command } from './command.ts'
import { backup } from './commands/backup.ts'
import { checkConfig } from './commands/check-config.ts'
import { recheck } from './commands/recheck.ts'
import { show } from './commands/show.ts'
import { tasks } from './commands/tasks.ts'

/** All commands, in the order in which the help lists them. */
export const commands: readonly Command[] = [tasks, show, recheck, checkConfig, backup]
