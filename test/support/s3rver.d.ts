declare module 's3rver' {
  import type { RequestListener } from 'node:http'

  /** A server of the S3 protocol that keeps its objects in a folder. Does not check signatures of version 4. */
  export default class S3rver {
    constructor(options: {
      readonly directory: string
      readonly silent?: boolean
      readonly serviceEndpoint?: string
      readonly configureBuckets?: readonly { readonly name: string }[]
    })
    /** Creates the buckets. */
    configureBuckets(): Promise<unknown>
    callback(): RequestListener
    close(): Promise<void>
  }
}
