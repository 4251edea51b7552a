// A request is sent again where that is safe, after growing and random waits, or as long as the server asks.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { OPERATIONS } from '../dist/cjs/operations.js'
import { backoffSeconds, retryAfterSeconds } from '../dist/cjs/retries.js'
import { answer, LIST, nowhere, refusal, Wire } from './support/wire.js'

const PUBLISHED = {
  id: 'evt_1',
  object: 'event',
  type: 'a.b',
  created: '2026-01-15T10:30:00Z',
  data: {},
  status: 'pending',
  webhooks: 1,
}
const LINK = { id: 'plink_1', object: 'portal_link', url: 'https://x/', expires_at: '2026-01-15T10:30:00Z' }
const WH = `wh_${'0'.repeat(32)}`
const CUT = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{'
const never = () => {}

async function wireOf(t, ...replies) {
  const wire = await Wire.start(t)
  wire.replies = replies
  return wire
}

for (const status of [408, 429, 500, 502, 503, 504]) {
  test(`${status} is asked for again`, async (t) => {
    const wire = await wireOf(t, refusal(status), answer('<html>', status), answer(LIST))
    assert.deepEqual((await wire.flux().alerts.list()).data, [])
    assert.equal(wire.asked.length, 3)
    // as long as they may be: the waits double
    assert.deepEqual(wire.waits, [0.5, 1])
  })
}

for (const reply of ['', CUT, 'HTTP']) {
  test(`a connection that breaks after ${JSON.stringify(reply)} is tried again`, async (t) => {
    const wire = await wireOf(t, reply, answer(LIST))
    assert.deepEqual((await wire.flux().alerts.list()).data, [])
    assert.equal(wire.waits.length, 1)
  })
}

test('an answer that does not come is asked for again', async (t) => {
  const wire = await wireOf(t, never, answer(LIST))
  assert.deepEqual((await wire.flux({ timeoutSeconds: 0.5 }).alerts.list()).data, [])
  assert.equal(wire.waits.length, 1)
})

for (const status of [400, 401, 403, 404, 409, 413, 415, 422]) {
  test(`${status} is not asked for again`, async (t) => {
    const wire = await wireOf(t, refusal(status, 'invalid_request_error'))
    await assert.rejects(wire.flux().alerts.list(), { status })
    assert.deepEqual([wire.asked.length, wire.waits], [1, []])
  })
}

for (const [maxRetries, tries] of [
  [0, 1],
  [1, 2],
  [undefined, 3],
  [5, 6],
]) {
  test(`with maxRetries ${maxRetries} there are ${tries} tries`, async (t) => {
    const wire = await wireOf(t, refusal(503))
    await assert.rejects(wire.flux({ maxRetries }).alerts.list(), { name: 'ServerError' })
    assert.equal(wire.asked.length, tries)
    assert.deepEqual(wire.waits, [0.5, 1, 2, 4, 8].slice(0, tries - 1))
  })
}

test('Retry-After is waited for up to a minute', async (t) => {
  const wire = await wireOf(t, refusal(429, 'rate_limit_error', 'c', { 'Retry-After': '7' }), answer(LIST))
  await wire.flux().alerts.list()
  assert.deepEqual(wire.waits, [7.5])
  wire.replies = [refusal(429, 'rate_limit_error', 'c', { 'Retry-After': '61' })]
  await assert.rejects(wire.flux().alerts.list(), { name: 'RateLimitError', retryAfterSeconds: 61 })
  assert.deepEqual(wire.waits, [7.5])
})

test('a proxy that asks to wait is waited for', async (t) => {
  const wire = await wireOf(t, answer('<html>', 429, { 'Retry-After': '7' }), answer(LIST))
  await wire.flux().alerts.list()
  assert.deepEqual(wire.waits, [7.5])
  wire.replies = [answer('<html>', 503, { 'Retry-After': '61' })]
  await assert.rejects(wire.flux().alerts.list(), { name: 'APIResponseError', retryAfterSeconds: 61 })
  assert.deepEqual(wire.waits, [7.5])
})

for (const call of [
  (flux) => flux.portalLinks.create(),
  (flux) => flux.webhooks.test(WH),
  (flux) => flux.webhooks.rotateSecret(WH),
]) {
  test(`what is two things twice is not sent again when it may have been done: ${call}`, async (t) => {
    const wire = await wireOf(t)
    const replies = [500, 502, 503, 504].map((status) => [refusal(status), 'ServerError'])
    for (const [reply, name] of [...replies, ['', 'APIConnectionError'], [CUT, 'APIResponseError']]) {
      wire.asked.length = 0
      wire.replies = [reply]
      await assert.rejects(call(wire.flux()), { name })
      assert.deepEqual([wire.asked.length, wire.waits], [1, []])
    }
  })
}

test('what was surely not done is sent again whatever it is', async (t) => {
  const wire = await wireOf(t, refusal(429), answer(LINK, 201))
  assert.equal((await wire.flux().portalLinks.create()).id, 'plink_1')
  assert.equal(wire.waits.length, 1)
  const closed = await nowhere()
  for (const apiUrl of [closed, closed.replace('127.0.0.1', 'localhost'), 'http://nowhere.invalid']) {
    wire.waits.length = 0
    await assert.rejects(wire.flux({ apiUrl }).portalLinks.create(), { name: 'APIConnectionError' })
    assert.equal(wire.waits.length, 2, apiUrl)
  }
})

test('a POST that was not answered in time is not sent again', async (t) => {
  const wire = await wireOf(t, never)
  const wanted = {
    name: 'APITimeoutError',
    message: 'No whole answer came within 0.2 seconds. The request may have been carried out.',
  }
  await assert.rejects(wire.flux({ timeoutSeconds: 0.2 }).portalLinks.create(), wanted)
  assert.deepEqual(wire.waits, [])
})

test('an account with an external id and a dry run may be asked for again', async (t) => {
  const wire = await wireOf(t, refusal(503))
  const since = '2026-01-15T10:30:00Z'
  const calls = [
    [(flux) => flux.accounts.create({ name: 'Acme' }), 1],
    [(flux) => flux.accounts.create({ name: 'Acme', external_id: 'cus_42' }), 3],
    [(flux) => flux.webhooks.recover(WH, { since }), 1],
    [(flux) => flux.webhooks.recover(WH, { since, dry_run: true }), 3],
  ]
  for (const [call, tries] of calls) {
    wire.asked.length = 0
    await assert.rejects(call(wire.flux()), { name: 'ServerError' })
    assert.equal(wire.asked.length, tries)
  }
})

test('a publication has one key through all of its tries', async (t) => {
  const wire = await wireOf(t, '', CUT, answer(PUBLISHED, 202, { 'Idempotent-Replayed': 'true' }))
  const flux = wire.flux()
  assert.equal((await flux.events.publish('a.b', { n: 1 })).replayed, true)
  const keys = new Set(wire.asked.map((each) => each.headers['idempotency-key']))
  assert.deepEqual([wire.asked.length, keys.size], [3, 1])
  assert.match([...keys][0], /^[0-9a-f]{32}$/)
  await flux.events.publish('a.b', { n: 1 })
  assert.ok(!keys.has(wire.asked[3].headers['idempotency-key']))
  await flux.events.publish('a.b', { n: 1 }, { idempotencyKey: 'order-7' })
  assert.equal(wire.asked[4].headers['idempotency-key'], 'order-7')
})

test('each event of a batch has one key through all tries', async (t) => {
  const wire = await wireOf(t, refusal(503), answer({ object: 'list', data: [PUBLISHED, PUBLISHED, PUBLISHED] }, 202))
  const events = [0, 1].map((n) => ({ type: 'a.b', data: { n } }))
  await wire.flux().events.publishBatch({ events: [...events, { type: 'a.b', data: {}, idempotency_key: 'own' }] })
  const [once, again] = wire.asked
  assert.equal(once.body, again.body)
  const keys = JSON.parse(once.body).events.map((each) => each.idempotency_key)
  assert.deepEqual([new Set(keys).size, keys[2]], [3, 'own'])
  assert.deepEqual(events, [
    { type: 'a.b', data: { n: 0 } },
    { type: 'a.b', data: { n: 1 } },
  ])
})

test('a wait is random and bounded', () => {
  const drawn = Array.from({ length: 50 }, () => backoffSeconds(3, null))
  assert.ok(new Set(drawn).size > 40)
  assert.ok(drawn.every((each) => each >= 0 && each <= 4))
  assert.ok(Array.from({ length: 50 }, () => backoffSeconds(10_000, null)).every((each) => each <= 8))
  assert.equal(backoffSeconds(0, 60.5), null)
})

test('Retry-After is seconds or a date', () => {
  assert.equal(retryAfterSeconds('7'), 7)
  const soon = retryAfterSeconds(new Date(Date.now() + 30_000).toUTCString())
  assert.ok(soon >= 28 && soon <= 30)
  assert.equal(retryAfterSeconds(new Date(0).toUTCString()), 0)
  for (const nothing of [null, '', 'soon', '-1', '1.5', '\u0663', 'Fri, 99 Nov 2026 99:00:00 GMT']) {
    assert.equal(retryAfterSeconds(nothing), null)
  }
})

test('a date of Retry-After is GMT, wherever this runs', (t) => {
  const zone = process.env.TZ
  t.after(() => (zone === undefined ? delete process.env.TZ : (process.env.TZ = zone)))
  process.env.TZ = 'Asia/Tokyo'
  const [day, date, month, year, at] = new Date(Date.now() + 30_000).toUTCString().replace(',', '').split(' ')
  for (const text of [`${day} ${month} ${date} ${at} ${year}`, `${day}, ${date} ${month} ${year} ${at} -0000`]) {
    const soon = retryAfterSeconds(text)
    assert.ok(soon >= 28 && soon <= 30, text)
  }
})

test('only POSTs may be unsafe to repeat', () => {
  const unsafe = Object.values(OPERATIONS).filter((each) => !each.isRepeatable)
  assert.deepEqual([...new Set(unsafe.map((each) => each.method))], ['POST'])
})
