// What is not the API's answer is an error that says what it was, and no error tells the key.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import * as sdk from '@flux/node'

import { answer, KEY, LIST, nowhere, refusal, Wire } from './support/wire.js'

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
const ID = `alrt_${'0'.repeat(32)}`

/** Return what comes of asking once; nothing that is printed of it may hold the key. */
async function failure(t, reply, { timeoutSeconds = 10, call = (flux) => flux.alerts.list() } = {}) {
  const wire = await Wire.start(t)
  wire.replies = [].concat(reply)
  const error = await call(wire.flux({ maxRetries: 0, timeoutSeconds })).then(
    () => assert.fail('it passed'),
    (each) => each,
  )
  assert.ok(error instanceof sdk.FluxError, String(error.stack))
  assert.equal(error.name, error.constructor.name)
  assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(KEY))
  return Object.assign(error, { asked: wire.asked })
}

for (const status of [200, 201, 404, 429, 500, 502]) {
  test(`a page of a proxy with status ${status} is no answer`, async (t) => {
    const error = await failure(t, answer('<html>502 Bad Gateway</html>', status, { 'Content-Type': 'text/html' }))
    assert.deepEqual([error.name, error.status, error.requestId], ['APIResponseError', status, 'req_1'])
    assert.match(error.message, new RegExp(`status ${status}, text/html`))
  })
}

for (const status of [301, 302, 307, 308]) {
  test(`a redirect with ${status} is not followed`, async (t) => {
    const error = await failure(t, [answer('', status, { Location: '/elsewhere' }), answer(LIST)])
    assert.equal(error.name, 'APIResponseError')
    assert.match(error.message, /redirect/)
    assert.equal(error.asked.length, 1)
  })
}

const DAMAGED = {
  cut: `${HEAD}Content-Length: 100\r\n\r\n{"object": "list", "data": [`,
  'cut chunks': `${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\n{"obj`,
  'no chunks': `${HEAD}Transfer-Encoding: chunked\r\n\r\nnothing of that kind\r\n`,
  'not gzip': `${HEAD}Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain`,
  'no length': `${HEAD}Content-Length: many\r\n\r\n`,
  'another protocol': 'SSH-2.0-OpenSSH_9.6\r\n\r\n',
  noise: Buffer.from('\x00\xff'.repeat(500), 'latin1'),
}
for (const [name, reply] of Object.entries(DAMAGED)) {
  test(`a damaged answer is no answer: ${name}`, async (t) => {
    assert.equal((await failure(t, [reply])).name, 'APIResponseError')
  })
}

const NOT_OURS = ['{"object": "li', '', 'null', '7', '[]', '{}', '{"data": 7}', '"""', '['.repeat(100_000), '\ufeff{}']
for (const body of NOT_OURS) {
  test(`JSON that is none of the API's is no answer: ${body.slice(0, 20)}`, async (t) => {
    assert.equal((await failure(t, answer(body))).name, 'APIResponseError')
    const error = await failure(t, answer(body), { call: (flux) => flux.alerts.acknowledge(ID) })
    assert.equal(error.name, 'APIResponseError')
  })
}

for (const more of [{ has_more: null }, { has_more: true }, { has_more: true, next_cursor: 7 }]) {
  test(`a list that does not say how it goes on is no answer: ${JSON.stringify(more)}`, async (t) => {
    assert.equal((await failure(t, answer({ ...LIST, ...more }))).name, 'APIResponseError')
  })
}

test('a list that goes round in a circle ends', async (t) => {
  const all = async (flux) => {
    for await (const _ of flux.alerts.list());
  }
  const error = await failure(t, answer({ ...LIST, has_more: true, next_cursor: 'again' }), { call: all })
  assert.equal(error.name, 'APIResponseError')
  assert.deepEqual(
    error.asked.map((each) => each.target),
    ['/v1/alerts', '/v1/alerts?cursor=again'],
  )
})

test('another object than the one that was asked for is said', async (t) => {
  const error = await failure(t, answer({ id: ID, object: 'webhook' }), { call: (flux) => flux.alerts.acknowledge(ID) })
  assert.equal(error.message, "The API's answer is no alert: is this a Flux Dispatch of this age?")
})

test('an answer that does not come is waited for no longer than told', async (t) => {
  const error = await failure(t, [() => {}], { timeoutSeconds: 0.2 })
  assert.equal(error.name, 'APITimeoutError')
  assert.ok(error instanceof sdk.APIConnectionError)
})

test('an answer that never ends is given up', async (t) => {
  const drip = (socket) => {
    socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`)
    const timer = setInterval(() => socket.write('1\r\n \r\n'), 20)
    socket.on('close', () => clearInterval(timer))
  }
  assert.equal((await failure(t, [drip], { timeoutSeconds: 0.5 })).name, 'APITimeoutError')
})

test('a connection that is closed, and a server that is not there, are said', async (t) => {
  assert.equal((await failure(t, '')).name, 'APIConnectionError')
  const apiUrl = await nowhere()
  const gone = { call: () => new sdk.Flux({ apiKey: KEY, apiUrl, maxRetries: 0 }).events.list() }
  const error = await failure(t, '', gone)
  assert.equal(error.name, 'APIConnectionError')
  assert.match(error.message, /ECONNREFUSED.*Check apiUrl/)
  assert.ok(error.cause instanceof Error)
})

const KINDS = [
  [400, 'invalid_request_error', 'InvalidRequestError'],
  [409, 'invalid_request_error', 'InvalidRequestError'],
  [401, 'authentication_error', 'AuthenticationError'],
  [403, 'permission_error', 'PermissionDeniedError'],
  [404, 'not_found_error', 'NotFoundError'],
  [409, 'idempotency_error', 'IdempotencyError'],
  [429, 'rate_limit_error', 'RateLimitError'],
  [500, 'api_error', 'ServerError'],
  [418, 'of_a_later_release', 'InvalidRequestError'],
  [503, 'of_a_later_release', 'ServerError'],
]
for (const [status, type, name] of KINDS) {
  test(`${type} with ${status} is a ${name}`, async (t) => {
    const error = await failure(t, refusal(status, type, 'some_code'))
    assert.ok(error instanceof sdk[name] && error instanceof sdk.APIError)
    assert.equal(error.name, name)
    const { message, code, param, docUrl, requestId } = error
    assert.deepEqual(
      { message, code, param, docUrl, requestId, status: error.status },
      {
        message: 'No.',
        code: 'some_code',
        param: 'url',
        docUrl: 'https://x/y',
        requestId: 'req_2',
        status,
      },
    )
  })
}

for (const error of [null, 7, {}, { code: 7, message: 'm' }, { code: 'c' }]) {
  test(`an error that is not of the API's form is no answer: ${JSON.stringify(error)}`, async (t) => {
    assert.equal((await failure(t, answer({ error }, 400))).name, 'APIResponseError')
  })
}

for (const data of [[], [{}, {}]]) {
  test(`a batch is answered event by event, not by ${data.length}`, async (t) => {
    const call = (flux) => flux.events.publishBatch({ events: [{ type: 'a.b', data: {} }] })
    assert.match((await failure(t, answer({ object: 'list', data }), { call })).message, /lists/)
  })
}
