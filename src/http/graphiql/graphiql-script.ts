/** Placeholder for the last task ordered in this browser. No id contains `…`. */
export const lastTaskPlaceholder = 'sep_…'

/**
 * The script that the page adds to GraphiQL: after an order it shows the task until it is settled, and it replaces `sep_…` by
 * the id of the last task. It wraps fetch and WebSocket, because GraphiQL's page accepts settings as JSON only.
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

  // HTTP: a POST, or a GET, as for subscriptions over SSE.
  window.fetch = async (input, request) => {
    const url = withLastTask(String(input))
    const body = withLastTask(request?.body ?? '')
    if (hasPlaceholder(url + body)) return Response.json({ errors: [{ message: noTaskYet }] })
    if (body === '') return originalFetch(url, request)
    const response = await originalFetch(url, { ...request, body })
    const result = /json/.test(response.headers.get('content-type')) ? await response.clone().json().catch(() => null) : null
    const { reused, task } = result?.data?.separate ?? {}
    if (reused === undefined || task?.id === undefined) return response
    storage['stemgate:last-task'] = task.id
    const [fields] = /fragment SeparationFields [^]*/.exec(JSON.parse(body).query) ?? []
    if (task.settled !== false || fields === undefined) return response
    return (await follow(task.id, fields, result, url, request)) ?? response
  }

  // Returns one event stream: the result of the order, then the updates of its task. Returns null if the subscription fails.
  async function follow(taskId, fields, result, url, request) {
    const headers = new Headers(request.headers)
    headers.set('accept', 'text/event-stream')
    const query = 'subscription { separationUpdated(taskId: "' + taskId + '") { ...SeparationFields } } ' + fields
    const updates = await originalFetch(url, { ...request, headers, body: JSON.stringify({ query }) }).catch(() => null)
    if (!/event-stream/.test(updates?.headers.get('content-type'))) return null
    const first = new TextEncoder().encode('event: next\\ndata: ' + JSON.stringify(result) + '\\n\\n')
    const stream = new TransformStream({ start: (controller) => controller.enqueue(first) })
    return new Response(updates.body.pipeThrough(stream), { headers: updates.headers })
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
