import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { listen } from './listen.ts'

// A provider's file server: `/<bytes>/<milliseconds>.mp3` is a file of that size, whose answer begins that late.

const chunk = Buffer.alloc(64 * 1024, 'x')
chunk.write('ID3')

listen(
  createServer((request, response) => {
    const [, bytes = '0', delayMs = '0'] = /^\/(\d+)\/(\d+)/.exec(request.url ?? '') ?? []
    void (Number(delayMs) > 0 ? delay(Number(delayMs)) : Promise.resolve()).then(() => {
      response.writeHead(200, { 'content-type': 'audio/mpeg', 'content-length': bytes })
      let left = Number(bytes)
      const send = () => {
        while (left > 0 && !response.destroyed) {
          const part = left < chunk.length ? chunk.subarray(0, left) : chunk
          left -= part.length
          if (!response.write(part) && left > 0) return void response.once('drain', send)
        }
        response.end()
      }
      send()
    })
  }),
)
