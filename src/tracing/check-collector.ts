import { ExportResultCode } from '@opentelemetry/core'
import { exportFailure, openExporter } from './open-exporter.ts'
import type { TraceExport } from './trace-export.ts'

/** The longest time that the collector may take, in milliseconds. */
const timeoutMs = 5_000

/** Sends no span to the collector, in a request as those with spans. Resolves to why it was not taken; null if it was. */
export async function checkCollector(to: TraceExport): Promise<string | null> {
  const exporter = openExporter(to, timeoutMs)
  try {
    return await new Promise((resolve) =>
      exporter.export([], ({ code, error }) =>
        resolve(code === ExportResultCode.SUCCESS ? null : exportFailure(error)),
      ),
    )
  } finally {
    await exporter.shutdown()
  }
}
