import type { ArchiveQueue } from './archive-queue.ts'
import type { BacklogReader } from './backlog-reader.ts'
import type { BudgetReader } from './budget-reader.ts'
import type { CallbackInbox } from './callback-inbox.ts'
import type { ChangeReader } from './change-reader.ts'
import type { CheckQueue } from './check-queue.ts'
import type { Clock } from './clock.ts'
import type { OperatorStore } from './operator-store.ts'
import type { OrderQueueReader } from './order-queue-reader.ts'
import type { OrderWriter } from './order-writer.ts'
import type { RateCounter } from './rate-counter.ts'
import type { RecordStore } from './record-store.ts'
import type { SecretStore } from './secret-store.ts'
import type { StemFileStore, StemPeaksStore } from './stem-file-store.ts'
import type { TaskDeleter } from './task-deleter.ts'
import type { TaskImporter } from './task-importer.ts'
import type { TaskReader } from './task-reader.ts'
import type { WebhookControl } from './webhook-control.ts'
import type { WebhookQueue } from './webhook-queue.ts'
import type { WorkLeases } from './work-leases.ts'

/**
 * Stores tasks, keys and callbacks. Every method is atomic, and its effect is durable when it resolves. Every method rejects
 * with StoreUnavailableError if the store cannot do its work now.
 */
export interface Store
  extends
    Clock,
    TaskReader,
    ChangeReader,
    BacklogReader,
    RecordStore,
    OrderWriter,
    BudgetReader,
    OrderQueueReader,
    TaskImporter,
    CallbackInbox,
    CheckQueue,
    StemFileStore,
    StemPeaksStore,
    TaskDeleter,
    WorkLeases,
    SecretStore {
  readonly archive: ArchiveQueue
  readonly webhooks: WebhookQueue & WebhookControl
  readonly operator: OperatorStore
  /** Counts the providers' rates for all gateways of the store; null if it has only one. */
  readonly rateCounter: RateCounter | null
  /** Resolves if the store can be written to now. */
  checkWritable(): Promise<void>
  close(): Promise<void>
}
