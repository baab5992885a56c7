import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** Reaches nothing but this machine. */
const onLoopbackAlone = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
]

/** Whether there is a browser for tests. Without one they are skipped, but not in CI. */
export function isBrowserThere(): boolean {
  if (existsSync(executablePath)) return true
  const reason = `there is no browser at ${executablePath}: install Debian's chromium, or set CHROMIUM`
  if (process.env['CI'] !== undefined) throw new Error(`The pages cannot be tested: ${reason}`)
  console.warn(`Skipped the browser tests: ${reason}`)
  return false
}

/** A browser. The caller closes it. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath, args: onLoopbackAlone })
}
