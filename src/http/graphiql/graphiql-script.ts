/** Placeholder for the last task ordered in this browser. No id contains `…`. */
export const lastTaskPlaceholder = 'sep_…'

/**
 * The script that the page adds to GraphiQL: it replaces `sep_…` by the id of the last task, and sends a credential from every
 * tab once it stands in the headers of one. It wraps fetch and WebSocket, because GraphiQL's page accepts settings as JSON only.
 */
export const graphiqlScript = `
(() => {
  const placeholder = ${JSON.stringify(lastTaskPlaceholder)}
  const noTaskYet =
    'No task has been ordered in this browser yet. Run the tab Separate, or replace ' + placeholder + ' by the id of a task.'
  const originalFetch = window.fetch.bind(window)

  // Survives a reload, unless the browser blocks storage for this page.
  let storage = {}
  try { storage = window.localStorage } catch {}
  // In a URL the placeholder is percent-encoded.
  const placeholders = [placeholder, encodeURIComponent(placeholder)]
  const withLastTask = (text) =>
    placeholders.reduce((result, each) => result.replaceAll(each, storage['stemgate:last-task'] ?? each), text)
  const hasPlaceholder = (text) => placeholders.some((each) => text.includes(each))

  // GraphiQL keeps the headers of each tab apart.
  let authorization = null
  function withCredential(given) {
    const headers = new Headers(given)
    if (headers.has('authorization')) authorization = headers.get('authorization')
    else if (authorization !== null) headers.set('authorization', authorization)
    return headers
  }

  // HTTP: a POST, or a GET, as for subscriptions over SSE.
  window.fetch = async (input, request) => {
    const url = withLastTask(String(input))
    const body = withLastTask(request?.body ?? '')
    if (hasPlaceholder(url + body)) return Response.json({ errors: [{ message: noTaskYet }] })
    const init = { ...request, headers: withCredential(request?.headers) }
    if (body === '') return originalFetch(url, init)
    const response = await originalFetch(url, { ...init, body })
    const isJson = /json/.test(response.headers.get('content-type'))
    keepLastTask(isJson ? await response.clone().json().catch(() => null) : null)
    return response
  }

  // A refusal may have a task, too, but has no \`reused\`.
  function keepLastTask(result) {
    const { separate, separateAll = [] } = result?.data ?? {}
    for (const order of [separate, ...separateAll.map(({ result }) => result)]) {
      if (order?.reused !== undefined && order.task?.id !== undefined) storage['stemgate:last-task'] = order.task.id
    }
  }

  // Subscriptions over WebSocket.
  window.WebSocket = class extends window.WebSocket {
    send(message) {
      const text = withLastTask(message)
      if (!hasPlaceholder(text)) return super.send(text)
      const data = JSON.stringify({ id: JSON.parse(text).id, type: 'error', payload: [{ message: noTaskYet }] })
      queueMicrotask(() => this.dispatchEvent(new MessageEvent('message', { data })))
    }
  }

  // Keeps GraphiQL from writing the tab's text into the URL: a reload would send it as an operation.
  window.history.replaceState = () => {}
})()
`
