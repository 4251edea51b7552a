// What a caller gets wrong is said before a request leaves, in the words in which the API refuses it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { APIConnectionError, Flux } from '@flux/node'

import { OPERATIONS } from '../dist/cjs/operations.js'
import { API_KEY, API_URL, LIVE, methodOf, PLATFORM_KEY } from './support/live.js'

const URL = 'https://example.com/hooks'
const WH = `wh_${'0'.repeat(32)}`
const EVT = `evt_${'0'.repeat(32)}`
const SINCE = '2026-01-15T10:30:00Z'
// nothing listens there, so what is sent fails in another way
const NOWHERE = 'http://127.0.0.1:9'

/** Values of one operation; `raw` is the body where JSON.stringify would write another. */
const call = (operation, { path = [], query, body, key, raw } = {}) => ({ operation, path, query, body, key, raw })
const webhook = (more) => call('webhooks.create', { body: { url: URL, events: ['*'], ...more } })
const update = (body) => call('webhooks.update', { path: [WH], body })
const list = (operation, query, path = []) => call(operation, { query, path })
const publish = (type, data, { key, raw } = {}) => call('events.publish', { body: { type, data }, key, raw })
const batch = (...events) => call('events.publishBatch', { body: { events } })
const nested = (levels, innermost) => (levels === 0 ? innermost : { a: nested(levels - 1, innermost) })
const keys = (body) => call('apiKeys.create', { body })
const types = (body) => call('eventTypes.create', { body })
const account = (body) => call('accounts.create', { body })
const AB = { type: 'a.b', data: {} }

