import type { Command } from './command.ts'
import { backup } from './commands/backup.ts'
import { checkConfig } from './commands/check-config.ts'
import { charges } from './commands/charges.ts'
import { keys } from './commands/keys.ts'
import { pause } from './commands/pause.ts'
import { forget } from './commands/forget.ts'
import { purge } from './commands/purge.ts'
import { recheck } from './commands/recheck.ts'
import { resolve } from './commands/resolve.ts'
import { resume } from './commands/resume.ts'
import { show } from './commands/show.ts'
import { tasks } from './commands/tasks.ts'
import { webhooks } from './commands/webhooks.ts'
import { webhooksReplay } from './commands/webhooks-replay.ts'
import { webhooksResume } from './commands/webhooks-resume.ts'
import { webhooksSecret } from './commands/webhooks-secret.ts'

/** All commands, in the order in which the help lists them. */
export const commands: readonly Command[] = [
  tasks,
  show,
  recheck,
  resolve,
  charges,
  pause,
  resume,
  keys,
  purge,
  forget,
  webhooks,
  webhooksReplay,
  webhooksResume,
  webhooksSecret,
  checkConfig,
  backup,
]
