/** Where the archive is. */
export type ArchiveAddress =
  | { readonly kind: 'folder'; readonly path: string }
  /** `prefix` begins every key, without a slash at its end; empty: none. */
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }

/** How a bucket is reached. */
export interface S3Access {
  /** The URL of the server, without the bucket and without a slash at its end. */
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Where the archive is, and how it is reached. */
export type ArchiveLocation =
  Extract<ArchiveAddress, { kind: 'folder' }> | (Extract<ArchiveAddress, { kind: 's3' }> & S3Access)

/** Parses an ARCHIVE_URL, `file:<folder>` or `s3://<bucket>/<prefix>`; null if it is invalid. */
export function parseArchiveUrl(text: string): ArchiveAddress | null {
  if (/^file:./.test(text)) return { kind: 'folder', path: text.slice('file:'.length) }
  const [, bucket, prefix = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w./-]*))?$/.exec(text) ?? []
  const parts = prefix.split('/').filter((part) => part !== '')
  const isRelative = parts.some((part) => part === '.' || part === '..')
  return bucket === undefined || isRelative ? null : { kind: 's3', bucket, prefix: parts.join('/') }
}

/** The archive for messages. */
export function describeArchive(address: ArchiveAddress): string {
  if (address.kind === 'folder') return address.path
  return `s3://${[address.bucket, address.prefix].filter((part) => part !== '').join('/')}`
}
