import {
  completedAtMs,
  expiresAtMs,
  isSettled,
  statusOf,
  type FailedTask,
  type ProviderName,
  type Task,
} from '../../separation/task.ts'
import { isTaskId } from '../../separation/task-id.ts'
import { badInput } from '../bad-input.ts'
import { builder, dateOf } from './builder.ts'
import {
  ChargeEnum,
  FailureCodeEnum,
  ProviderEnum,
  RefusalReasonEnum,
  SeparationStatusEnum,
  SeparationTypeEnum,
} from './enums.ts'
import { allStemsOf, Stems, StemType } from './stems.ts'
import { limitedSubscription } from '../execution/limited-subscription.ts'
import { errorAsLastItem } from '../execution/error-as-last-item.ts'

const maxInt = 2 ** 31 - 1

const SeparationFailure = builder.objectRef<FailedTask['failure']>('SeparationFailure').implement({
  description: 'Why a separation failed.',
  fields: (t) => ({
    code: t.field({
      type: FailureCodeEnum,
      description: 'The reason, in words that are the same for all providers.',
      resolve: (failure) => failure.code,
    }),
    providerCode: t.int({
      nullable: true,
      description:
        "The provider's own code, if it gave one. The same number means different things at different providers.",
      resolve: ({ providerCode }) =>
        providerCode !== null && Number.isInteger(providerCode) && Math.abs(providerCode) <= maxInt
          ? providerCode
          : null,
    }),
    message: t.string({
      description: 'What happened, for people to read.',
      resolve: (failure) => failure.message,
    }),
    refusal: t.field({
      type: RefusalReasonEnum,
      nullable: true,
      description: 'Why the provider did not take the order; null unless the code is SUBMISSION_REFUSED.',
      resolve: ({ refusal }) => refusal?.reason,
    }),
  }),
})

const SeparationTaskRef = builder.objectRef<Task>('SeparationTask')

/** A separation task as callers see it. */
export const SeparationTask = builder.node(SeparationTaskRef, {
  description: 'One order to separate one track, from the moment it is accepted to the stems.',
  id: {
    description: 'The id of the task: a TypeID, `sep_…`. Take it for `separation`, `separationUpdated` and `node`.',
    resolve: (task) => task.id,
  },
  isTypeOf: () => true,
  loadMany: (ids, { tasks }) =>
    Promise.all(ids.map(async (id) => (isTaskId(id) ? tasks.load({ taskId: id, provider: null }) : null))),
  fields: (t) => ({
    provider: t.field({
      type: ProviderEnum,
      description: 'Who separates the track.',
      resolve: (task) => task.provider,
    }),
    providerTaskId: t.id({
      nullable: true,
      description: 'What the provider calls the task; null until the provider has confirmed the order.',
      resolve: (task) => task.providerTaskId,
    }),
    type: t.field({
      type: SeparationTypeEnum,
      nullable: true,
      description:
        'Into what the track is separated. null only for a task that was made outside this gateway and has not shown it yet.',
      resolve: (task) => task.type,
    }),
    status: t.field({
      type: SeparationStatusEnum,
      description: 'How the separation stands.',
      resolve: (task) => statusOf(task),
    }),
    settled: t.boolean({
      description:
        'Whether the task has reached its end. It will never be PENDING again; a failure may still become a SUCCESS, and a SUCCESS may gain stems.',
      resolve: (task) => isSettled(task),
    }),
    revision: t.int({
      description: 'Grows with every change of the task: of two copies, the one with the lower revision is older.',
      resolve: (task) => task.revision,
    }),
    musicTaskId: t.id({
      nullable: true,
      description:
        "The provider's id of the task that made the music, as it was ordered; null for a task made outside this gateway.",
      resolve: (task) => task.musicTaskId,
    }),
    audioId: t.id({
      nullable: true,
      description: "The provider's id of the track that is separated.",
      resolve: (task) => task.audioId,
    }),
    musicId: t.id({
      nullable: true,
      description: "The provider's id of the music, once the provider has told it.",
      resolve: (task) => task.musicId?.value,
    }),
    originUrl: t.field({
      type: 'URL',
      nullable: true,
      description: 'The track before it was separated, where the provider names it.',
      resolve: ({ originUrl }) => (originUrl === null ? null : new URL(originUrl.value)),
    }),
    stems: t.field({
      type: Stems,
      nullable: true,
      description: 'The result; null unless the status is SUCCESS.',
      resolve: (task) => (task.state === 'succeeded' ? { task } : null),
    }),
    allStems: t.field({
      type: [StemType],
      description:
        'Every stem of the result, whatever the type of the separation, without a fragment; empty unless there are stems.',
      resolve: (task) => (task.state === 'succeeded' ? allStemsOf(task) : []),
    }),
    failure: t.field({
      type: SeparationFailure,
      nullable: true,
      description: 'Why the separation failed; null unless it did.',
      resolve: (task) => (task.state === 'failed' ? task.failure : null),
    }),
    charge: t.field({
      type: ChargeEnum,
      description: 'Whether the provider has charged for it.',
      resolve: (task) => task.charge,
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was ordered.',
      resolve: (task) => new Date(task.createdAtMs),
    }),
    completedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it reached its end; null while it is pending.',
      resolve: (task) => dateOf(completedAtMs(task)),
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the provider is expected to delete the files; null unless there are any.',
      resolve: (task, _args, { retentionMsOf }) => dateOf(expiresAtMs(task, retentionMsOf(task.provider))),
    }),
  }),
})

