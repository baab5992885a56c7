import { print } from 'graphql'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { SeparateDocument, type SeparateMutation } from '../../schema/operations.ts'
import { startGateway } from '../support/gateway.ts'
import { accepted, sendBody, startPlayedProvider } from '../support/played-provider.ts'

test.each([
  ['with a key', 'key'],
  ['without a key', null],
])('a mutation that the client repeats after a lost connection, %s, is charged once', async (_how, key) => {
  const provider = await startPlayedProvider()
  let answer: () => void = () => {}
  provider.answerSubmit((response) => {
    answer = () => sendBody(response, accepted('provider-task-1'))
  })
  const gateway = await startGateway(provider.environment)
  const sockets: WebSocket[] = []
  const client = gateway.connect({
    retryAttempts: 5,
    retryWait: async () => {},
    shouldRetry: () => true,
    on: {
      opened: (socket) => {
        if (socket instanceof WebSocket) sockets.push(socket)
      },
    },
  })
  const variables = { input: { musicTaskId: 'music', audioId: 'audio', idempotencyKey: key } }
  const answers = client.iterate<SeparateMutation>({ query: print(SeparateDocument), variables })
  const report = answers.next()

  await provider.order(0)
  sockets[0]?.terminate()
  await expect.poll(() => sockets.length).toBe(2)
  answer()

  expect((await report).value).toMatchObject({
    data: { separate: { __typename: 'SeparateSuccess', reused: true, task: { status: 'PENDING', charge: 'CHARGED' } } },
  })
  expect(provider.orders).toHaveLength(1)
})
