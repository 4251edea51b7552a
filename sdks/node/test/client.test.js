// A client is made of what can be right, says so at once where it is not, keeps its key to itself, and sends it.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { ConfigurationError, Flux, InvalidRequestError, NotFoundError, Page } from '@flux/node'

import { answer, KEY, LIST, Wire } from './support/wire.js'

delete process.env.FLUX_API_KEY
delete process.env.FLUX_API_URL
const URL = 'https://flux.example.com'
const EVENT = {
  id: 'evt_1',
  object: 'event',
  type: 'a.b',
  created: '2026-01-15T10:30:00Z',
  data: {},
  status: 'pending',
  webhooks: 1,
}

describe('what a client is made of', () => {
  test('a key that cannot be right is said without showing it', () => {
    for (const apiKey of [
      '',
      ' ',
      `${KEY}\n`,
      `\n${KEY}`,
      `${KEY} x`,
      'sk_live_ü',
      'sk\0',
      7,
      null,
      Buffer.from(KEY),
    ]) {
      assert.throws(
        () => new Flux({ apiKey, apiUrl: URL }),
        (error) => {
          assert.ok(error instanceof ConfigurationError)
          assert.match(error.message, /apiKey/)
          assert.ok(!inspect(error).includes(KEY))
          return true
        },
      )
    }
  })

  test('a URL that cannot be right is said', () => {
    const wrong = [
      '',
      ' ',
      'flux.example.com',
      'ftp://x',
      'https://',
      'http:/x',
      'https:///v1',
      'https://a b',
      'https://x\n',
      7,
      null,
    ]
    for (const apiUrl of [
      ...wrong,
      'https://u:p@x',
      'https://x@y',
      'https://x?y',
      'https://x#y',
      'https://x:99999',
      'https://x:0',
    ]) {
      assert.throws(() => new Flux({ apiKey: KEY, apiUrl }), { name: 'ConfigurationError', message: /apiUrl/ })
    }
  })

  test('options out of their bounds, or that do not exist, are said', () => {
    for (const timeoutSeconds of [0, -1, NaN, Infinity, '7', true]) {
      assert.throws(() => new Flux({ timeoutSeconds }), { name: 'ConfigurationError', message: /^timeoutSeconds/ })
    }
    for (const maxRetries of [-1, 1.5, NaN, '2', true]) {
      assert.throws(() => new Flux({ maxRetries }), { name: 'ConfigurationError', message: /^maxRetries/ })
    }
    for (const account of ['cus_42', '', 7, null, 'ext:a\n', 'ext:a ']) {
      assert.throws(() => new Flux({ account }), { name: 'ConfigurationError', message: /^account is acct_… or ext:…/ })
      assert.throws(() => new Flux().withAccount(account), { name: 'ConfigurationError' })
    }
    assert.throws(() => new Flux().withAccount(undefined), { name: 'ConfigurationError', message: /not undefined\.$/ })
    assert.throws(() => new Flux({ fetch: 7 }), { name: 'ConfigurationError', message: /^fetch/ })
    assert.throws(() => new Flux({ api_key: KEY }), {
      name: 'TypeError',
      message: /^api_key is not an option of new Flux\(\)\. There are: apiKey, /,
    })
    assert.throws(() => new Flux(KEY), { name: 'TypeError', message: /as an object, not a string/ })
  })

  test('a key or URL that is missing is said by the first call', async () => {
    await assert.rejects(new Flux().webhooks.get(`wh_${'0'.repeat(32)}`), {
      name: 'ConfigurationError',
      message: /pass apiKey, or set FLUX_API_KEY/,
    })
    await assert.rejects(new Flux({ apiKey: KEY }).events.list(), {
      name: 'ConfigurationError',
      message: /pass apiUrl, or set FLUX_API_URL/,
    })
  })

  test('nothing that is printed shows the key', () => {
    const flux = new Flux({ apiKey: KEY, apiUrl: URL })
    for (const each of [flux, flux.webhooks, flux.events.list(), flux.withAccount('ext:a')]) {
      assert.ok(!(inspect(each, { depth: 9, showHidden: true }) + JSON.stringify(each)).includes(KEY))
    }
  })

  test('each operation is a method of a resource', () => {
    assert.deepEqual(Object.keys(new Flux()), [
      'accounts',
      'alertChannels',
      'alerts',
      'apiKeys',
      'auditLog',
      'deliveries',
      'eventTypes',
      'events',
      'listenSessions',
      'portalLinks',
      'recoveries',
      'webhooks',
    ])
  })
})

