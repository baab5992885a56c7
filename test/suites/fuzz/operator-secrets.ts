import { canary } from '../../support/canaries.ts'

/** Secrets of the operator's that stand nowhere but in the gateways' environment and in what is sent with them. */
export const operatorSecrets = {
  kieApiKey: `key-at-kie-${canary}-51f7`,
  apikleyApiKey: `key-at-apikley-${canary}-9b02`,
  webhookKey: `webhook-key-${canary}-c84d`,
  callbackSecret: `callback-secret-${canary}-e613`,
  webKey: `key-of-web-${canary}-2a90`,
  mobileKey: `key-of-mobile-${canary}-77de`,
} as const
