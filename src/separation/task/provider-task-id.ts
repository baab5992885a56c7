/**
 * The most bytes (UTF-8) of a provider task id that are stored. PostgreSQL's index rows hold about 2,700 bytes, including the ids
 * in other columns. The longest known ids are the sandbox's, of up to 900 bytes.
 */
const maxProviderTaskIdBytes = 1_024

/** Whether every store can keep the text unchanged as a provider task id: not empty, not too long, well-formed Unicode. */
export function isProviderTaskId(text: string): boolean {
  return /^[^\p{Cc}\p{Cs}]+$/u.test(text) && Buffer.byteLength(text) <= maxProviderTaskIdBytes
}
