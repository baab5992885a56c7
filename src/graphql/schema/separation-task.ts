import { completedAtMs } from '../../separation/task/task-times.ts'
import { isSettled, type Task } from '../../separation/task/task.ts'
import { phaseOf, statusOf } from '../../separation/task/task-status.ts'
import { expiresAtMs } from '../../separation/file-retention.ts'
import { isTaskId } from '../../separation/task/task-id.ts'
import { enabledOffer } from '../enabled-offer.ts'
import { builder, dateOf } from './builder.ts'
import { ChargeEnum, ProviderEnum, SeparationPhaseEnum, SeparationStatusEnum, SeparationTypeEnum } from './enums.ts'
import { withCost } from './field-cost.ts'
import { readsOnlyTasks } from './reads-only-tasks.ts'
import { eventsOf, maxEvents, SeparationEvent } from './separation-event.ts'
import { afterWait, checkWaitSeconds, waitSecondsDescription } from './wait-seconds.ts'
import { SeparationFailure } from './separation-failure.ts'
import { allStemsOf, maxStems, Stems, StemType } from './stems.ts'

const SeparationTaskRef = builder.objectRef<Task>('SeparationTask')

/** The GraphQL type of a separation task. */
export const SeparationTask = builder.node(SeparationTaskRef, {
  description: 'One order to separate one track. It exists from the moment the order is accepted.',
  id: {
    description: 'The id of the task: a TypeID, `sep_…`. `separation`, `separationUpdated` and `node` accept it.',
    resolve: (task) => task.id,
  },
  isTypeOf: () => true,
  loadMany: (ids, { tasks }) =>
    Promise.all(ids.map(async (id) => (isTaskId(id) ? tasks.load({ taskId: id, provider: null }) : null))),
  fields: (t) => ({
    provider: t.field({
      type: ProviderEnum,
      description: 'The provider that separates the track.',
      resolve: (task) => task.provider,
    }),
    providerTaskId: t.id({
      nullable: true,
      description: "The provider's id for the task. Null until the provider has confirmed the order.",
      resolve: (task) => task.providerTaskId,
    }),
    type: t.field({
      type: SeparationTypeEnum,
      nullable: true,
      description:
        'Which stems to separate the track into. Null only for a task created outside this gateway whose type is not known yet.',
      resolve: (task) => task.type,
    }),
    status: t.field({
      type: SeparationStatusEnum,
      description: 'The status of the separation.',
      resolve: (task) => statusOf(task),
    }),
    phase: t.field({
      type: SeparationPhaseEnum,
      description: 'How far the separation is.',
      resolve: (task) => phaseOf(task),
    }),
    settled: t.boolean({
      description:
        'Whether the task has succeeded or failed. A settled task never becomes PENDING again. A failure may still become a SUCCESS, and a SUCCESS may gain stems.',
      resolve: (task) => isSettled(task),
    }),
    revision: t.int({
      description: 'Increases with every change of the task. Of two copies, the one with the lower revision is older.',
      resolve: (task) => task.revision,
    }),
    musicTaskId: t.id({
      nullable: true,
      description:
        "The provider's id of the task that generated the music, as passed to `separate`. Null for a task created outside this gateway.",
      resolve: (task) => task.musicTaskId,
    }),
    audioId: t.id({
      nullable: true,
      description: "The provider's id of the track to separate.",
      resolve: (task) => task.audioId,
    }),
    reference: t.string({
      nullable: true,
      description:
        'Your own text for the task, as passed to `separate` by the order that created it. Null if that order had none.',
      resolve: (task) => task.reference,
    }),
    musicId: t.id({
      nullable: true,
      description: "The provider's id of the music. Null until the provider reports it.",
      resolve: (task) => task.musicId?.value,
    }),
    originUrl: t.field({
      type: 'URL',
      nullable: true,
      description: 'The URL of the original track. Null if the provider does not report it.',
      resolve: ({ originUrl }) => (originUrl === null ? null : new URL(originUrl.value)),
    }),
    stems: t.field({
      type: Stems,
      nullable: true,
      description: 'The result, as the type that matches `type`. Null unless `status` is SUCCESS.',
      resolve: (task) => (task.state === 'succeeded' ? { task } : null),
    }),
    allStems: t.field({
      type: [StemType],
      description:
        'All stems of the result as one list, for any `type` and without a fragment. Empty if there are no stems.',
      extensions: withCost({ maxItems: maxStems }),
      resolve: (task) => (task.state === 'succeeded' ? allStemsOf(task) : []),
    }),
    archiveUrl: t.field({
      type: 'URL',
      nullable: true,
      description:
        'The URL of a ZIP file with all stems, to save them with one click: a link of this gateway that needs no other ' +
        'credential. The files are named as in `?download=1` of `Stem.url`. The link stays the same and works until ' +
        '`expiresAt`; if the task gains a stem, so does the file. If a stem cannot be read, the answer is an error that names ' +
        'it, or the download breaks off: the file is never incomplete. Null if there are no stems, and if the operator has ' +
        'chosen that `Stem.url` is `providerUrl`.',
      resolve: (task, _args, { zipUrlOf }) => {
        const url = task.state === 'succeeded' && task.stems.length > 0 ? zipUrlOf(task) : null
        return url === null ? null : new URL(url)
      },
    }),
    failure: t.field({
      type: SeparationFailure,
      nullable: true,
      description: 'Why the separation failed. Null unless it failed.',
      resolve: (task) => (task.state === 'failed' ? task.failure : null),
    }),
    charge: t.field({
      type: ChargeEnum,
      description: 'Whether the provider charged for the separation.',
      resolve: (task) => task.charge,
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When the separation was ordered.',
      resolve: (task) => new Date(task.createdAtMs),
    }),
    updatedAt: t.field({
      type: 'DateTime',
      description: 'When the task last changed.',
      resolve: (task) => new Date(task.updatedAtMs),
    }),
    expectedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When the result is expected: as long after the order was sent as half of the latest separations of this provider ' +
        'and type took at this gateway. It may take longer, and then this time has passed. Null if the gateway knows fewer ' +
        'than five, while the order is queued, and once the task is settled.',
      resolve: (task) => dateOf(isSettled(task) ? null : task.expectedAtMs),
    }),
    events: t.field({
      type: [SeparationEvent],
      description:
        'What happened to the task, oldest first. Callbacks and checks that changed nothing are left out, and of many of the ' +
        'same type the first and the latest three are kept.',
      extensions: withCost({ maxItems: maxEvents }),
      resolve: (task) => [...eventsOf(task)],
    }),
    completedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the task succeeded or failed. Null while it is pending.',
      resolve: (task) => dateOf(completedAtMs(task)),
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When the links of the stems stop working: when the provider is expected to delete its files, or for archived stems ' +
        'when the archive deletes its copies. If the stems differ, the earliest time. Null if there are no files, if all ' +
        'stems are archived for ever, and if it is not known when the provider deletes its files.',
      resolve: (task, _args, { retentionOf }) => dateOf(expiresAtMs(task, retentionOf(task.provider))),
    }),
    filesAvailable: t.boolean({
      description:
        'Whether the links of all stems work now: there are stems, and `expiresAt` has not passed. A file can still be missing ' +
        'if its provider deletes it early and no copy was archived before.',
      resolve: (task, _args, { areFilesAvailable }) => areFilesAvailable(task),
    }),
  }),
})

