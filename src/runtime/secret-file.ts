import { readFile, stat } from 'node:fs/promises'

/** What a file that should hold one secret holds. `problem` follows the name of the variable that names the file. */
export type SecretFile =
  { readonly kind: 'secret'; readonly value: string } | { readonly kind: 'unusable'; readonly problem: string }

const maxBytes = 64 * 1024

/**
 * Reads a secret of one line from a file, without the whitespace around it. Never rejects. A problem repeats neither the
 * content nor the path, because somebody may have given the secret in place of the path.
 * @param options.isList whether the file may hold several secrets, one on each line: their values are separated by commas
 */
export async function readSecretFile(
  path: string,
  { isList = false }: { readonly isList?: boolean } = {},
): Promise<SecretFile> {
  try {
    const file = await stat(path)
    // A pipe could be read only once.
    if (!file.isFile()) return unusable('must name a regular file')
    if (file.size > maxBytes) return unusable(`names a file of more than ${maxBytes / 1024} KiB`)
    const content = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path))
    const value = isList ? joinLines(content) : content.trim()
    if (value === '') return unusable('names an empty file')
    if (/\p{Cc}/u.test(value)) return unusable('must name a file with one line of text')
    return { kind: 'secret', value }
  } catch (error) {
    return unusable(fileProblem(error) ?? 'names a file that cannot be read')
  }
}

function joinLines(content: string): string {
  const lines = content.split('\n').map((line) => line.trim().replace(/,$/, ''))
  return lines.filter((line) => line !== '').join(',')
}

function unusable(problem: string): SecretFile {
  return { kind: 'unusable', problem }
}

const problems: Readonly<Record<string, string>> = {
  ENOENT: 'names a file that does not exist',
  ENOTDIR: 'names a file that does not exist',
  ENAMETOOLONG: 'is too long for the path of a file',
  EACCES: 'names a file that this user may not read',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'must name a file with one line of text',
}

/** Why a file cannot be read, without its path. Follows the name of the variable that names it. null: for another reason. */
export function fileProblem(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? String(error.code) : null
  return code === null ? null : (problems[code] ?? `names a file that cannot be read (${code})`)
}