const MISTAKES = [
  // wrong types, what is missing, what is unknown
  ...[7, true, null].map((url) => webhook({ url })),
  webhook({ url: undefined }),
  ...['order.completed', null, undefined, ['*', 7]].map((events) => webhook({ events })),
  ...[7, null].map((description) => webhook({ description })),
  ...[['a'], { 'X-Team': 7 }, null].map((headers) => webhook({ headers })),
  ...[{ k: null }, 'k'].map((metadata) => webhook({ metadata })),
  webhook({ urls: [] }),
  ...[{ url: 7 }, { status: true }, { url: null }].map(update),
  ...[{ type: 7 }, { wait: 'yes' }, { kind: 'a' }].map((body) => call('webhooks.test', { path: [WH], body })),
  ...[{ since: SINCE, dry_run: 'yes' }, { since: 7 }, {}].map((body) => call('webhooks.recover', { path: [WH], body })),
  ...['7', true, 1.5].map((expires_in) => call('webhooks.rotateSecret', { path: [WH], body: { expires_in } })),
  call('events.resend', { path: [EVT], body: { webhook: 7 } }),
  ...[{ name: 7 }, {}, { name: 'a.b', example: [1] }, { name: 'a.b', schema: true }].map(types),
  call('eventTypes.update', { path: ['a.b'], body: { group: 7 } }),
  ...[{ scopes: 'read' }, { scopes: ['read'], expires_at: 7 }, { scopes: ['read'], events_per_second: 1.5 }, {}].map(
    keys,
  ),
  call('portalLinks.create', { body: { expires_in: '900' } }),
  call('portalLinks.create', { body: { account: 7 } }),
  ...[{ name: 7 }, {}, { name: 'a', metadata: { k: 7 } }].map(account),
  call('accounts.update', { path: ['ext:a'], body: { external_id: 7 } }),
  // values
  ...['', `https://example.com/${'a'.repeat(2048)}`].map((url) => webhook({ url })),
  ...[[], Array(101).fill('*'), ['*', 'order..completed'], ['order.*.paid'], ["it's\n\u200b\u{1f600}"]].map((events) =>
    webhook({ events }),
  ),
  ...['d'.repeat(501), '\0'].map((description) => webhook({ description })),
  webhook({ headers: Object.fromEntries(Array.from({ length: 21 }, (_, each) => [`X-${each}`, 'a'])) }),
  ...[
    Object.fromEntries(Array.from({ length: 51 }, (_, each) => [each, 'a'])),
    { '': 'a' },
    { ['k'.repeat(41)]: 'a' },
    { k: 'v'.repeat(501) },
  ].map((metadata) => webhook({ metadata })),
  ...[{ status: 'paused' }, { disabled_reason: 'moved' }, { status: 'disabled', disabled_reason: 'r'.repeat(201) }].map(
    update,
  ),
  ...[-1, 604_801].map((expires_in) => call('webhooks.rotateSecret', { path: [WH], body: { expires_in } })),
  ...[{ since: 'yesterday' }, { since: SINCE, until: '2026-13-45' }].map((body) =>
    call('webhooks.recover', { path: [WH], body }),
  ),
  ...[
    { name: 'a..b' },
    { name: 'flux.delivery.failed' },
    { name: 'a.b', description: 'd'.repeat(501) },
    { name: 'a.b', group: 'g'.repeat(65) },
    { name: 'a.b', example: { a: '\0' } },
  ].map(types),
  ...[
    { scopes: [] },
    { scopes: ['read', 'write'] },
    { scopes: ['read'], name: 'n'.repeat(101) },
    { scopes: ['read'], requests_per_second: 0 },
    { scopes: ['read'], expires_at: 'soon' },
  ].map(keys),
  call('portalLinks.create', { body: { expires_in: 59 } }),
  ...[
    { name: '' },
    { name: 'a', external_id: ' a' },
    { name: 'a', external_id: 'a\n' },
    { name: 'a', external_id: 'a'.repeat(256) },
  ].map(account),
  // ids
  ...[EVT, 'wh_X'].map((id) => call('webhooks.get', { path: [id] })),
  call('webhooks.delete', { path: ['w'.repeat(70)] }),
  call('webhooks.secret', { path: [`wh_${'A'.repeat(32)}`] }),
  ...[
    'events.get',
    'deliveries.get',
    'deliveries.retry',
    'alerts.acknowledge',
    'alertChannels.test',
    'recoveries.cancel',
    'apiKeys.revoke',
  ].map((each) => call(each, { path: [WH] })),
  list('events.deliveries', {}, [WH]),
  call('eventTypes.get', { path: ['a..b'] }),
  call('eventTypes.archive', { path: ['n'.repeat(129)] }),
  call('accounts.get', { path: ['cus_42'] }),
  call('events.resend', { path: [EVT], body: { webhook: EVT } }),
  // parameters
  ...[0, 101, 'ten', 1.5].map((limit) => list('webhooks.list', { limit })),
  ...[{ type: 'a..b' }, { status: 'done' }, { webhook: EVT }, { created_after: 'yesterday' }, { state: 'failed' }].map(
    (query) => list('events.list', query),
  ),
  ...[{ status: 'done' }, { outcome: 'bad' }, { webhook: EVT }, { event: WH }, { created_before: '2026-02-30' }].map(
    (query) => list('deliveries.list', query),
  ),
  ...[{ status: 'done' }, { webhook: WH }].map((query) => list('webhooks.deliveries', query, [WH])),
  ...[{ period: '1h' }, { limit: 7 }].map((query) => list('webhooks.stats', query, [WH])),
  list('alerts.list', { acknowledged: 'yes' }),
  ...[
    { url: 7 },
    {},
    { url: 'slack://a', name: 'n'.repeat(101) },
    { url: 'slack://a', kinds: [] },
    { url: 'slack://a', kinds: ['delivery_failed', 'platform_trouble'] },
  ].map((body) => call('alertChannels.create', { body })),
  call('alertChannels.update', { path: [`chan_${'0'.repeat(32)}`], body: { status: 'paused' } }),
  list('eventTypes.list', { archived: 'yes' }),
  list('recoveries.list', { webhook: 'x' }),
  // events
  ...[7, 'a..b', 'order.*', 'a'.repeat(129), 'ä', 'flux.delivery.failed'].map((type) => publish(type, {})),
  ...[[1], 'text', null].map((data) => publish('a.b', data)),
  publish('a.b', { n: [1, NaN] }, { raw: '{"type":"a.b","data":{"n":[1,NaN]}}' }),
  publish('a.b', { n: Infinity }, { raw: '{"type":"a.b","data":{"n":Infinity}}' }),
  publish('a.b', { n: { m: -Infinity } }, { raw: '{"type":"a.b","data":{"n":{"m":-Infinity}}}' }),
  ...[{ t: '\0' }, { t: '\ud800' }, { '\0': 1 }, nested(101, 1), nested(100, 1)].map((data) => publish('a.b', data)),
  ...['', 'k'.repeat(256), 'ü'].map((key) => publish('a.b', {}, { key })),
  batch(),
  batch(...Array(1001).fill(AB)),
  batch(AB, 7),
  batch({ type: 'a.b' }),
  batch({ data: {} }),
  batch({ ...AB, id: 1 }),
  batch(AB, { type: 'a..b', data: {} }),
  batch(AB, { type: 'a.b', data: 7 }),
  batch({ type: 'a.b', data: { t: '\0' } }),
  batch({ type: 'a.b', data: nested(101, 1) }),
  ...[7, null, 'ü'].map((idempotency_key) => batch({ ...AB, idempotency_key })),
  batch({ ...AB, idempotency_key: 'k' }, { ...AB, idempotency_key: 'k' }),
  call('events.publishBatch', { body: { events: {} } }),
]
// at the bounds, and within
const FINE = [
  publish('a.b', nested(99, 1)),
  publish('a.b', nested(99, {})),
  publish('A-1_b.c', { a: null, b: [true, 1e300, 'ü\u{1f600}', '\\u0000'] }, { key: 'k k'.repeat(85) }),
  batch({ type: 'a.b', data: nested(99, 1) }),
  webhook({ events: ['order.*', 'order.*'], description: '\u{1f600}'.repeat(500), metadata: { k: '' } }),
  keys({ scopes: ['read'], expires_at: '2100-01-01', events_per_second: 1_000_000, requests_per_second: null }),
  list('events.list', { limit: 100, created_after: '2026-01-15T10:30:00+01:00' }),
  types({ name: 'n'.repeat(128), group: 'g'.repeat(64), example: {}, schema: {} }),
]