describe('what a client sends', () => {
  test('key, version and account, to the URL whatever its end', async (t) => {
    const wire = await Wire.start(t)
    wire.replies = [answer(LIST)]
    process.env.FLUX_API_KEY = KEY
    process.env.FLUX_API_URL = `${wire.url}/v1/`
    t.after(() => ['FLUX_API_KEY', 'FLUX_API_URL'].forEach((name) => delete process.env[name]))
    await new Flux().events.list()
    const [{ method, target, headers }] = wire.asked
    assert.deepEqual([method, target, headers.authorization], ['GET', '/v1/events', `Bearer ${KEY}`])
    assert.match(headers['user-agent'], /^flux-node\/\d/)
    assert.equal(headers['flux-account'], undefined)
    assert.equal(headers['content-type'], undefined)
  })

  test('the account of the client, or of the call, as UTF-8', async (t) => {
    const wire = await Wire.start(t)
    wire.replies = [answer(LIST)]
    const flux = wire.flux({ account: 'ext:one' })
    await flux.events.list()
    await flux.withAccount('ext:zwei ü€').events.list()
    await flux.events.list({}, { account: 'acct_3' })
    assert.deepEqual(
      wire.asked.map((each) => each.headers['flux-account']),
      ['ext:one', 'ext:zwei ü€', 'acct_3'],
    )
    await flux.accounts.list()
    assert.equal(wire.asked[3].headers['flux-account'], undefined)
    // null least of all may mean the account of the client
    for (const account of ['cus_42', '', null]) {
      await assert.rejects(async () => flux.events.list({}, { account }), NotFoundError)
    }
  })

  test('what is undefined is left out, and times are written', async (t) => {
    const wire = await Wire.start(t)
    wire.replies = [answer(LIST)]
    await wire.flux().events.list({ type: undefined, created_after: new Date(0), limit: 7 })
    assert.equal(wire.asked[0].target, '/v1/events?created_after=1970-01-01T00%3A00%3A00.000Z&limit=7')
  })

  test('with a fetch of their own', async (t) => {
    const wire = await Wire.start(t)
    wire.replies = [answer(LIST)]
    const asked = []
    const flux = wire.flux({ fetch: (url, init) => (asked.push(url), fetch(url, init)) })
    await flux.events.list()
    assert.deepEqual(asked, [`${wire.url}/v1/events`])
  })

  test('what a caller names wrongly is said before anything is sent', async () => {
    const flux = new Flux({ apiKey: KEY, apiUrl: 'http://127.0.0.1:9', maxRetries: 0 })
    const refused = (call, wanted) => assert.rejects(async () => call(), wanted)
    await refused(() => flux.events.publish('a.b', {}, { idempotency_key: 'k' }), {
      name: 'TypeError',
      message: 'idempotency_key is not an option of events.publish. There are: account, idempotencyKey.',
    })
    await refused(() => flux.webhooks.get(`wh_${'0'.repeat(32)}`, 'ext:a'), {
      name: 'TypeError',
      message: /takes its options as an object/,
    })
    await refused(() => flux.webhooks.create('https://example.com', ['*']), {
      name: 'TypeError',
      message: /^webhooks\.create takes its fields as an object/,
    })
    await refused(() => flux.webhooks.create({ url: 'https://example.com', event: ['*'], events: ['*'] }), {
      name: 'InvalidRequestError',
      code: 'unknown_field',
      param: 'event',
      requestId: null,
    })
    await refused(() => flux.events.list({ state: 'failed' }), {
      name: 'InvalidRequestError',
      code: 'invalid_parameter',
      param: 'state',
    })
  })

  test('data of which JSON would silently keep something else is refused', async () => {
    const flux = new Flux({ apiKey: KEY, apiUrl: 'http://127.0.0.1:9', maxRetries: 0 })
    const circle = {}
    circle.self = circle
    const wrong = [
      [{ n: 7n }, 'data.n is a bigint, which'],
      [{ a: [1, new Map([[1, 2]])] }, 'data.a[1] is a Map, which'],
      [{ a: Promise.resolve() }, 'data.a is a Promise, which'],
      [{ a: Buffer.from('x') }, 'data.a is a Buffer, which'],
      [{ a: () => 7 }, 'data.a is a function, which'],
      [{ a: [undefined] }, 'data.a[0] is undefined, which'],
      [{ a: Array(1) }, 'data.a[0] is undefined, which'],
      [{ at: new Date(NaN) }, 'data.at is no valid Date, which'],
      [circle, 'The body is nested more than 100 levels deep.'],
    ]
    for (const [data, message] of wrong) {
      await assert.rejects(flux.events.publish('a.b', data), (error) => {
        assert.ok(error instanceof InvalidRequestError)
        assert.equal(error.code, 'invalid_json')
        assert.ok(error.message.startsWith(message), error.message)
        return true
      })
    }
    for (const data of [new Map(), new Date(), Promise.resolve({}), [], null, undefined, 'x']) {
      await assert.rejects(flux.events.publish('a.b', data), { code: 'wrong_type', message: 'data must be an object.' })
    }
  })

  test('data is written as JSON.stringify writes it', async (t) => {
    const wire = await Wire.start(t)
    wire.replies = [answer(EVENT, 202)]
    class Order {
      id = 7
      at = new Date(0)
      left = undefined
    }
    await wire.flux().events.publish('a.b', new Order())
    assert.equal(wire.asked[0].body, '{"type":"a.b","data":{"id":7,"at":"1970-01-01T00:00:00.000Z"}}')
  })
})

