/** One exact replacement. `from` must occur exactly once in the file, so that a change of the code is noticed. */
export interface Edit {
  /** Below src. */
  readonly file: string
  readonly from: string
  readonly to: string
}

/** A bug that costs money or results, and the tests that should fail, fastest first. */
export interface Bug {
  readonly name: string
  readonly edits: readonly Edit[]
  /** Files below test, without `.test.ts`. */
  readonly tests: readonly string[]
}

/** The bugs, planted one at a time. */
export const bugs: readonly Bug[] = [
  {
    name: 'an order is sent again after an error',
    edits: [
      {
        file: 'providers/vocal-removal/send-order.ts',
        from: 'const answer = await sendOnce(key, order).catch(',
        to: "const first = await sendOnce(key, order)\n      const answer = await (first.kind === 'unknown' ? sendOnce(key, order) : Promise.resolve(first)).catch(",
      },
    ],
    tests: ['flows/separate', 'providers/provider-client'],
  },
  {
    name: 'a callback is answered before it is saved',
    edits: [
      {
        file: 'separation/callback/save-callback.ts',
        from: 'const saved = await save()',
        to: 'void save()\n    const saved = { id: received.taskId }',
      },
    ],
    tests: ['flows/callback', 'suites/faults-durability'],
  },
  {
    name: 'two tasks may have the same provider id',
    edits: [
      {
        file: 'stores/migrations/migrations.ts',
        from: "        .addUniqueConstraint('tasks_bound', ['provider', 'provider_task_id'])\n",
        to: '',
      },
    ],
    tests: ['stores/store'],
  },
  {
    name: 'commits are not synced to disk',
    edits: [
      { file: 'stores/sqlite/sqlite-file.ts', from: 'PRAGMA synchronous = FULL', to: 'PRAGMA synchronous = NORMAL' },
    ],
    tests: ['suites/faults-durability', 'stores/store'],
  },
  {
    name: 'a subscription misses a change during its read',
    edits: [
      {
        file: 'separation/read/watch.ts',
        from: '    task.mayHaveChanged = true\n',
        to: '    if (task.isReading) return\n    task.mayHaveChanged = true\n',
      },
    ],
    tests: ['suites/fault-regressions'],
  },
  {
    name: 'tasks due before a restart are not checked',
    edits: [
      {
        file: 'stores/check/check-queue.ts',
        from: "              .where('due_at', '<=', value('nowMs'))\n",
        to: "              .where('due_at', '<=', value('nowMs'))\n              .where((each) => each.or([each('due_at', '=', dueNow), each('due_at', '>=', openedAtMs)]))\n",
      },
      {
        file: 'stores/check/check-queue.ts',
        from: '  return {\n    leaseDue: (',
        to: '  const openedAtMs = Date.now()\n  return {\n    leaseDue: (',
      },
    ],
    tests: ['flows/lost-callback', 'suites/faults'],
  },
  {
    name: 'a callback is accepted with any token',
    edits: [
      {
        file: 'separation/callback/callback-address.ts',
        from: 'signers[matches.indexOf(true)]',
        to: 'signers[matches.length - 1]',
      },
    ],
    tests: ['flows/callback'],
  },
  {
    name: 'a callback with an invalid signature counts',
    edits: [
      {
        file: 'providers/vocal-removal/read-callback.ts',
        from: 'if (problem !== null) return unusable(problem)',
        to: 'if (problem !== null) return { providerTaskId, report: job.parseCallbackBody(body, context), isSigned, problem }',
      },
    ],
    tests: ['suites/fault-regressions'],
  },
  {
    name: 'a 502 counts as a refusal',
    edits: [
      {
        file: 'providers/vocal-removal/parse-submit-answer.ts',
        from: "  429: 'rate-limited',\n",
        to: "  429: 'rate-limited',\n  502: 'maintenance',\n",
      },
    ],
    tests: ['providers/provider-client', 'flows/separate', 'suites/faults'],
  },
  {
    name: 'a refusal with a task id is a refusal',
    edits: [
      {
        file: 'providers/vocal-removal/parse-submit-answer.ts',
        from: "if (parseTaskId(body?.data).kind !== 'none') return",
        to: "if (parseTaskId(null).kind !== 'none') return",
      },
    ],
    tests: ['providers/several-keys'],
  },
  {
    name: 'an order is sent with the next key after any refusal',
    edits: [
      {
        file: 'providers/vocal-removal/submit-with-keys.ts',
        from: 'if (!answer.mayUseNextKey || performance.now() >= nextKeyUntilMs) break',
        to: 'if (performance.now() >= nextKeyUntilMs) break',
      },
    ],
    tests: ['providers/several-keys'],
  },
  {
    name: '429 has the same meaning at every provider',
    edits: [
      { file: 'providers/vocal-removal/sunoapi.ts', from: "429: 'insufficient-credits'", to: "429: 'rate-limited'" },
    ],
    tests: ['providers/provider-client'],
  },
  {
    name: 'the key is logged with a refusal',
    edits: [
      {
        file: 'providers/vocal-removal/send-order.ts',
        from: 'orderRefusals.failed({ providerCode, cause: message })',
        to: 'orderRefusals.failed({ providerCode, cause: message, headers: parts.headersWith(key.text, null) })',
      },
    ],
    tests: ['security/secrets', 'providers/provider-client'],
  },
  {
    name: 'the callback address is logged',
    edits: [
      {
        file: 'http/callback-route.ts',
        from: 'const callback = { provider, taskId, isSigned, problem }',
        to: 'const callback = { provider, taskId, isSigned, problem: problem && problem + path }',
      },
    ],
    tests: ['flows/callback'],
  },
  {
    name: 'our own callback address is shown as a stem',
    edits: [{ file: 'providers/vocal-removal/parse-url.ts', from: ' && !containsCallbackAddress(url.href)', to: '' }],
    tests: ['providers/hostile-stems'],
  },
  {
    name: 'every id that a callback names is checked at once',
    edits: [{ file: 'separation/check/check.ts', from: 'const maxCandidates = 3', to: 'const maxCandidates = 3_000' }],
    tests: ['security/callback-secrets'],
  },
  {
    name: 'no order joins a running order',
    edits: [
      {
        file: 'separation/order/can-answer.ts',
        from: "    case 'pending':\n      return true\n",
        to: "    case 'pending':\n      return task.providerTaskId !== null\n",
      },
    ],
    tests: ['flows/separate', 'suites/faults'],
  },
  {
    name: 'an answer with an unknown outcome counts as a refusal',
    edits: [
      {
        file: 'separation/order/submissions.ts',
        from: "      case 'unknown':\n",
        to:
          "      case 'unknown':\n" +
          "        await record(task.id, { kind: 'refused', refusal: { reason: 'refused', providerCode: null, message: '', retryable: false, retryAfterSeconds: null } })\n",
      },
    ],
    tests: ['suites/fault-regressions'],
  },
  {
    name: 'a late refusal frees a key that has returned its task',
    edits: [
      {
        file: 'stores/order/create-order.ts',
        from: "eb.or([eb('tasks.charge', '!=', 'NONE'), eb('keys.confirmed', '=', 1)])",
        to: "eb('tasks.charge', '!=', 'NONE')",
      },
    ],
    tests: ['flows/separate'],
  },
  {
    name: 'an order is sent before it is saved',
    edits: [
      {
        file: 'separation/order/separate.ts',
        from: '  const placeOrder = createPlaceOrder(options)\n',
        to:
          '  const submitEarly = (task) => submissions.submit(task, task, providers.get(task.provider))\n' +
          '  const placeOrder = createPlaceOrder({ ...options, store: { ...store, createOrder: (order) =>\n' +
          '    store.createOrder({ ...order, isAdmitted: async () => (await order.isAdmitted()) && submitEarly(order.task) !== null }) } })\n',
      },
      {
        file: 'separation/order/submissions.ts',
        from: '    submit(task, { musicTaskId, audioId, type }, provider) {\n',
        to:
          '    submit(task, { musicTaskId, audioId, type }, provider) {\n' +
          '      const early = underWay.get(task.id)\n' +
          '      if (early !== undefined) return early\n',
      },
    ],
    tests: ['flows/separate', 'suites/faults-durability', 'stores/store-trouble'],
  },
  {
    name: 'a settled task may become pending again',
    edits: [
      {
        file: 'separation/advance/merge-result.ts',
        from: "      return by === 'record-info' && task.state === 'pending' ? { ...task, incompleteSinceMs: null } : task\n",
        to: "      return { ...taskBaseOf(task), state: 'pending', partial: null, incompleteSinceMs: null }\n",
      },
    ],
    tests: ['core/advance'],
  },
  {
    name: 'a callback counts before record-info is read',
    edits: [
      {
        file: 'separation/check/callback-grace.ts',
        from: 'return Math.min(receivedAtMs + graceMsOf(task, outcome, timings), giveUpAtMs)',
        to: 'return Math.min(receivedAtMs, giveUpAtMs)',
      },
    ],
    tests: ['flows/callback'],
  },
  {
    name: 'orders reuse kept-alive connections',
    edits: [
      {
        file: 'providers/client/post-once.ts',
        from: 'export async function postOnce(post: Post)',
        to: 'const kept = new Map<string, Client>()\n\nexport async function postOnce(post: Post)',
      },
      {
        file: 'providers/client/post-once.ts',
        from: 'const opened = new Client(post.url.origin, {',
        to: 'const opened = kept.get(post.url.origin) ?? new Client(post.url.origin, {',
      },
      {
        file: 'providers/client/post-once.ts',
        from: '    client = opened\n',
        to: '    client = opened\n    kept.set(post.url.origin, opened)\n',
      },
      { file: 'providers/client/post-once.ts', from: '    destroy(finished)\n', to: '' },
    ],
    tests: ['providers/provider-client'],
  },
  {
    name: 'a callback binds its task to any id it names',
    edits: [
      {
        file: 'separation/check/check.ts',
        from: "if (named !== null && named !== task.id) return 'another'",
        to: "if (named === task.owner) return 'another'",
      },
    ],
    tests: ['flows/callback'],
  },
  {
    name: 'a forged callback binds its task if no address is echoed',
    edits: [
      {
        file: 'separation/check/check.ts',
        from: "return isTrusted ? 'this' : 'unknown'",
        to: "return isTrusted || callbackUrl === null ? 'this' : 'unknown'",
      },
    ],
    tests: ['flows/callback', 'suites/fault-regressions'],
  },
  {
    name: 'an unconfirmed order is never joined',
    edits: [
      {
        file: 'separation/order/can-answer.ts',
        from: "return isStillChecked || (task.failure.code === 'SUBMISSION_UNCONFIRMED' && task.charge !== 'NONE')",
        to: 'return isStillChecked',
      },
    ],
    tests: ['flows/separate'],
  },
  {
    name: 'a failure from a callback allows a second charge',
    edits: [
      {
        file: 'separation/order/can-answer.ts',
        from: "return isStillChecked || (task.failure.code === 'SUBMISSION_UNCONFIRMED' && task.charge !== 'NONE')",
        to: "return task.failure.code === 'SUBMISSION_UNCONFIRMED' && task.charge !== 'NONE'",
      },
    ],
    tests: ['flows/callback-failure'],
  },
  {
    name: 'a failure from a callback counts as early as audio',
    edits: [
      {
        file: 'separation/check/callback-grace.ts',
        from: 'return timings.failureGraceMs',
        to: 'return timings.callbackGraceMs',
      },
    ],
    tests: ['flows/callback-failure'],
  },
  {
    name: "a failure's code counts before its source",
    edits: [
      {
        file: 'separation/advance/merge-order.ts',
        from: '    sourceRank[b.by] - sourceRank[a.by] ||\n',
        to: '',
      },
    ],
    tests: ['core/advance'],
  },
  {
    name: 'an unreadable provider fails its tasks',
    edits: [{ file: 'separation/check/conclusion.ts', from: 'isTimedOut && !isUnanswered', to: 'isTimedOut' }],
    tests: ['flows/lost-callback'],
  },
  {
    name: 'data of a newer version is lost',
    edits: [{ file: 'stores/task/stored-task.ts', from: 'if (isNewer) newerDocuments.set(task, document)', to: '' }],
    tests: ['stores/rolling-upgrade'],
  },
  {
    name: 'one operation may hold many orders',
    edits: [{ file: 'graphql/execution/root-field-rule.ts', from: 'max: 1,', to: 'max: 100,' }],
    tests: ['transports/limits'],
  },
  {
    name: 'other gateways are not notified of a change',
    edits: [
      {
        file: 'coordination/redis-changes.ts',
        from: '      local.publish(taskId, owner)\n      notifyOthers(taskId, owner)\n',
        to: '      local.publish(taskId, owner)\n',
      },
    ],
    tests: ['cluster/changes', 'cluster/several-gateways'],
  },
  {
    name: 'two gateways may create an order for one track at once',
    edits: [
      {
        file: 'stores/postgres/postgres-store.ts',
        from: 'select pg_advisory_xact_lock(hashtextextended(${track}, 0))',
        to: 'select hashtextextended(${track}, 0)',
      },
    ],
    tests: ['cluster/several-gateways', 'stores/store'],
  },
  {
    name: 'a key may return two tasks',
    edits: [
      {
        file: 'stores/migrations/migrations.ts',
        from: ".addPrimaryKeyConstraint('keys_one', ['owner', 'key'])",
        to: ".addPrimaryKeyConstraint('keys_one', ['owner', 'key', 'task_id'])",
      },
    ],
    tests: ['stores/postgres'],
  },
  {
    name: 'a lease is not saved',
    edits: [
      {
        file: 'stores/check/check-queue.ts',
        from: "        .set({ due_at: value('leaseUntilMs'), lease_until: value('leaseUntilMs') })\n",
        to: "        .set({ due_at: value('nowMs'), lease_until: value('leaseUntilMs') })\n",
      },
    ],
    tests: ['stores/store', 'cluster/several-gateways'],
  },
  {
    name: 'an order that joins at another gateway returns the task of a refused order',
    edits: [
      {
        file: 'separation/order/separate.ts',
        from: '    if (refusal !== undefined) return refused(orderRefusalOf(refusal, task))\n',
        to: '',
      },
    ],
    tests: ['cluster/several-gateways'],
  },
  {
    name: 'hostile input: a response contains a stack trace',
    edits: [
      {
        file: 'http/callback-route.ts',
        from: "{ message: 'The body of a callback must be JSON.' }",
        to: "{ message: new Error('The body of a callback must be JSON.').stack }",
      },
    ],
    tests: ['suites/fuzz'],
  },
  {
    name: 'hostile input: a response contains a token',
    edits: [
      {
        file: 'http/callback-route.ts',
        from: "{ message: 'The body of a callback must be JSON.' }",
        to: '{ message: `${path} takes JSON.` }',
      },
    ],
    tests: ['suites/fuzz'],
  },
  {
    name: 'hostile input: the log contains a token',
    edits: [
      {
        file: 'http/callback-route.ts',
        from: 'callbackLog.stored(outcome.kind, outcome.task, callback, trace)\n          if (',
        to: 'callbackLog.stored(outcome.kind, outcome.task, { ...callback, problem: path }, trace)\n          if (',
      },
    ],
    tests: ['suites/fuzz'],
  },
  {
    name: 'hostile input: a token is accepted in another spelling',
    edits: [
      {
        file: 'separation/callback/callback-address.ts',
        from: 'const given = Buffer.from(token)',
        to: "const given = Buffer.from(Buffer.from(token, 'base64url').toString('base64url'))",
      },
    ],
    tests: ['suites/fuzz'],
  },
  {
    name: 'hostile input: a callback with an invalid signature counts',
    edits: [
      {
        file: 'providers/vocal-removal/read-callback.ts',
        from: 'if (problem !== null) return unusable(problem)',
        to: '',
      },
    ],
    tests: ['suites/fuzz'],
  },
  {
    name: 'hostile input: an order is sent again after an error',
    edits: [
      {
        file: 'providers/vocal-removal/send-order.ts',
        from: 'const answer = await sendOnce(key, order).catch(',
        to: "const first = await sendOnce(key, order)\n      const answer = await (first.kind === 'unknown' ? sendOnce(key, order) : Promise.resolve(first)).catch(",
      },
    ],
    tests: ['suites/fuzz'],
  },
  {
    name: 'hostile input: an unexpected message ends the process',
    edits: [
      {
        file: 'http/websocket/socket-protocol.ts',
        from: 'return ws.close(CloseCode.BadRequest, `Unexpected message of type ${message.type} received`)',
        to: 'return void setImmediate(() => {\n          throw new Error(message.type)\n        })',
      },
    ],
    tests: ['suites/fuzz'],
  },
  {
    name: 'hostile input: an invalid Host is accepted',
    edits: [
      { file: 'http/graphql-route.ts', from: 'if (!hasValidHost(request)) {', to: 'if (request.method === null) {' },
    ],
    tests: ['suites/fuzz', 'transports/limits'],
  },
  {
    name: 'a refused order does not give back its budget',
    edits: [
      {
        file: 'stores/kysely-store.ts',
        from: 'if (isWritten && isRecounted) yield* budgets.recount(task, before)',
        to: '',
      },
    ],
    tests: ['flows/budgets'],
  },
  {
    name: 'an order is counted past its budget',
    edits: [
      {
        file: 'stores/order/budgets.ts',
        from: "      .where(sql<SqlBool>`used + ${value('amount')} <= ${value('limit')}`)\n",
        to: '',
      },
    ],
    tests: ['flows/budgets'],
  },
  {
    name: 'an order beyond its budget waits for a slot',
    edits: [
      {
        file: 'stores/kysely-store.ts',
        from: "if (exceeded === null) return { kind: 'not-admitted' }",
        to: "return { kind: 'not-admitted' }",
      },
    ],
    tests: ['flows/budgets'],
  },
  {
    name: 'an order is refused while another creates the counter',
    edits: [
      {
        file: 'stores/order/budgets.ts',
        from: '=== undefined) yield* createCounter(owner, claim)',
        to: '=== undefined) yield* createCounter(owner, claim)\n    else return null',
      },
    ],
    tests: ['cluster/budgets'],
  },
]
