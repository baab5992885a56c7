/** The version of Stemgate, as in package.json. */
export const version = '0.1.0'

/** What the gateway calls itself in its requests. */
export const userAgent = `stemgate/${version}`
