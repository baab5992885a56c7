import { Worker, type WorkerOptions } from 'node:worker_threads'

/**
 * Starts the worker from its source, as in development and in tests: its thread needs a compiler of its own. In a bundle, another
 * module stands here (`tools/bundle.ts`).
 */
export function startPeaksWorker(options: WorkerOptions): Worker {
  const source = new URL('./peaks-worker.ts', import.meta.url).href
  const code = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(source)}) })`
  return new Worker(code, { ...options, eval: true })
}
