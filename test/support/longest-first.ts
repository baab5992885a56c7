import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Workers that change from one project to another start anew: each project's files stay together. */
const projects = ['shared', 'alone', 'unit']

/** How long the longest files take, in seconds: those that begin last decide when a run ends. */
const seconds: Readonly<Record<string, number>> = {
  'suites/faults-cluster': 50,
  'program/process': 50,
  'web/page': 60,
  'transports/graphiql': 45,
  'providers/order-rate': 45,
  'transports/stalled-stream': 40,
  'flows/concurrent-orders': 35,
  'stores/move-store': 35,
  'flows/adoption': 30,
  'flows/callback': 30,
  'flows/lost-callback': 30,
  'flows/separate': 30,
  'cluster/without-redis': 40,
  'transports/raw-requests': 28,
  'stores/store': 26,
  'stems/archive': 25,
  'flows/late-callback': 25,
  'stores/pgbouncer': 25,
  'transports/stalled-socket': 25,
  'flows/subscriptions': 20,
  'providers/hostile-answers': 20,
  'stores/list-plans': 20,
  'stores/postgres': 20,
  'program/log': 20,
  'program/prometheus': 17,
  'program/outage-log': 20,
  'program/readiness': 20,
  'suites/faults': 40,
  'suites/fault-regressions': 18,
  'suites/rolling-restart': 20,
  'suites/fuzz': 18,
  'transports/socket-limits': 18,
}

/** Starts the slowest files first, so that no worker runs one of them alone at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted(
      (one, other) =>
        projects.indexOf(one.project.name) - projects.indexOf(other.project.name) || lengthOf(other) - lengthOf(one),
    )
  }
}

function lengthOf({ moduleId }: TestSpecification): number {
  return seconds[/\/test\/(.*)\.test\.ts$/.exec(moduleId)?.[1] ?? ''] ?? 0
}
