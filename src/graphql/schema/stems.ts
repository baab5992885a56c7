import { missingParts, type SucceededTask } from '../../separation/task/task.ts'
import { partsOfType, type KnownPart } from '../../separation/task/separation-type.ts'
import type { StemOfTask } from '../context.ts'
import { copyOf, stemExpiresAtMs } from '../../separation/file-retention.ts'
import { stemIdOf, taskIdOfStem } from '../../separation/task/stem-id.ts'
import { isTaskId } from '../../separation/task/task-id.ts'
import { builder, dateOf, type FieldsOf } from './builder.ts'
import { badInput } from '../bad-input.ts'
import { storedBuckets } from '../../stems/peaks/peak-meter.ts'
import { audioFormats } from '../../stems/audio-format.ts'
import { AudioFormatEnum, StemPartEnum } from './enums.ts'
import { withCost } from './field-cost.ts'

const minBuckets = 100
/** In fields: a waveform is thousands of numbers, and may have to be decoded first. */
const peaksCost = 1_000

/** Wraps the task: Pothos marks the object that `node` loads as a SeparationTask, and an object can have only one type. */
interface StemsOfTask {
  readonly task: SucceededTask
}

/** The GraphQL type of a stem. */
export const StemType = builder.node(builder.objectRef<StemOfTask>('Stem'), {
  description: 'One separated part of a track, as an audio file.',
  id: {
    description: 'The id of the stem, unique across all tasks. It never changes. `node` accepts it.',
    resolve: ({ task, stem }) => stemIdOf(task.id, stem),
  },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'stem' in value,
  loadMany: (ids, { tasks }) =>
    Promise.all(
      ids.map(async (id) => {
        const taskId = taskIdOfStem(id)
        const task = taskId !== null && isTaskId(taskId) ? await tasks.load({ taskId, provider: null }) : null
        const stems = task?.state === 'succeeded' ? allStemsOf(task) : []
        return stems.find(({ task: { id: of }, stem }) => stemIdOf(of, stem) === id) ?? null
      }),
    ),
  fields: (t) => ({
    part: t.field({ type: StemPartEnum, description: 'The part of the track.', resolve: ({ stem }) => stem.part }),
    label: t.string({
      nullable: true,
      description: "The provider's name for the part, if it sent one.",
      resolve: ({ stem }) => stem.label,
    }),
    url: t.field({
      type: 'URL',
      description:
        'The URL of the audio file: a link of this gateway that a page can play, seek in, read (CORS) and download, without ' +
        'another credential. Add `?download=1` to save the file under a readable name. The link stays the same and works ' +
        'until `expiresAt`, whether the provider or the archive serves the file; download the files you want to keep. The operator may have chosen that it is `providerUrl`.',
      resolve: (stem, _args, { stemUrlOf }) => new URL(stemUrlOf(stem)),
    }),
    providerUrl: t.field({
      type: 'URL',
      description:
        "The provider's own URL of the file. Its server may allow no CORS and no ranges, and may stop serving the file early.",
      resolve: ({ stem }) => new URL(stem.url.value),
    }),
    durationSeconds: t.float({
      nullable: true,
      description:
        'The duration of the audio, in seconds. Null if the provider does not report it, until the gateway has served the file.',
      resolve: (stem, _args, { fileFact }) => stem.stem.durationSeconds ?? fileFact(stem, 'durationSeconds'),
    }),
    format: t.field({
      type: AudioFormatEnum,
      nullable: true,
      description: 'The format of the file. Null until the gateway has served the file, and for an unknown format.',
      resolve: async (stem, _args, { fileFact }) => {
        const format = await fileFact(stem, 'format')
        return audioFormats.find((each) => each === format)
      },
    }),
    sizeBytes: t.float({
      nullable: true,
      description:
        'The size of the file, in bytes, as a whole number. Null until the gateway has served the file, or all of it if the provider does not say the size.',
      resolve: (stem, _args, { fileFact }) => fileFact(stem, 'sizeBytes'),
    }),
    peaks: t.floatList({
      nullable: true,
      description:
        'The waveform, to draw it without loading the audio: the highest amplitude, from 0 to 1, of each of `buckets` parts of ' +
        'equal length. It is computed when it is first asked for, which may take some seconds, and stored. Null if the file ' +
        'cannot be decoded: MP3 and WAV of up to half an hour can. If the file cannot be read now, it is an error (UNAVAILABLE).',
      args: {
        buckets: t.arg.int({
          required: true,
          description: `How many parts: ${minBuckets} to ${storedBuckets}. Another number is an error (BAD_USER_INPUT).`,
        }),
      },
      extensions: withCost({ maxItems: storedBuckets, base: peaksCost }),
      resolve: async (stem, { buckets }, { stemPeaks }) => {
        if (buckets < minBuckets || buckets > storedBuckets) {
          throw badInput(`buckets must be from ${minBuckets} to ${storedBuckets}.`)
        }
        const peaks = await stemPeaks(stem, buckets)
        return peaks === null ? null : [...peaks]
      },
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When the link stops working: when the provider is expected to delete the file, or for an archived stem when the archive ' +
        'deletes its copy. Null if the copy is kept for ever, and if it is not known when the provider deletes the file.',
      resolve: ({ task, stem }, _args, { retentionOf }) =>
        dateOf(stemExpiresAtMs(task, stem, retentionOf(task.provider))),
    }),
    archived: t.boolean({
      description:
        'Whether the gateway has its own copy of the file, so that the link works even after the provider has deleted it. False ' +
        'if the operator has set up no archive, until the copy is complete (usually seconds after SUCCESS), and once the ' +
        'copy is deleted.',
      resolve: ({ task, stem }, _args, { retentionOf }) => copyOf(task, stem, retentionOf(task.provider)) !== null,
    }),
  }),
})

