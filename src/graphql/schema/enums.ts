import type { ProviderName, RefusalReason, SeparationType, StemPart } from '../../separation/task.ts'
import { builder, type EnumOf } from './builder.ts'

export const ProviderEnum = enumOf<ProviderName>(
  'Provider',
  'A provider of separations. Only those that the operator has switched on can be ordered from.',
  {
    kie: 'kie.ai',
    apikley: 'Apikley',
    sunoapi: 'sunoapi.org',
    sandbox: 'The built-in provider for trying and testing: it costs nothing and plays a song of its own.',
  },
)

export const SeparationTypeEnum = enumOf<SeparationType>('SeparationType', 'Into what a track is separated.', {
  separate_vocal: 'Two stems: the voice, and everything else.',
  split_stem: 'Up to thirteen stems: each voice and each kind of instrument by itself. It usually costs more.',
})

export const SeparationStatusEnum = builder.enumType('SeparationStatus', {
  description: 'How a separation stands, in the words that all providers share.',
  values: {
    PENDING: { description: 'Ordered; no result yet.' },
    SUCCESS: { description: 'Done: the stems are there.' },
    CREATE_TASK_FAILED: {
      description: 'The order did not become a task at the provider, or was never confirmed: see `failure`.',
    },
    GENERATE_AUDIO_FAILED: { description: 'The provider could not separate the track, or gave no result in time.' },
    CALLBACK_EXCEPTION: { description: 'The provider failed to report its result, and no audio was found.' },
  },
})

export const FailureCodeEnum = builder.enumType('SeparationFailureCode', {
  description: 'Why a separation failed.',
  values: {
    SUBMISSION_REFUSED: { description: 'The provider did not take the order. Nothing was charged.' },
    SUBMISSION_UNCONFIRMED: {
      description:
        'The provider never answered the order, so it may have been charged. If its result still arrives, the task becomes a success.',
    },
    CREATION_FAILED: { description: 'The provider took the order and could not make a task of it.' },
    GENERATION_FAILED: { description: 'The provider could not separate the track.' },
    CALLBACK_FAILED: { description: 'The provider failed to report its result, and no audio was found.' },
    NO_RESULT: { description: 'The provider gave no result within the time that the gateway waits for one.' },
  },
})

export const RefusalReasonEnum = enumOf<RefusalReason>(
  'RefusalReason',
  'Why a provider did not take an order, by what can be done about it. Each is a type of `SeparateError`, too.',
  {
    'invalid-input': 'The provider cannot use the input (`InvalidInputError`): change it.',
    'track-not-found': 'The provider has no such track (`TrackNotFoundError`).',
    'insufficient-credits': "The operator's account at the provider is empty (`InsufficientCreditsError`).",
    'rate-limited': 'Too many orders at once (`RateLimitedError`): order again later.',
    refused: 'A reason of its own (`ProviderRefusedError`): see `providerCode` and `message`.',
    unavailable:
      'The provider cannot be reached, is closed for maintenance, or does not accept the key of this gateway (`ProviderUnavailableError`).',
  },
)

export const ChargeEnum = builder.enumType('Charge', {
  description: 'Whether the provider has charged for a separation.',
  values: {
    NONE: { description: 'Not charged: the order was refused.' },
    CHARGED: { description: 'Charged: the provider took the order.' },
    MAYBE: { description: 'Not known: the answer to the order has not arrived, or never did.' },
  },
})

export const StemPartEnum = enumOf<StemPart>('StemPart', 'Which part of the song a stem holds.', {
  vocal: 'The voice: the lead voice alone, where backing vocals are a stem of their own.',
  instrumental: 'Everything but the voice.',
  backingVocals: 'Choir and second voices.',
  drums: 'The drum kit.',
  bass: 'The bass.',
  guitar: 'Guitars.',
  piano: 'The piano. Providers tell of it late: it may join the others after the rest.',
  keyboard: 'Organs and other keyboards.',
  percussion: 'Percussion beside the drum kit.',
  strings: 'Strings.',
  synth: 'Synthesizers.',
  fx: 'Effects and sounds.',
  brass: 'Brass.',
  woodwinds: 'Woodwinds.',
  other: "A part that this gateway does not know; `label` has the provider's name for it.",
})

/** An enum whose names are the core's words in GraphQL's spelling. */
function enumOf<T extends string>(
  name: string,
  description: string,
  descriptions: Readonly<Record<T, string>>,
): EnumOf<T> {
  const values = Object.entries<string>(descriptions).map(([value, meaning]) => [
    value
      .replace(/[A-Z]/g, (capital) => `_${capital}`)
      .replaceAll('-', '_')
      .toUpperCase(),
    { value, description: meaning },
  ])
  return builder.enumType(name, { description, values: Object.fromEntries(values) })
}
