import type { ComponentChildren } from 'preact'
import { useErrorBoundary } from 'preact/hooks'

/** Shows words instead of a blank page if the page fails, as in a browser without Web Audio. */
export function Fallback({ children }: { children: ComponentChildren }) {
  const [error] = useErrorBoundary()
  if (error === undefined) return <>{children}</>
  return (
    <main class="narrow">
      <h1>This page has failed</h1>
      <p role="alert">
        Your separations are safe on the gateway. Reload the page; if it fails again, update your browser.
      </p>
      <button class="primary" onClick={() => location.reload()}>
        Reload
      </button>
    </main>
  )
}