const taskIdDescription = "The `id` of the task, or the provider's id for it."
const providerDescription =
  "The provider that issued the id, if `taskId` is a provider's id. Defaults to the default provider. An unknown id of a disabled provider is an error (BAD_USER_INPUT)."

builder.queryField('separation', (t) =>
  t.field({
    type: SeparationTask,
    nullable: true,
    extensions: readsOnlyTasks,
    description:
      'Fetches one of your tasks. Returns null if it does not exist or belongs to another caller. ' +
      "`taskId` may also be the provider's id of a task created outside this gateway on the same account: the gateway then " +
      'adopts the task, which makes it yours and tracks it from then on. A GET request changes nothing, so over GET the id of ' +
      'a task that is not adopted yet is an error (BAD_USER_INPUT).',
    args: {
      taskId: t.arg.id({ required: true, description: taskIdDescription }),
      provider: t.arg({ type: ProviderEnum, description: providerDescription }),
      waitSeconds: t.arg.int({ required: true, defaultValue: 0, description: waitSecondsDescription }),
    },
    resolve: async (_root, { taskId, provider, waitSeconds }, context) => {
      checkWaitSeconds(waitSeconds)
      const task = await context.tasks.load({ taskId, provider: provider ?? null })
      if (task !== null) return afterWait(task, waitSeconds, context)
      // The gateway cannot ask a disabled provider whether the task exists.
      if (provider) enabledOffer(context.offers, provider)
      return null
    },
  }),
)

builder.subscriptionField('separationUpdated', (t) =>
  t.field({
    type: SeparationTask,
    nullable: true,
    description:
      'Sends the current state of the task, then the new state after every change, and completes when the task is settled. ' +
      'No change is missed: every subscription, also after a reconnect, starts with the current state. The subscription ' +
      'completes at the first SUCCESS, although a stem may still be added (the piano often arrives late): `stems.missing` ' +
      'lists the stems that may follow, and `separation` reads them later. For an unknown task it sends null once and ' +
      'completes. An error is the last item, such as UNAVAILABLE if the database cannot be reached at the start: subscribe ' +
      'again after a moment.',
    args: {
      taskId: t.arg.id({ required: true, description: taskIdDescription }),
      provider: t.arg({ type: ProviderEnum, description: providerDescription }),
    },
    subscribe: (_root, { taskId, provider }, { watch }) =>
      watch({ kind: 'task', ref: { taskId, provider: provider ?? null } }),
    resolve: (task, { provider }, { offers }) => {
      if (task instanceof Error) throw task
      if (task === null && provider) enabledOffer(offers, provider)
      return task
    },
  }),
)
