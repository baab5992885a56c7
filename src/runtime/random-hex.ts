import { randomFillSync } from 'node:crypto'

/** How many random bytes are made at a time: to ask for each few takes ten times as long. */
const poolBytes = 4_096
let pool: Buffer | null = null
let used = poolBytes

/** Random lower-case hexadecimal digits, two for each byte. For ids, not for secrets. */
export function randomHex(bytes: number): string {
  pool ??= Buffer.allocUnsafe(poolBytes)
  if (used + bytes > poolBytes) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return pool.toString('hex', used - bytes, used)
}