describe('pages', () => {
  const page = (data, next) => answer({ ...LIST, data, has_more: next !== null, next_cursor: next })

  test('a list that is iterated is all of its pages, each fetched when it is reached', async (t) => {
    const wire = await Wire.start(t)
    wire.replies = [page([1, 2], 'c 1'), page([], 'c2'), page([3], null)]
    const seen = []
    for await (const each of wire.flux().events.list({ status: 'failed', limit: 2 }))
      seen.push([each, wire.asked.length])
    assert.deepEqual(seen, [
      [1, 1],
      [2, 1],
      [3, 3],
    ])
    assert.deepEqual(
      wire.asked.map((each) => each.target),
      ['', '&cursor=c+1', '&cursor=c2'].map((each) => `/v1/events?status=failed&limit=2${each}`),
    )
  })

  test('a list that is awaited is its first page, from which the next are asked for', async (t) => {
    const wire = await Wire.start(t)
    wire.replies = [page([1], 'c1'), page([2], null)]
    const first = await wire.flux().events.list({ cursor: 'c0' })
    assert.ok(first instanceof Page)
    assert.deepEqual([first.data, first.has_more, first.next_cursor], [[1], true, 'c1'])
    const second = await first.nextPage()
    assert.deepEqual(
      [second.data, second.has_more, second.next_cursor, await second.nextPage()],
      [[2], false, null, null],
    )
    assert.deepEqual(
      wire.asked.map((each) => each.target),
      ['/v1/events?cursor=c0', '/v1/events?cursor=c1'],
    )
  })

  test('it is asked for once, however often it is awaited, and never if it is not', async (t) => {
    const wire = await Wire.start(t)
    wire.replies = [page([1], null)]
    const listed = wire.flux().events.list()
    wire.flux().events.list({ limit: 0 })
    assert.equal(wire.asked.length, 0)
    const [one, other] = await Promise.all([listed, listed.finally(() => {})])
    assert.equal(one, other)
    assert.equal(wire.asked.length, 1)
    assert.equal(
      await wire
        .flux()
        .events.list({ limit: 0 })
        .catch((error) => error.param),
      'limit',
    )
  })
})
