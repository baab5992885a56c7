import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { startWatchedGateway, type WatchedGateway } from '../bench/watched-gateway.ts'
import { canary } from '../../support/canaries.ts'
import type { Breach } from './breach.ts'
import { startFuzzProvider, type FuzzProvider } from './fuzz-provider.ts'
import { createWordsJudge, type WordsJudge } from './judge-words.ts'
import { operatorSecrets } from './operator-secrets.ts'

/** One of the gateways that are fuzzed. */
export interface Place {
  readonly name: 'keyed' | 'open'
  readonly gateway: WatchedGateway
  /** How its caller says who it is; null where everybody is `anonymous`. */
  readonly authorization: string | null
  readonly words: WordsJudge
}

/** Two gateways, one with callers and one without, and the provider that both of them order from. */
export interface FuzzWorld {
  readonly keyed: Place
  readonly open: Place
  readonly places: readonly [Place, Place]
  readonly provider: FuzzProvider
  /** A token of another subject's at the keyed gateway, as it stands in the header. */
  newToken(subject: string): Promise<string>
  /** What both gateways have printed that they should not have. */
  breaches(): readonly Breach[]
  close(): Promise<void>
}

const issuer = 'http://issuer.example/'
const audience = 'fuzz'
/** It stands in the header of every token. */
const kid = `fuzz-${canary}`
const aDay = String(24 * 60 * 60)

/** Starts it all. No rate of the gateway's holds the run up, and no task is asked for but when a callback wakes it. */
export async function startFuzzWorld(program?: string): Promise<FuzzWorld> {
  const provider = await startFuzzProvider()
  const { privateKey, publicKey } = await generateKeyPair('EdDSA')
  provider.publishKeys({ keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' }] })

  async function start(name: Place['name'], environment: Readonly<Record<string, string>>): Promise<Place> {
    const words = createWordsJudge()
    const whole = {
      KIE_API_KEY: operatorSecrets.kieApiKey,
      KIE_BASE_URL: provider.url(`${name}-kie`),
      KIE_WEBHOOK_KEY: operatorSecrets.webhookKey,
      APIKLEY_API_KEY: operatorSecrets.apikleyApiKey,
      APIKLEY_BASE_URL: provider.url(`${name}-apikley`),
      CALLBACK_SECRET: operatorSecrets.callbackSecret,
      SOCKETS_PER_ADDRESS: '1000000',
      SUBMITS_PER_10_SECONDS: '1000000',
      READS_PER_SECOND: '1000',
      CHECK_INTERVAL_SECONDS: aDay,
      GIVE_UP_AFTER_SECONDS: '31536000',
      UNCONFIRMED_AFTER_SECONDS: '31536000',
      LOG_LEVEL: 'debug',
      ...environment,
    }
    const gateway = await startWatchedGateway(whole, words.take, program)
    return { name, gateway, authorization: name === 'keyed' ? `Bearer ${operatorSecrets.webKey}` : null, words }
  }

  const [keyed, open] = await Promise.all([
    start('keyed', {
      API_KEYS: `web:${operatorSecrets.webKey},mobile:${operatorSecrets.mobileKey}`,
      JWT_JWKS_URL: provider.url('keys'),
      JWT_ISSUER: issuer,
      JWT_AUDIENCE: audience,
      INTROSPECTION: 'false',
    }),
    start('open', { CORS_ORIGINS: 'http://page.example' }),
  ])

  return {
    keyed,
    open,
    places: [keyed, open],
    provider,
    async newToken(subject) {
      const token = await new SignJWT({
        iss: issuer,
        aud: audience,
        sub: subject,
        exp: Math.ceil(Date.now() / 1_000) + 3_600,
      })
        .setProtectedHeader({ alg: 'EdDSA', kid })
        .sign(privateKey)
      return `Bearer ${token}`
    },
    breaches: () => [keyed, open].flatMap(({ words }) => words.breaches()),
    async close() {
      await Promise.all([keyed.gateway.close(), open.gateway.close()])
      await provider.close()
    },
  }
}
