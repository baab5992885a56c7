import {
  expiresAtMs,
  missingParts,
  stemName,
  type KnownPart,
  type partsOfType,
  type Stem,
  type SucceededTask,
} from '../../separation/task.ts'
import { builder, dateOf, type FieldsOf } from './builder.ts'
import { StemPartEnum } from './enums.ts'

/** Not the task itself: Pothos brands the object that `node` loads as a SeparationTask, and it can be of one type alone. */
interface StemsOfTask {
  readonly task: SucceededTask
}

interface StemOfTask extends StemsOfTask {
  readonly stem: Stem
}

/** A stem as callers see it. */
export const StemType = builder.objectRef<StemOfTask>('Stem').implement({
  description: 'One separated part of a track, as an audio file at the provider.',
  fields: (t) => ({
    id: t.id({
      description: 'Names this stem among all stems of all tasks, and stays the same.',
      resolve: ({ task, stem }) => `${task.id}.${stemName(stem)}`,
    }),
    part: t.field({ type: StemPartEnum, description: 'Which part it is.', resolve: ({ stem }) => stem.part }),
    label: t.string({
      nullable: true,
      description: "The provider's own name for the part, where it gave one.",
      resolve: ({ stem }) => stem.label,
    }),
    url: t.field({
      type: 'URL',
      description: 'Where the audio file can be fetched until `expiresAt`. Download what you want to keep.',
      resolve: ({ stem }) => new URL(stem.url.value),
    }),
    durationSeconds: t.float({
      nullable: true,
      description: 'How long it plays, in seconds; null where the provider does not say.',
      resolve: ({ stem }) => stem.durationSeconds,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the provider is expected to delete the file.',
      resolve: ({ task }, _args, { retentionMsOf }) => dateOf(expiresAtMs(task, retentionMsOf(task.provider))),
    }),
  }),
})

/** Every stem of a task, with the task itself: a stem takes its id and its expiry from there. */
export function allStemsOf(task: SucceededTask): StemOfTask[] {
  return task.stems.map((stem) => ({ task, stem }))
}

const StemSet = builder.interfaceRef<StemsOfTask>('StemSet').implement({
  description: 'The stems of one separation, whatever its type.',
  fields: (t) => ({
    all: t.field({
      type: [StemType],
      description: 'Every stem that the provider named, also parts that this gateway does not know.',
      resolve: ({ task }) => allStemsOf(task),
    }),
    missing: t.field({
      type: [StemPartEnum],
      description: 'The parts that this type of separation can yield and this one did not, as when nobody plays them.',
      resolve: ({ task }) => missingParts(task),
    }),
  }),
})

const VocalStems = builder.objectRef<StemsOfTask>('VocalStems').implement({
  description: 'What SEPARATE_VOCAL yields.',
  interfaces: [StemSet],
  fields: (t) => {
    const stem = stemField(t)
    return {
      vocal: stem('vocal', 'The voice.'),
      instrumental: stem('instrumental', 'Everything but the voice.'),
    } satisfies Record<(typeof partsOfType)['separate_vocal'][number], unknown>
  },
})

const InstrumentStems = builder.objectRef<StemsOfTask>('InstrumentStems').implement({
  description: 'What SPLIT_STEM yields. A part that nobody plays is null.',
  interfaces: [StemSet],
  fields: (t) => {
    const stem = stemField(t)
    return {
      vocal: stem('vocal', 'The lead voice.'),
      backingVocals: stem('backingVocals', 'Choir and second voices.'),
      drums: stem('drums', 'The drum kit.'),
      bass: stem('bass', 'The bass.'),
      guitar: stem('guitar', 'Guitars.'),
      piano: stem('piano', 'The piano.'),
      keyboard: stem('keyboard', 'Organs and other keyboards.'),
      percussion: stem('percussion', 'Percussion beside the drum kit.'),
      strings: stem('strings', 'Strings.'),
      synth: stem('synth', 'Synthesizers.'),
      fx: stem('fx', 'Effects and sounds.'),
      brass: stem('brass', 'Brass.'),
      woodwinds: stem('woodwinds', 'Woodwinds.'),
    } satisfies Record<(typeof partsOfType)['split_stem'][number], unknown>
  },
})

/** The stems of a task, by its type. */
export const Stems = builder.unionType('Stems', {
  description: 'The stems of a finished separation, by its type.',
  types: [VocalStems, InstrumentStems],
  resolveType: ({ task }) => (task.type === 'separate_vocal' ? VocalStems : InstrumentStems),
})

/** Defines the field of one part. */
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
