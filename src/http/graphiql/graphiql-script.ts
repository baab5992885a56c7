/** Stands for the last task that was ordered in this browser. Never an id: no id holds such a character. */
export const lastTaskPlaceholder = 'sep_…'

/**
 * What our page adds to GraphiQL, which has no setting for it: after an order it shows the task until its end, and it puts
 * the id of the last task in the place of `sep_…`. It stands between GraphiQL and the network, because the page that we
 * are given takes its settings as JSON alone.
 */
export const graphiqlScript = `
(() => {
  const placeholder = ${JSON.stringify(lastTaskPlaceholder)}
  const noTaskYet =
    'No task has been ordered in this browser yet. Play the tab Separate, or put the id of a task in the place of ' + placeholder + '.'
  const ask = window.fetch.bind(window)

  // Survives a reload, unless the browser keeps nothing for this page.
  let memory = {}
  try { memory = window.localStorage } catch {}
  // In an address it is percent-encoded.
  const placeholders = [placeholder, encodeURIComponent(placeholder)]
  const withLastTask = (text) =>
    placeholders.reduce((filled, each) => filled.replaceAll(each, memory['stemgate:last-task'] ?? each), text)
  const isOpen = (text) => placeholders.some((each) => text.includes(each))

  // Over HTTP: a POST, or a GET, as for subscriptions by SSE.
  window.fetch = async (given, request) => {
    const address = withLastTask(String(given))
    const body = withLastTask(request?.body ?? '')
    if (isOpen(address + body)) return Response.json({ errors: [{ message: noTaskYet }] })
    if (body === '') return ask(address, request)
    const response = await ask(address, { ...request, body })
    const answer = /json/.test(response.headers.get('content-type')) ? await response.clone().json().catch(() => null) : null
    const { reused, task } = answer?.data?.separate ?? {}
    if (reused === undefined || task?.id === undefined) return response
    memory['stemgate:last-task'] = task.id
    const [fields] = /fragment SeparationFields [^]*/.exec(JSON.parse(body).query) ?? []
    if (task.settled !== false || fields === undefined) return response
    return (await follow(task.id, fields, answer, address, request)) ?? response
  }

  // The answer to the order, then what a subscription shows of its task, in one stream of events; null if there is none.
  async function follow(taskId, fields, answer, address, request) {
    const headers = new Headers(request.headers)
    headers.set('accept', 'text/event-stream')
    const query = 'subscription { separationUpdated(taskId: "' + taskId + '") { ...SeparationFields } } ' + fields
    const updates = await ask(address, { ...request, headers, body: JSON.stringify({ query }) }).catch(() => null)
    if (!/event-stream/.test(updates?.headers.get('content-type'))) return null
    const first = new TextEncoder().encode('event: next\\ndata: ' + JSON.stringify(answer) + '\\n\\n')
    const stream = new TransformStream({ start: (controller) => controller.enqueue(first) })
    return new Response(updates.body.pipeThrough(stream), { headers: updates.headers })
  }

  // Subscriptions over WebSocket.
  window.WebSocket = class extends window.WebSocket {
    send(message) {
      const text = withLastTask(message)
      if (!isOpen(text)) return super.send(text)
      const data = JSON.stringify({ id: JSON.parse(text).id, type: 'error', payload: [{ message: noTaskYet }] })
      queueMicrotask(() => this.dispatchEvent(new MessageEvent('message', { data })))
    }
  }

  // GraphiQL would write the tab's text into the address, and a reload would send it as an operation.
  window.history.replaceState = () => {}
})()
`
