import { parentPort, Worker, workerData } from 'node:worker_threads'
import { backUpFile } from './back-up-file.ts'
import type { BackupOptions } from './backup-options.ts'

/**
 * Runs `backUpFile` in a thread, because SQLite copies in one blocking call.
 * @param program the path of a program that calls `copyForParent` in its threads
 */
export function copyInWorker(program: string, options: BackupOptions): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { workerData: options })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('The worker ended without a result.')))
  })
}

/** Does the work of a thread of `copyInWorker`. */
export function copyForParent(): void {
  parentPort?.postMessage(backUpFile(String(workerData.from), String(workerData.to)), [])
}
