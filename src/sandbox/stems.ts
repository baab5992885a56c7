/** The types of separations, as the providers name them. */
export const orderTypes = ['separate_vocal', 'split_stem'] as const
export type OrderType = (typeof orderTypes)[number]

/** One stem of a result: its names in the API, and its file. */
export interface StemNames {
  /** The field of record-info's `response`. */
  readonly urlField: string
  /** The field of a callback's `vocal_separation_info`; null if callbacks do not have this stem. */
  readonly callbackField: string | null
  /** `stem_type_group_name` in `originData`. */
  readonly label: string
  readonly file: FileName
}

/** The parts of the song. All other files are sums of them. */
export const partFiles = [
  'vocal',
  'backing-vocals',
  'drums',
  'bass',
  'guitar',
  'piano',
  'keyboard',
  'percussion',
  'strings',
  'synth',
  'fx',
  'brass',
  'woodwinds',
] as const
export type PartFile = (typeof partFiles)[number]

/** Sums of parts: the whole song, and the two stems of `separate_vocal`. */
export const sumFiles = {
  mix: partFiles,
  'vocals-all': ['vocal', 'backing-vocals'],
  instrumental: partFiles.filter((file) => file !== 'vocal' && file !== 'backing-vocals'),
} as const satisfies Record<string, readonly PartFile[]>
export type SumFile = keyof typeof sumFiles

/** The name of an audio file, without its extension. */
export type FileName = PartFile | SumFile

export const fileNames: readonly FileName[] = [...partFiles, 'mix', 'vocals-all', 'instrumental']

/** The stems of each type, in the order of the providers' pages. */
export const stemsOfType: Readonly<Record<OrderType, readonly StemNames[]>> = {
  separate_vocal: [
    {
      urlField: 'instrumentalUrl',
      callbackField: 'instrumental_url',
      label: 'Instrumental',
      file: 'instrumental',
    },
    { urlField: 'vocalUrl', callbackField: 'vocal_url', label: 'Vocals', file: 'vocals-all' },
  ],
  split_stem: [
    { urlField: 'vocalUrl', callbackField: 'vocal_url', label: 'Vocals', file: 'vocal' },
    {
      urlField: 'backingVocalsUrl',
      callbackField: 'backing_vocals_url',
      label: 'Backing Vocals',
      file: 'backing-vocals',
    },
    { urlField: 'drumsUrl', callbackField: 'drums_url', label: 'Drums', file: 'drums' },
    { urlField: 'bassUrl', callbackField: 'bass_url', label: 'Bass', file: 'bass' },
    { urlField: 'guitarUrl', callbackField: 'guitar_url', label: 'Guitar', file: 'guitar' },
    { urlField: 'pianoUrl', callbackField: null, label: 'Piano', file: 'piano' },
    { urlField: 'keyboardUrl', callbackField: 'keyboard_url', label: 'Keyboard', file: 'keyboard' },
    { urlField: 'percussionUrl', callbackField: 'percussion_url', label: 'Percussion', file: 'percussion' },
    { urlField: 'stringsUrl', callbackField: 'strings_url', label: 'Strings', file: 'strings' },
    { urlField: 'synthUrl', callbackField: 'synth_url', label: 'Synth', file: 'synth' },
    { urlField: 'fxUrl', callbackField: 'fx_url', label: 'FX', file: 'fx' },
    { urlField: 'brassUrl', callbackField: 'brass_url', label: 'Brass', file: 'brass' },
    { urlField: 'woodwindsUrl', callbackField: 'woodwinds_url', label: 'Woodwinds', file: 'woodwinds' },
  ],
}
