import { useEffect, useMemo, useState } from 'preact/hooks'
import { OverviewDocument } from '../../schema/operations.ts'
import type { Overview } from './overview.ts'
import type { Connection, Gateway } from './gateway.ts'
import { OrderForm } from './order-form.tsx'
import { Providers } from './providers.tsx'
import { TaskList } from './task-list.tsx'
import { TaskView } from './task-view.tsx'
import { createTasks } from './tasks.ts'
import { useSelectedTask } from './use-selected-task.ts'
import { useTasks } from './use-tasks.ts'

export interface DeskProps {
  readonly gateway: Gateway
  readonly overview: Overview
  /** Forgets the key; null if there is none. */
  readonly onLeave: (() => void) | null
}

const overviewIntervalMs = 60_000

/** Everything that an accepted caller sees: the order form, the providers, the tasks and the selected task. */
export function Desk({ gateway, overview: first, onLeave }: DeskProps) {
  const [overview, setOverview] = useState(first)
  const [connection, setConnection] = useState<Connection>('idle')
  const tasks = useMemo(() => createTasks(gateway), [gateway])
  const state = useTasks(tasks)
  const selected = useSelectedTask()

  async function refreshOverview(): Promise<void> {
    try {
      setOverview(await gateway.send(OverviewDocument, {}))
    } catch {
      // What was read before stays on the page. The list says if the gateway is gone.
    }
  }

  useEffect(() => {
    const timer = setInterval(() => void refreshOverview(), overviewIntervalMs)
    const unlisten = gateway.onConnection((next) => {
      setConnection((before) => {
        if (before === 'lost' && next === 'live') void tasks.refresh()
        return next
      })
    })
    return () => {
      clearInterval(timer)
      unlisten()
      tasks.close()
    }
  }, [gateway])

  const { viewer, providers } = overview
  return (
    <>
      <header class="top">
        <a class="brand" href="#">
          Stemgate
        </a>
        <p class="viewer">
          {viewer.name === 'anonymous' ? null : <span>Signed in as {viewer.name}</span>}
          {onLeave !== null && (
            <button class="quiet" onClick={onLeave}>
              Use another key
            </button>
          )}
        </p>
      </header>
      <div role="status" class="connection">
        {connection === 'lost' && (
          <p>The connection to the gateway is lost. Your tasks go on there, and this page reconnects by itself.</p>
        )}
      </div>
      <main class={selected === null ? 'desk' : 'desk has-selection'}>
        <h1 class="hidden">Song separations</h1>
        <div class="order">
          <OrderForm
            gateway={gateway}
            providers={providers}
            onTask={(task, isNew) => {
              tasks.add(task)
              if (isNew) location.hash = task.id
              void refreshOverview()
            }}
            onRefused={() => {
              // A refused order may be in the list.
              void tasks.refresh()
              void refreshOverview()
            }}
          />
        </div>
        <div class="list">
          <TaskList state={state} tasks={tasks} selected={selected} />
        </div>
        <div class="offers">
          <Providers providers={providers} viewer={viewer} />
        </div>
        <div class="detail">
          {selected !== null && <TaskView key={selected} taskId={selected} tasks={tasks} state={state} />}
        </div>
      </main>
    </>
  )
}