test('each mistake is said here as it is said there', LIVE, async () => {
  const differing = []
  for (const mistake of MISTAKES) {
    const error = await refusedHere(mistake)
    const { code, message, param, status, docUrl, requestId } = error ?? {}
    const here = JSON.stringify({ code, message, param, status, docUrl })
    const there = await refusedThere(mistake)
    if (here !== there || requestId !== null)
      differing.push(`${nameOf(mistake)}\n  here  ${error?.stack ?? here}\n        ${here}\n  there ${there}`)
  }
  assert.equal(differing.join('\n'), '')
})

test('what the API takes is not refused here', LIVE, async () => {
  for (const fine of FINE) {
    const answered = await send(fine)
    assert.ok(answered.ok, `${nameOf(fine)}: ${await answered.text()}`)
    const error = await refusedHere(fine)
    assert.ok(error instanceof APIConnectionError, `${nameOf(fine)}: ${error}`)
  }
})

async function refusedHere({ operation, path, query, body, key }) {
  const flux = new Flux({ apiKey: 'sk_live_x', apiUrl: NOWHERE, maxRetries: 0 })
  const given =
    operation === 'events.publish'
      ? [body.type, body.data, key === undefined ? undefined : { idempotencyKey: key }]
      : [...path, query ?? body]
  try {
    await methodOf(flux, operation)(...given)
    return null
  } catch (error) {
    return error
  }
}

async function refusedThere(mistake) {
  const answered = await send(mistake)
  const { error } = await answered.json()
  assert.ok(error, `${nameOf(mistake)} is no mistake`)
  const { code, message, param, doc_url: docUrl } = error
  return JSON.stringify({ code, message, param, status: answered.status, docUrl })
}

function send({ operation, path, query, body, key, raw }) {
  const { method, path: template } = OPERATIONS[operation]
  const place = template.replace(/\{\w+\}/, () => encodeURIComponent(path[0]))
  const headers = {
    Authorization: `Bearer ${operation.startsWith('accounts.') ? PLATFORM_KEY : API_KEY}`,
    'Content-Type': 'application/json',
    ...(key === undefined ? {} : { 'Idempotency-Key': key }),
  }
  const hasBody = method === 'POST' || method === 'PATCH'
  const text = raw ?? JSON.stringify(body ?? {})
  return fetch(`${API_URL}${place}?${new URLSearchParams(query ?? {})}`, {
    method,
    headers,
    ...(hasBody ? { body: text } : {}),
  })
}

function nameOf({ operation, path, query, body }) {
  return `${operation} ${JSON.stringify([path, query, body]).slice(0, 120)}`
}
