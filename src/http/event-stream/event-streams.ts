import type { IncomingMessage, ServerResponse } from 'node:http'
import type { OperationObserver } from '../../graphql/execution/operation-observer.ts'
import type { Incoming, OpenedSubscription, Pipeline } from '../../graphql/execution/pipeline.ts'
import { feedKeyOf } from '../../graphql/feeds/feed-key.ts'
import type { Subscriber } from '../../graphql/feeds/feed.ts'
import { createFeeds } from '../../graphql/feeds/feeds.ts'
import { createWatchClaim, type WatchClaim } from '../../graphql/feeds/watch-claim.ts'
import type { ConcurrencyLimit } from '../../limits/concurrency-limit.ts'
import type { Log } from '../../runtime/log.ts'
import type { Separations } from '../../separation/separations.ts'
import type { Task } from '../../separation/task/task.ts'
import { createSweep } from '../sweep.ts'
import { destroyStalledResponse } from './destroy-stalled-response.ts'

export interface EventStreamsOptions {
  readonly pipeline: Pipeline
  /** What subscriptions read. */
  readonly separations: Pick<Separations, 'watches' | 'ownerWatches' | 'selectedTasks'>
  readonly subscriptionLimit: ConcurrencyLimit
  readonly observer: OperationObserver
  /** Called when a change of a task was sent to those who watch it. */
  readonly onPush: (task: Task) => void
  readonly log: Log
}

/** Subscriptions over SSE. Yoga opens each of them and decides the head of its answer; a feed sends its events. */
export interface EventStreams {
  /** Yoga's answer to a request, which remains to be sent. null: the request has opened a stream, which has begun. */
  answer(
    request: IncomingMessage,
    response: ServerResponse,
    incoming: Pick<Incoming, 'caller' | 'result'>,
  ): Promise<Response | null>
  /** Whether the response streams a subscription. */
  isStream(response: ServerResponse): boolean
}

interface EventStream extends Subscriber {
  readonly response: ServerResponse
  /** Whether the response has buffered as much as it should. */
  isBusy: boolean
  /** Releases what the stream holds beside its place in a feed. */
  readonly release: () => void
}

/** How often a comment is sent to each stream, so that nothing on the way closes it as idle. */
const pingIntervalMs = 12_000
/** A stream starts with one too: some browsers wait for the first bytes of a body. */
const ping = Buffer.from(':\n\n')
/** The last event, by the protocol of graphql-sse ("distinct connections mode"). */
const completeEvent = Buffer.from('event: complete\ndata:\n\n')

export function createEventStreams(options: EventStreamsOptions): EventStreams {
  const { pipeline, separations, subscriptionLimit, observer, onPush, log } = options
  const responses = new WeakSet<ServerResponse>()
  const pings = createSweep<EventStream>(pingIntervalMs, (stream) => {
    if (!stream.isBusy) write(stream, ping)
  })
  const feeds = createFeeds<EventStream>({
    ...separations,
    pipeline,
    observer,
    transport: 'sse',
    onPush,
    log,
    delivery: {
      isBusy: ({ isBusy }) => isBusy,
      encode: (result) => Buffer.from(`event: next\ndata: ${result}\n\n`),
      next: write,
      last(stream, item) {
        stream.response.write(item)
        complete(stream)
      },
      complete,
    },
  })

  function write(stream: EventStream, bytes: Buffer): void {
    if (stream.response.write(bytes) || stream.isBusy) return
    stream.isBusy = true
    stream.response.once('drain', () => {
      stream.isBusy = false
      feeds.resume(stream)
    })
  }

  function complete({ response, release }: EventStream): void {
    release()
    response.end(completeEvent)
  }

  /** Begins a stream with the head of an answer. It ends with its last event, or when its client leaves. */
  function begin(response: ServerResponse, { status, statusText, headers }: Response, claim: WatchClaim): EventStream {
    const { socket } = response.req
    const stream: EventStream = {
      response,
      isBusy: false,
      feedKey: null,
      joinedAt: 0,
      shown: 0,
      release() {
        socket.off('close', leave)
        stopPings()
        claim.release()
      },
    }
    const stopPings = pings.add(stream)
    function leave(): void {
      feeds.leave(stream)
      stream.release()
    }
    response.once('close', leave)
    // A response that waits for an earlier one on its connection is not closed with it.
    socket.once('close', leave)
    socket.setKeepAlive(true)
    response.setHeaders(headers)
    response.writeHead(status, statusText)
    write(stream, ping)
    responses.add(response)
    destroyStalledResponse(response)
    return stream
  }

  return {
    async answer(request, response, incoming) {
      const { caller } = incoming
      const claim = createWatchClaim(subscriptionLimit, caller.owner)
      const opened: { subscription: OpenedSubscription | null } = { subscription: null }
      // Yoga's own request listener would send the stack of an error to the client. Here the error goes to our log only.
      const answer = await pipeline.handleNodeRequestAndResponse(request, response, {
        ...incoming,
        transport: 'http',
        watch: claim.watch,
        onSubscribe: (subscription) => (opened.subscription = subscription),
      })
      // Yoga allows caching of a stream, and keeps its connection alive, which the server may have to close.
      answer.headers.delete('cache-control')
      answer.headers.delete('connection')
      const watched = claim.watched()
      if (opened.subscription === null || watched === null) return answer
      // Yoga refuses a subscription whose client accepts no stream, and the client may have left meanwhile.
      if (!isEventStream(answer) || response.destroyed || request.socket.destroyed) {
        claim.release()
        return answer
      }
      // Yoga begins to read its own stream only if its body is read.
      const { query, document, operationName, variables } = opened.subscription
      const operation = { caller, query, document, operationName, variables, watched }
      feeds.open(feedKeyOf(caller, opened.subscription), operation, begin(response, answer, claim))
      return null
    },
    isStream: (response) => responses.has(response),
  }
}

function isEventStream({ headers }: Response): boolean {
  return headers.get('content-type') === 'text/event-stream'
}
