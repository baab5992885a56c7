import { expect, test } from 'vitest'
import { createMember, offer } from '../../src/graphql/feeds/dashboard-member.ts'
import type { Delivery, Subscriber } from '../../src/graphql/feeds/feed.ts'

const subscriber: Subscriber = { feedKey: 'dashboard', joinedAt: 0, shown: 0 }

/** A delivery to a subscriber that has stopped reading. */
const busy: Delivery<Subscriber> = {
  isBusy: () => true,
  encode: (result) => Buffer.from(result),
  next: send,
  last: send,
  complete: send,
}

function send(): never {
  throw new Error('The subscriber is busy.')
}

const itemOf = (index: number) => ({ taskId: `task-${index}`, revision: 1, bytes: Buffer.of() })

test.each([
  { what: 'where it fell behind', after: null, from: 50 },
  { what: 'where it had caught up to', after: 20, from: 20 },
])('a subscriber that falls behind begins anew $what, not where it first began', ({ after, from }) => {
  const member = createMember(subscriber, 5)
  member.isStarted = true
  member.catchUp = after === null ? null : { after: { position: after, id: '' }, until: 40 }
  for (let index = 0; index < 1_000; index++) offer(busy, member, itemOf(index), 50 + index)
  expect(member).toMatchObject({ isStarted: true, from: 5 })
  offer(busy, member, itemOf(1_000), 2_000)
  expect(member).toMatchObject({ isStarted: false, from, catchUp: null, pending: null })
})