const taskIdDescription = "The task's `id`, or the provider's own id for it."
const providerDescription =
  "Whose id it is, where it is a provider's own; the default provider if left out. An unknown id of a provider that is off is an error (BAD_USER_INPUT)."

/** Throws if an unknown id is said to be of a provider that is off: nobody can tell whether there is such a task. */
function checkProviderIsOn(provider: ProviderName | null | undefined, on: readonly ProviderName[]): void {
  if (!provider || on.includes(provider)) return
  throw badInput(`${provider.toUpperCase()} is off, so it cannot be asked. On: ${on.join(', ').toUpperCase()}.`)
}

builder.queryField('separation', (t) =>
  t.field({
    type: SeparationTask,
    nullable: true,
    description:
      "One of your tasks; null if there is no such task, or none that you may see. It also takes the provider's own id of a " +
      'task that was made outside this gateway on the same account: that task becomes yours and is followed from then on. ' +
      'Over GET such an id is an error (BAD_USER_INPUT) until the task is yours, because a GET changes nothing.',
    args: {
      taskId: t.arg.id({ required: true, description: taskIdDescription }),
      provider: t.arg({ type: ProviderEnum, description: providerDescription }),
    },
    resolve: async (_root, { taskId, provider }, { tasks, providers }) => {
      const task = await tasks.load({ taskId, provider: provider ?? null })
      if (task === null) checkProviderIsOn(provider, providers)
      return task
    },
  }),
)

builder.subscriptionField('separationUpdated', (t) =>
  t.field({
    type: SeparationTask,
    nullable: true,
    description:
      'The task as it is now, then again at every change, until it is settled. So there is nothing to miss between asking and ' +
      'waiting, nor after a reconnect. It ends at the first SUCCESS although a stem may still be added (the piano often comes ' +
      'late): `stems.missing` lists what may come, and `separation` reads it later. An unknown task is null once. An error, as when the gateway cannot reach its store at ' +
      'the beginning (UNAVAILABLE), is the last item: ask again after a moment.',
    args: {
      taskId: t.arg.id({ required: true, description: taskIdDescription }),
      provider: t.arg({ type: ProviderEnum, description: providerDescription }),
    },
    subscribe: (_root, { taskId, provider }, { separations, caller, subscriptionLimit }) =>
      limitedSubscription(subscriptionLimit, caller.owner, () =>
        errorAsLastItem(separations.watch(caller.owner, { taskId, provider: provider ?? null }, caller)),
      ),
    resolve: (task, { provider }, { providers }) => {
      if (task instanceof Error) throw task
      if (task === null) checkProviderIsOn(provider, providers)
      return task
    },
  }),
)
