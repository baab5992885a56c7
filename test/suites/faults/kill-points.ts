/** The points at which the gateway is killed. Old tasks are deleted only while some are left, so they come early. */
export const killPoints = [
  'before the request is forwarded',
  'while old tasks are deleted',
  'after the charge, before the answer',
  'half the answer sent',
  'after the answer',
  'during a callback',
  "after a callback's 200",
  'during a check',
  'during a restart',
] as const
export type KillPoint = (typeof killPoints)[number]

/** Reports that a point is reached. Resolves to true when the gateway has been killed there, otherwise to false at once. */
export type Reach = (point: KillPoint) => Promise<boolean>

/** Kills at one armed point at a time. */
export interface Killer {
  readonly reachability: Reach
  /** Kills when the point is next reached; resolves to whether it was, within `withinMs`. */
  killAt(point: KillPoint, withinMs: number): Promise<boolean>
}

/** `kill` must resolve when the gateway has ended. */
export function createKiller(kill: () => Promise<void>): Killer {
  let armed: { readonly point: KillPoint; readonly done: () => void } | null = null
  return {
    async reachability(point) {
      if (armed?.point !== point) return false
      const { done } = armed
      armed = null
      await kill()
      done()
      return true
    },
    killAt: (point, withinMs) =>
      new Promise((resolve) => {
        const mine = { point, done: () => resolve(true) }
        armed = mine
        setTimeout(() => {
          if (armed !== mine) return
          armed = null
          resolve(false)
        }, withinMs)
      }),
  }
}