/** Every stem of a task, with its task: the id and the expiry of a stem derive from the task. */
export function allStemsOf(task: SucceededTask): StemOfTask[] {
  return task.stems.map((stem) => ({ task, stem }))
}

/** More only if the provider returns parts that the gateway does not know. */
export const maxStems = partsOfType.split_stem.length

const StemSet = builder.interfaceRef<StemsOfTask>('StemSet').implement({
  description: 'The stems of one separation of any type.',
  fields: (t) => ({
    all: t.field({
      type: [StemType],
      description: 'All stems that the provider returned, including parts that this gateway does not know (`OTHER`).',
      extensions: withCost({ maxItems: maxStems }),
      resolve: ({ task }) => allStemsOf(task),
    }),
    missing: t.field({
      type: [StemPartEnum],
      description:
        'The parts that this type of separation can return but did not. A track without drums, for example, has no drum stem.',
      extensions: withCost({ maxItems: maxStems }),
      resolve: ({ task }) => missingParts(task),
    }),
  }),
})

const VocalStems = builder.objectRef<StemsOfTask>('VocalStems').implement({
  description: 'The stems of a SEPARATE_VOCAL separation.',
  interfaces: [StemSet],
  fields: (t) => {
    const stem = stemField(t)
    return {
      vocal: stem('vocal', 'The vocals.'),
      instrumental: stem('instrumental', 'Everything except the vocals.'),
    } satisfies Record<(typeof partsOfType)['separate_vocal'][number], unknown>
  },
})

const InstrumentStems = builder.objectRef<StemsOfTask>('InstrumentStems').implement({
  description: 'The stems of a SPLIT_STEM separation. A part that the track does not have is null.',
  interfaces: [StemSet],
  fields: (t) => {
    const stem = stemField(t)
    return {
      vocal: stem('vocal', 'The lead vocals.'),
      backingVocals: stem('backingVocals', 'Backing vocals and choirs.'),
      drums: stem('drums', 'The drum kit.'),
      bass: stem('bass', 'The bass.'),
      guitar: stem('guitar', 'Guitars.'),
      piano: stem('piano', 'The piano.'),
      keyboard: stem('keyboard', 'Organs and other keyboards.'),
      percussion: stem('percussion', 'Percussion other than the drum kit.'),
      strings: stem('strings', 'Strings.'),
      synth: stem('synth', 'Synthesizers.'),
      fx: stem('fx', 'Sound effects.'),
      brass: stem('brass', 'Brass.'),
      woodwinds: stem('woodwinds', 'Woodwinds.'),
    } satisfies Record<(typeof partsOfType)['split_stem'][number], unknown>
  },
})

/** The GraphQL type of the stems of a task. */
export const Stems = builder.unionType('Stems', {
  description: 'The stems of a finished separation: one type for each `SeparationType`.',
  types: [VocalStems, InstrumentStems],
  resolveType: ({ task }) => (task.type === 'separate_vocal' ? VocalStems : InstrumentStems),
})

/** Returns a function that defines the field of one part. */
function stemField(t: FieldsOf<StemsOfTask>) {
  return (part: KnownPart, description: string) =>
    t.field({
      type: StemType,
      nullable: true,
      description,
      resolve: ({ task }) => {
        const stem = task.stems.find((each) => each.part === part)
        return stem === undefined ? null : { task, stem }
      },
    })
}
