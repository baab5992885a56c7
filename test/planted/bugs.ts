/** One exact replacement; `from` must stand exactly once in the file, so that it is noticed when the code moves on. */
export interface Edit {
  /** Below src. */
  readonly file: string
  readonly from: string
  readonly to: string
}

/** A bug that costs money or results, and the tests that should notice it, the quickest first. */
export interface Bug {
  readonly name: string
  readonly edits: readonly Edit[]
  /** Files below test, without `.test.ts`. */
  readonly tests: readonly string[]
}

/** The bugs that are planted, one at a time. */
export const bugs: readonly Bug[] = [
  {
    name: 'an order is posted once more after an error',
    edits: [
      {
        file: 'providers/rest-provider.ts',
        from: 'const answer = await order(apiKey, given).catch(',
        to: "const first = await order(apiKey, given)\n      const answer = await (first.kind === 'unknown' ? order(apiKey, given) : Promise.resolve(first)).catch(",
      },
    ],
    tests: ['separate', 'provider-client'],
  },
  {
    name: 'a callback is answered before it is noted',
    edits: [
      {
        file: 'separation/note-callback.ts',
        from: 'await store.note({',
        to: 'void store.note({',
      },
    ],
    tests: ['callback', 'faults-durability'],
  },
  {
    name: "two tasks may bear one of the provider's ids",
    edits: [
      {
        file: 'stores/schema.ts',
        from: "        .addUniqueConstraint('tasks_bound', ['provider', 'provider_task_id'])\n",
        to: '',
      },
    ],
    tests: ['store'],
  },
  {
    name: 'commits are not brought to disk',
    edits: [{ file: 'stores/sqlite-dialect.ts', from: 'PRAGMA synchronous = FULL', to: 'PRAGMA synchronous = NORMAL' }],
    tests: ['faults-durability', 'store'],
  },
  {
    name: 'a watch reads before it listens',
    edits: [
      {
        file: 'separation/watch.ts',
        from: '    let mayHaveChanged = true\n',
        to: '    await push(found)\n    if (isSettled(found)) return stop()\n    let mayHaveChanged = false\n',
      },
    ],
    tests: ['faults-unnoticed'],
  },
  {
    name: 'what was due before a restart is forgotten',
    edits: [
      {
        file: 'stores/due-tasks.ts',
        from: "                  .where('due_at', '<=', nowMs)\n",
        to: "                  .where('due_at', '<=', nowMs)\n                  .where((each) => each.or([each('due_at', '=', atOnce), each('due_at', '>=', openedAtMs)]))\n",
      },
      {
        file: 'stores/due-tasks.ts',
        from: '  return {\n    async claimDue(',
        to: '  const openedAtMs = Date.now()\n  return {\n    async claimDue(',
      },
    ],
    tests: ['lost-callback', 'faults'],
  },
  {
    name: 'a callback is trusted whatever its token',
    edits: [
      {
        file: 'http/callback-address.ts',
        from: 'signers[fits.indexOf(true)]',
        to: 'signers[fits.length - 1]',
      },
    ],
    tests: ['callback'],
  },
  {
    name: 'a wrongly signed callback is taken at its word',
    edits: [
      {
        file: 'providers/rest-provider.ts',
        from: 'if (problem !== null) return unusable(problem)',
        to: 'if (problem !== null) return { providerTaskId, told: readCallbackBody(body, reading), problem }',
      },
    ],
    tests: ['faults-unnoticed'],
  },
  {
    name: 'a 502 counts as a refusal',
    edits: [
      {
        file: 'providers/read-submit-answer.ts',
        from: "  429: 'rate-limited',\n",
        to: "  429: 'rate-limited',\n  502: 'maintenance',\n",
      },
    ],
    tests: ['provider-client', 'separate', 'faults'],
  },
  {
    name: '429 means the same at every provider',
    edits: [{ file: 'providers/sunoapi.ts', from: "429: 'insufficient-credits'", to: "429: 'rate-limited'" }],
    tests: ['provider-client'],
  },
  {
    name: 'the key is logged with a refusal',
    edits: [
      {
        file: 'providers/rest-provider.ts',
        from: 'refusedOrders.failed({ providerCode: refusal.providerCode, cause: refusal.message })',
        to: "refusedOrders.failed({ providerCode: refusal.providerCode, cause: refusal.message, headers: headersWith(apiKey ?? '') })",
      },
    ],
    tests: ['secrets', 'provider-client'],
  },
  {
    name: 'the address of a callback is logged',
    edits: [
      {
        file: 'http/callback-route.ts',
        from: "log.debug({ provider, taskId, problem }, 'a callback is not taken at its word')",
        to: "log.debug({ provider, taskId, problem, path }, 'a callback is not taken at its word')",
      },
    ],
    tests: ['callback'],
  },
  {
    name: 'our own callback address is shown as a stem',
    edits: [{ file: 'providers/read-url.ts', from: ' && !holdsCallbackAddress(url.href)', to: '' }],
    tests: ['hostile-stems'],
  },
  {
    name: 'every id that a callback names is asked for at once',
    edits: [{ file: 'separation/check.ts', from: 'const mostCandidates = 3', to: 'const mostCandidates = 3_000' }],
    tests: ['callback-secrets'],
  },
  {
    name: 'nobody joins an order in flight',
    edits: [
      {
        file: 'separation/placing.ts',
        from: "    case 'pending':\n      return true\n",
        to: "    case 'pending':\n      return task.providerTaskId !== null\n",
      },
    ],
    tests: ['separate', 'faults'],
  },
  {
    name: 'an answer that tells nothing counts as a refusal',
    edits: [
      {
        file: 'separation/separate.ts',
        from: "      case 'unknown':\n",
        to:
          "      case 'unknown':\n" +
          "        await record(task.id, { kind: 'refused', refusal: { reason: 'refused', providerCode: null, message: '', retryable: false, retryAfterSeconds: null } })\n",
      },
    ],
    tests: ['faults-unnoticed'],
  },
  {
    name: 'a late refusal frees a key that has led to its task',
    edits: [
      {
        file: 'stores/place-order.ts',
        from: "eb.or([eb('tasks.charge', '!=', 'NONE'), eb('keys.handed_out', '=', 1)])",
        to: "eb('tasks.charge', '!=', 'NONE')",
      },
    ],
    tests: ['separate'],
  },
  {
    name: 'an order leaves before it is stored',
    edits: [
      {
        file: 'separation/separate.ts',
        from: '  const place = createPlacing(options)\n',
        to:
          '  const early = new Map<string, Promise<SubmitAnswer>>()\n' +
          '  const submitEarly = ({ id, owner, provider, musicTaskId, audioId, type }) =>\n' +
          '    early.set(id, early.get(id) ?? providers.get(provider).submit({ owner, musicTaskId, audioId, type, callbackUrl: addresses.urlOf({ id, provider, owner, type, musicTaskId, audioId }) }))\n' +
          '  const place = createPlacing({ ...options, store: { ...store, place: (order) =>\n' +
          '    store.place({ ...order, isAdmitted: async () => (await order.isAdmitted()) && submitEarly(order.task).size > 0 }) } })\n',
      },
      {
        file: 'separation/separate.ts',
        from: 'const answer = provider.submit({ ',
        to: 'const answer = early.get(task.id) ?? provider.submit({ ',
      },
    ],
    tests: ['separate', 'faults-durability', 'store-trouble'],
  },
  {
    name: 'a settled task may be pending again',
    edits: [
      {
        file: 'separation/advance.ts',
        from: "    case 'pending':\n      return by === 'record-info' ? withoutClock(known) : known\n",
        to: "    case 'pending':\n      return { ...orderOf(known), state: 'pending', partial: null, incompleteSinceMs: null }\n",
      },
    ],
    tests: ['advance'],
  },
  {
    name: 'a callback counts before record-info was read',
    edits: [
      {
        file: 'separation/callback-grace.ts',
        from: 'return Math.min(receivedAtMs + graceMsOf(task, outcome, times), giveUpAtMs)',
        to: 'return Math.min(receivedAtMs, giveUpAtMs)',
      },
    ],
    tests: ['callback'],
  },
  {
    name: 'orders share a connection that is kept',
    edits: [
      {
        file: 'providers/post-once.ts',
        from: 'export async function postOnce(post: Post)',
        to: 'const kept = new Map<string, Client>()\n\nexport async function postOnce(post: Post)',
      },
      {
        file: 'providers/post-once.ts',
        from: 'const opened = new Client(post.url.origin, {',
        to: 'const opened = kept.get(post.url.origin) ?? new Client(post.url.origin, {',
      },
      {
        file: 'providers/post-once.ts',
        from: '    client = opened\n',
        to: '    client = opened\n    kept.set(post.url.origin, opened)\n',
      },
      { file: 'providers/post-once.ts', from: '      reset: true,\n', to: '' },
      { file: 'providers/post-once.ts', from: "    end('done')\n", to: '' },
    ],
    tests: ['provider-client'],
  },
  {
    name: 'a callback binds its task to whatever id it names',
    edits: [
      {
        file: 'separation/check.ts',
        from: "if (named !== null && named !== task.id) return 'another'",
        to: "if (named === task.owner) return 'another'",
      },
    ],
    tests: ['callback'],
  },
  {
    name: 'a forged callback binds its task where no address is echoed',
    edits: [
      {
        file: 'separation/check.ts',
        from: "return isTrusted ? 'ours' : 'unknown'",
        to: "return isTrusted || callbackUrl === null ? 'ours' : 'unknown'",
      },
    ],
    tests: ['callback', 'faults-unnoticed'],
  },
  {
    name: 'an order that nobody confirmed is never joined',
    edits: [
      {
        file: 'separation/placing.ts',
        from: "return isFollowed || task.failure.code === 'SUBMISSION_UNCONFIRMED'",
        to: 'return isFollowed',
      },
    ],
    tests: ['separate'],
  },
  {
    name: "a callback's failure frees its track for a second charge",
    edits: [
      {
        file: 'separation/placing.ts',
        from: "return isFollowed || task.failure.code === 'SUBMISSION_UNCONFIRMED'",
        to: "return task.failure.code === 'SUBMISSION_UNCONFIRMED'",
      },
    ],
    tests: ['callback-failure'],
  },
  {
    name: "a callback's failure counts as soon as its audio would",
    edits: [
      {
        file: 'separation/callback-grace.ts',
        from: 'return times.failureGraceMs',
        to: 'return times.callbackGraceMs',
      },
    ],
    tests: ['callback-failure'],
  },
  {
    name: 'what was said counts before who said it',
    edits: [
      {
        file: 'separation/advance.ts',
        from: '    strengthOfSource[b.by] - strengthOfSource[a.by] ||\n',
        to: '',
      },
    ],
    tests: ['advance'],
  },
  {
    name: 'a provider that cannot be read fails its tasks',
    edits: [{ file: 'separation/conclusion.ts', from: 'isGivenUp && !isUnanswered', to: 'isGivenUp' }],
    tests: ['lost-callback'],
  },
  {
    name: 'what a later version wrote is lost',
    edits: [{ file: 'stores/stored-task.ts', from: 'if (isLater) laterDocuments.set(task, document)', to: '' }],
    tests: ['rolling-upgrade'],
  },
  {
    name: 'one operation may hold many orders',
    edits: [{ file: 'graphql/root-field-rule.ts', from: 'most: 1,', to: 'most: 100,' }],
    tests: ['limits'],
  },
  {
    name: 'other gateways are not told of a change',
    edits: [
      {
        file: 'changes/redis.ts',
        from: '      local.publish(taskId)\n      tellOthers(taskId)\n',
        to: '      local.publish(taskId)\n',
      },
    ],
    tests: ['changes', 'several-gateways'],
  },
  {
    name: 'two gateways may take an order for one track at once',
    edits: [
      {
        file: 'stores/postgres-store.ts',
        from: 'select pg_advisory_xact_lock(hashtextextended(${track}, 0))',
        to: 'select hashtextextended(${track}, 0)',
      },
    ],
    tests: ['several-gateways', 'store'],
  },
  {
    name: 'a key may lead to two tasks',
    edits: [
      {
        file: 'stores/schema.ts',
        from: ".addPrimaryKeyConstraint('keys_one', ['owner', 'key'])",
        to: ".addPrimaryKeyConstraint('keys_one', ['owner', 'key', 'task_id'])",
      },
    ],
    tests: ['postgres'],
  },
  {
    name: 'a claim is not written down',
    edits: [
      {
        file: 'stores/due-tasks.ts',
        from: '            .set({ due_at: leaseUntilMs, lease_until: leaseUntilMs })\n',
        to: '            .set({ due_at: nowMs, lease_until: leaseUntilMs })\n',
      },
    ],
    tests: ['store', 'several-gateways'],
  },
  {
    name: 'who joins at another gateway is given the task of a refused order',
    edits: [
      { file: 'separation/separate.ts', from: '    if (refusal !== undefined) throw errorOf(refusal)\n', to: '' },
    ],
    tests: ['several-gateways'],
  },
  {
    name: 'whatever arrives: a stack stands in an answer',
    edits: [
      {
        file: 'http/callback-route.ts',
        from: "{ message: 'A callback is JSON.' }",
        to: "{ message: new Error('A callback is JSON.').stack }",
      },
    ],
    tests: ['fuzz'],
  },
  {
    name: 'whatever arrives: a token stands in an answer',
    edits: [
      {
        file: 'http/callback-route.ts',
        from: "{ message: 'A callback is JSON.' }",
        to: '{ message: `${path} takes JSON.` }',
      },
    ],
    tests: ['fuzz'],
  },
  {
    name: 'whatever arrives: a token stands in the log',
    edits: [
      {
        file: 'http/callback-route.ts',
        from: 'log.debug({ provider, taskId, problem }',
        to: 'log.debug({ path, provider, taskId, problem }',
      },
    ],
    tests: ['fuzz'],
  },
  {
    name: 'whatever arrives: a token is good in another spelling',
    edits: [
      {
        file: 'http/callback-address.ts',
        from: 'const given = Buffer.from(token)',
        to: "const given = Buffer.from(Buffer.from(token, 'base64url').toString('base64url'))",
      },
    ],
    tests: ['fuzz'],
  },
  {
    name: 'whatever arrives: a wrong signature is taken at its word',
    edits: [{ file: 'providers/rest-provider.ts', from: 'if (problem !== null) return unusable(problem)', to: '' }],
    tests: ['fuzz'],
  },
  {
    name: 'whatever arrives: an order is posted once more after an error',
    edits: [
      {
        file: 'providers/rest-provider.ts',
        from: 'const answer = await order(apiKey, given).catch(',
        to: "const first = await order(apiKey, given)\n      const answer = await (first.kind === 'unknown' ? order(apiKey, given) : Promise.resolve(first)).catch(",
      },
    ],
    tests: ['fuzz'],
  },
  {
    name: 'whatever arrives: a message out of place ends the process',
    edits: [
      {
        file: 'http/websocket.ts',
        from: 'take(data.toString()).catch((error: unknown) => {',
        to: 'take(data.toString()).catch((error: unknown) => {\n              throw error',
      },
    ],
    tests: ['fuzz'],
  },
  {
    name: 'whatever arrives: a Host that is none is let through',
    edits: [
      { file: 'http/graphql-route.ts', from: 'if (!isAddressed(request)) {', to: 'if (request.method === null) {' },
    ],
    tests: ['fuzz', 'limits'],
  },
]
