import { render } from 'preact'
import { App } from './app.tsx'
import { Fallback } from './fallback.tsx'

const root = document.getElementById('page')
if (root !== null) {
  root.replaceChildren()
  render(
    <Fallback>
      <App />
    </Fallback>,
    root,
  )
}
