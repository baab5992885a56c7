import { useEffect, useState } from 'preact/hooks'
import type { Tasks, TasksState } from './tasks.ts'

/** The tasks, rendered again after every change. Reads the list at first, and when the page is shown again. */
export function useTasks(tasks: Tasks): TasksState {
  const [state, setState] = useState(tasks.state())
  useEffect(() => {
    const unlisten = tasks.onChange(() => setState(tasks.state()))
    const refresh = () => {
      if (document.visibilityState === 'visible') void tasks.refresh()
    }
    refresh()
    document.addEventListener('visibilitychange', refresh)
    window.addEventListener('online', refresh)
    return () => {
      document.removeEventListener('visibilitychange', refresh)
      window.removeEventListener('online', refresh)
      unlisten()
    }
  }, [tasks])
  return state
}
