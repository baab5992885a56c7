import { SeparateDocument, WatchDocument } from '@stemgate/client/documents'
import { useState } from 'react'
import { useMutation, useSubscription } from 'urql'
import { Stems } from './stems'

/** Orders a test track and plays its stems. Your page passes the ids that the provider gave for a song. */
export function Player() {
  // One key for each order. It stays the same when the same order is sent again.
  const [idempotencyKey, setKey] = useState(newKey)
  const [{ data, fetching, error }, separate] = useMutation(SeparateDocument)
  const answer = data?.separate
  const isOrdered = answer?.__typename === 'SeparateSuccess'

  async function order() {
    const input = { musicTaskId: 'my-music', audioId: 'done', idempotencyKey }
    const ordered = await separate({ input })
    if (ordered.data?.separate !== undefined) setKey(newKey())
  }

  return (
    <main>
      <h1>Stems</h1>
      <button disabled={fetching} onClick={() => void order()}>
        Order
      </button>
      {error !== undefined && <p role="alert">{error.message} Press Order again: it is charged once.</p>}
      {answer !== undefined && !isOrdered && <p role="alert">{answer.message}</p>}
      {isOrdered && <Separation taskId={answer.task.id} />}
    </main>
  )
}

/** A task as it is now. The subscription starts with its current state, so nothing is missed. */
function Separation({ taskId }: { readonly taskId: string }) {
  const [{ data, error }] = useSubscription({ query: WatchDocument, variables: { taskId } })
  const task = data?.separationUpdated
  if (error !== undefined) return <p role="alert">{error.message}</p>
  if (task === undefined || task === null) return <p>Waiting…</p>
  if (task.failure !== null) return <p role="alert">{task.failure.message}</p>
  return task.settled ? <Stems task={task} /> : <p>{task.phase}</p>
}

/** Unlike `crypto.randomUUID`, this also works in a page without HTTPS. */
function newKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-')
}
