/** The state of the connection for commands. */
export type ConnectionState =
  /** Not connected yet, or reconnecting after a loss. */
  | 'connecting'
  /** Connected, and Redis answers in time. Only in this state are commands sent. */
  | 'answering'
  /** Connected, but the last command timed out. */
  | 'silent'
  | 'closed'

export type ConnectionEvent =
  /** The connection is established. */
  | 'ready'
  | 'lost'
  /** A command or a ping was answered, in time or late. */
  | 'answered'
  /** A command timed out. */
  | 'timed-out'
  | 'closed'

export function nextState(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  if (state === 'closed') return 'closed'
  switch (event) {
    case 'ready':
      return 'answering'
    case 'lost':
      return 'connecting'
    case 'answered':
      return state === 'silent' ? 'answering' : state
    case 'timed-out':
      return state === 'answering' ? 'silent' : state
    case 'closed':
      return 'closed'
  }
}
