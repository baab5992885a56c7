import type { ProviderName } from '../../separation/task/provider-name.ts'
import type { RefusalReason } from '../../separation/task/failure.ts'
import type { SeparationType, StemPart } from '../../separation/task/separation-type.ts'
import type { TaskPhase } from '../../separation/task/task-status.ts'
import type { AudioFormat } from '../../stems/audio-format.ts'
import { publicNameOf } from '../../separation/public-name.ts'
import { builder, type EnumOf } from './builder.ts'

export const ProviderEnum = enumOf<ProviderName>(
  'Provider',
  'A provider of separations. Orders work only with the providers that the operator has enabled.',
  {
    kie: 'kie.ai',
    apikley: 'Apikley',
    sunoapi: 'sunoapi.org',
    sandbox: 'The built-in test provider. It costs nothing and returns stems of a built-in song.',
  },
)

export const SeparationTypeEnum = enumOf<SeparationType>('SeparationType', 'Which stems to separate a track into.', {
  separate_vocal: 'Two stems: the vocals, and everything else.',
  split_stem: 'Up to 13 stems: lead vocals, backing vocals and each kind of instrument. It usually costs more.',
})

export const SeparationStatusEnum = builder.enumType('SeparationStatus', {
  description: 'The status of a separation. All providers use the same values.',
  values: {
    PENDING: { description: 'The separation is ordered and has no result yet.' },
    SUCCESS: { description: 'The stems are ready.' },
    CREATE_TASK_FAILED: {
      description:
        'The provider refused the order, did not create a task for it, or never confirmed it. See `failure`.',
    },
    GENERATE_AUDIO_FAILED: { description: 'The provider could not separate the track, or sent no result in time.' },
    CALLBACK_EXCEPTION: { description: 'The provider failed to deliver its result, and no audio was found.' },
  },
})

export const SeparationPhaseEnum = builder.enumType('SeparationPhase', {
  description: 'How far a separation is. `status` says how it ends.',
  values: {
    QUEUED: {
      description:
        "The order is stored and waits for a slot within the provider's rate. It was never sent, so nothing is charged. " +
        'The gateway sends it, also after a restart.',
    },
    SENDING: { description: 'The order is being sent, and the provider has not answered yet.' },
    UNCONFIRMED: {
      description:
        "The order was sent, but the provider's answer was lost. A callback can still bring the result. If none does, " +
        'the task fails with SUBMISSION_UNCONFIRMED.',
    },
    PROCESSING: { description: 'The provider has accepted the order and works on it.' },
    COLLECTING: { description: 'The provider reports success, but not all stems are there yet.' },
    SETTLED: { description: 'The separation has succeeded or failed: see `status`.' },
  } satisfies Record<TaskPhase, object>,
})

export const SeparationEventTypeEnum = builder.enumType('SeparationEventType', {
  description: 'What happened to a separation.',
  values: {
    ORDERED: { description: 'The order was stored.' },
    SENT: { description: 'The gateway began to send the order to the provider.' },
    UNANSWERED: { description: "The provider's answer to the order was lost." },
    ACCEPTED: { description: 'The provider accepted the order.' },
    REFUSED: { description: 'The provider refused the order, or the gateway gave up sending it. Nothing was charged.' },
    RESOLVED: {
      description:
        'The operator said whether an order that the provider never confirmed was charged. See `SeparationTask.charge`.',
    },
    CALLBACK: { description: 'A callback of the provider changed the task.' },
    CHECKED: {
      description: 'The gateway asked the provider for the state of the task, and the answer changed the task.',
    },
    SETTLED: { description: 'The gateway learned the outcome.' },
  },
})

export const FailureCodeEnum = builder.enumType('SeparationFailureCode', {
  description: 'Why a separation failed.',
  values: {
    SUBMISSION_REFUSED: { description: 'The provider refused the order. Nothing was charged. See `refusal`.' },
    SUBMISSION_UNCONFIRMED: {
      description:
        'The provider never answered the order, so it may have charged for it. If a result still arrives, the task becomes SUCCESS.',
    },
    CREATION_FAILED: { description: 'The provider accepted the order but could not create the task.' },
    GENERATION_FAILED: { description: 'The provider could not separate the track.' },
    CALLBACK_FAILED: { description: 'The provider failed to deliver its result, and no audio was found.' },
    NO_RESULT: { description: "The provider sent no result within the gateway's time limit." },
  },
})

export const RefusalReasonEnum = enumOf<RefusalReason>(
  'RefusalReason',
  'Why a provider refused an order. Each value corresponds to a type that implements `SeparateError`.',
  {
    'invalid-input': 'The provider does not accept the input (`InvalidInputError`). Change the input.',
    'track-not-found': 'The provider has no such track (`TrackNotFoundError`).',
    'insufficient-credits':
      "The operator's account at the provider does not have enough credits (`InsufficientCreditsError`).",
    'rate-limited': 'Too many orders in a short time (`RateLimitedError`). Order again later.',
    refused: 'Another reason (`ProviderRefusedError`). See `providerCode` and `message`.',
    unavailable:
      "The provider is unreachable, is down for maintenance, or rejects the gateway's API key (`ProviderUnavailableError`).",
  },
)

export const ChargeEnum = builder.enumType('Charge', {
  description:
    'Whether the provider charged for a separation. The sandbox uses the same values, but it costs no money.',
  values: {
    NONE: {
      description:
        'Not charged: the provider refused the order, the order was not sent yet, or the operator has found that it was not ' +
        'charged.',
    },
    CHARGED: { description: 'Charged: the provider accepted the order, or the operator has found that it did.' },
    MAYBE: { description: 'Unknown: the provider has not answered the order.' },
  },
})

export const AudioFormatEnum = enumOf<AudioFormat>('AudioFormat', 'The format of an audio file.', {
  mp3: 'MPEG audio layer III.',
  wav: 'RIFF/WAVE, as a rule uncompressed.',
  flac: 'FLAC, compressed without loss.',
  ogg: 'Ogg, with Vorbis or Opus.',
  m4a: 'MPEG-4, with AAC or ALAC.',
  aac: 'AAC by itself (ADTS).',
})

export const StemPartEnum = enumOf<StemPart>('StemPart', 'The part of the track that a stem contains.', {
  vocal: 'The vocals. Only the lead vocals if backing vocals are a separate stem.',
  instrumental: 'Everything except the vocals.',
  backingVocals: 'Backing vocals and choirs.',
  drums: 'The drum kit.',
  bass: 'The bass.',
  guitar: 'Guitars.',
  piano: 'The piano. Providers often report it late: it may be added after the other stems.',
  keyboard: 'Organs and other keyboards.',
  percussion: 'Percussion other than the drum kit.',
  strings: 'Strings.',
  synth: 'Synthesizers.',
  fx: 'Sound effects.',
  brass: 'Brass.',
  woodwinds: 'Woodwinds.',
  other: "A part that this gateway does not know. `label` holds the provider's name for it.",
})

/** An enum whose GraphQL names are those that the core's values have in the API. */
export function enumOf<T extends string>(
  name: string,
  description: string,
  descriptions: Readonly<Record<T, string>>,
): EnumOf<T> {
  const values = Object.entries<string>(descriptions).map(([value, valueDescription]) => [
    publicNameOf(value),
    { value, description: valueDescription },
  ])
  return builder.enumType(name, { description, values: Object.fromEntries(values) })
}
