// A server that answers as it is told, byte for byte, and a client that asks it; retries wait for no time here.

import { createServer } from 'node:net'
import { Flux } from '@flux/node'

import { clock } from '../../dist/cjs/clock.js'

export const KEY = 'sk_live_0123456789abcdefghijABCDEFGHIJ99secret'
export const LIST = { object: 'list', data: [], has_more: false, next_cursor: null }

/** Return an HTTP response with this JSON, or this text. */
export function answer(given, status = 200, headers = {}) {
  const body = typeof given === 'string' ? given : JSON.stringify(given)
  const more = { 'Content-Type': 'application/json', 'X-Request-Id': 'req_1', ...headers, Connection: 'close' }
  const lines = Object.entries(more).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} X\r\n${lines.join('')}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** Return an error as the API answers it. */
export function refusal(status, type = 'api_error', code = 'c', headers = {}) {
  const error = { type, code, message: 'No.', param: 'url', doc_url: 'https://x/y', request_id: 'req_2' }
  return answer({ error }, status, headers)
}

/** Return the URL of a port at which nothing listens. */
export async function nowhere() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

/** A server that gives each request the next of its replies, the last one again and again; a function is called. */
export class Wire {
  replies = []
  asked = []
  waits = []
  #sockets = new Set()
  #server = createServer((socket) => this.#serve(socket))
  #clock = { ...clock }

  /** Begin to listen, and end when the test does. */
  static async start(test) {
    const wire = new Wire()
    await new Promise((resolve) => wire.#server.listen(0, '127.0.0.1', resolve))
    // how long the client waits before each retry takes no time here, and is as long as it may be
    Object.assign(clock, { wait: async (seconds) => wire.waits.push(seconds), random: () => 1 })
    test.after(() => wire.stop())
    return wire
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`
  }

  flux(options = {}) {
    return new Flux({ apiKey: KEY, apiUrl: this.url, ...options })
  }

  stop() {
    Object.assign(clock, this.#clock)
    for (const socket of this.#sockets) socket.destroy()
    return new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket) {
    this.#sockets.add(socket)
    socket.on('error', () => {}) // the client hung up, as some tests want it to
    socket.on('close', () => this.#sockets.delete(socket))
    let received = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      const asked = readRequest(received)
      if (asked === null) return
      received = Buffer.alloc(0)
      this.asked.push(asked)
      const reply = this.replies[Math.min(this.asked.length, this.replies.length) - 1]
      if (typeof reply === 'function') reply(socket)
      else socket.end(reply)
    })
  }
}

function readRequest(received) {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [first, ...lines] = received.subarray(0, end).toString('utf8').split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => line.split(/: (.*)/s)).map(([name, value]) => [name.toLowerCase(), value]),
  )
  const body = received.subarray(end + 4)
  if (body.length < Number(headers['content-length'] ?? 0)) return null
  const [method, target] = first.split(' ')
  return { method, target, headers, body: body.toString('utf8') }
}
