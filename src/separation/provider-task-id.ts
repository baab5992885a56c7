/**
 * The most bytes (UTF-8) of a provider's id that are kept. PostgreSQL's indexes take rows of some 2,700 bytes, ids of other
 * columns included; the longest ids known are the sandbox's, of up to 900.
 */
export const maxProviderIdBytes = 1_024

/** Whether a text can be kept as a provider's id, in every store and as it is: not empty, not too long, well-formed Unicode. */
export function isProviderId(text: string): boolean {
  return /^[^\p{Cc}\p{Cs}]+$/u.test(text) && Buffer.byteLength(text) <= maxProviderIdBytes
}
