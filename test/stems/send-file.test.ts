import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { sendFile } from '../../src/http/stems/send-file.ts'
import { listenOnLoopback } from '../support/listen-on-loopback.ts'

test('a file that is opened for a client that has left is closed at once', async () => {
  const server = createServer()
  const url = await listenOnLoopback(server, onTestFinished)
  const asked = once(server, 'request')
  const client = connect(Number(new URL(url).port), '127.0.0.1')
  client.write('GET / HTTP/1.1\r\nHost: gateway\r\n\r\n')
  const [, response] = await asked
  client.destroy()
  await once(response, 'close')

  const body = new Readable({ read() {} })
  const never = () => expect.unreachable('Nothing is sent.')
  sendFile({ response, body, skip: 0, take: null, stallMs: 60_000, begin: never, onFailedEarly: never, onWhole: never })
  expect(body.destroyed).toBe(true)
})
