// What a real API answers to each operation can be used.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Flux, NotFoundError } from '@flux/node'

import { OPERATIONS } from '../dist/cjs/operations.js'
import { API_KEY, API_URL, LIVE, methodOf, PLATFORM_KEY } from './support/live.js'

const URL = 'https://example.com/hooks'
const DAY = 24 * 3600 * 1000

/** Call operations by their names, and remember which. */
function caller(apiKey, called) {
  const flux = new Flux({ apiKey, apiUrl: API_URL, maxRetries: 0 })
  return (operation, ...given) => {
    called.add(operation)
    return methodOf(flux, operation)(...given)
  }
}

async function all(list) {
  const found = []
  for await (const each of list) found.push(each)
  return found
}

test('a real API answers each operation', LIVE, async () => {
  const called = new Set()
  const call = caller(API_KEY, called)
  const webhook = await webhooks(call)
  const event = await events(call, webhook.id)
  await deliveries(call, event.id, webhook.id)
  await alertChannels(call)
  await recoveries(call, webhook.id)
  await listenSessions(call)
  await eventTypes(call)
  await keysAndLinks(call)
  await call('webhooks.delete', webhook.id)
  await auditLog(call)
  await accounts(caller(PLATFORM_KEY, called))
  assert.deepEqual([...called].sort(), Object.keys(OPERATIONS).sort())
})

async function webhooks(call) {
  const fields = { url: URL, events: ['order.*'], description: 'd', headers: { 'X-Team': 'a' }, metadata: { k: 'v' } }
  const made = await call('webhooks.create', fields)
  const { url, events, description, headers, metadata } = made
  assert.deepEqual({ url, events, description, headers, metadata }, fields)
  assert.match(made.secret, /^whsec_/)
  const changed = await call('webhooks.update', made.id, {
    events: ['*'],
    status: 'disabled',
    disabled_reason: 'moved',
  })
  assert.deepEqual([changed.events, changed.status, changed.disabled_reason], [['*'], 'disabled', 'moved'])
  await call('webhooks.update', made.id, { status: 'enabled' })
  const got = await call('webhooks.get', made.id)
  assert.deepEqual([got.secret, got.status], [undefined, 'enabled'])
  assert.deepEqual((await call('webhooks.list')).data, [got])
  assert.equal((await call('webhooks.secret', made.id)).secret, made.secret)
  const rotated = await call('webhooks.rotateSecret', made.id, { expires_in: 3600 })
  assert.notEqual(rotated.secret, made.secret)
  assert.equal(rotated.older.length, 1)
  const stats = await call('webhooks.stats', made.id, { period: '7d' })
  assert.deepEqual([stats.bucket_seconds, stats.totals.attempts, stats.totals.success_rate], [3600, 0, null])
  return made
}

async function events(call, webhook) {
  const event = await call('events.publish', 'order.completed', { order: 7 }, { idempotencyKey: 'order-7' })
  const { type, data, status, webhooks, replayed } = event
  assert.deepEqual([type, data, status, webhooks, replayed], ['order.completed', { order: 7 }, 'pending', 1, false])
  const again = await call('events.publish', 'order.completed', { order: 7.0 }, { idempotencyKey: 'order-7' })
  assert.deepEqual([again.id, again.replayed], [event.id, true])
  const batch = await call('events.publishBatch', {
    events: [0, 1, 2, 3, 4].map((n) => ({ type: `user.n${n}`, data: { n } })),
  })
  assert.deepEqual(
    batch.map((each) => [each.data.n, each.replayed]),
    [0, 1, 2, 3, 4].map((n) => [n, false]),
  )
  const first = await call('events.list', { limit: 2 })
  assert.deepEqual([first.data.length, first.has_more], [2, true])
  const ids = (listed) => listed.map((each) => each.id).sort()
  assert.deepEqual(ids(await all(first)), ids([...batch, event]))
  const filters = {
    type: 'order.completed',
    status: 'pending',
    created_after: new Date(Date.now() - DAY),
    created_before: new Date(Date.now() + DAY),
  }
  assert.deepEqual(ids(await all(call('events.list', filters))), [event.id])
  const got = await call('events.get', event.id)
  assert.ok(got.body.startsWith(`{"id":"${event.id}"`))
  assert.deepEqual([got.deliveries.total, got.test], [1, false])
  const resent = await call('events.resend', event.id, { webhook })
  assert.deepEqual([resent.total, resent.has_more, resent.data[0].event], [1, false, event.id])
  const [delivery] = await all(call('events.deliveries', event.id, { status: 'pending' }))
  assert.equal(delivery.webhook, webhook)
  return event
}

async function deliveries(call, event, webhook) {
  const [delivery] = await all(call('deliveries.list', { event, webhook, status: 'pending' }))
  assert.equal((await call('deliveries.retry', delivery.id)).id, delivery.id)
  assert.deepEqual((await call('deliveries.get', delivery.id)).attempts, [])
  const tested = await call('webhooks.test', webhook, { type: 'order.completed', wait: false })
  assert.deepEqual([tested.test, tested.attempts], [true, []])
  assert.equal((await call('webhooks.deliveries', webhook, { limit: 100 })).data.length, 7)
  assert.deepEqual((await call('alerts.list', { webhook, acknowledged: false })).data, [])
  await assert.rejects(call('alerts.acknowledge', `alrt_${'0'.repeat(32)}`), NotFoundError)
}

async function listenSessions(call) {
  const made = await call('listenSessions.create', { events: ['order.*'], forward_to: 'http://localhost:3000' })
  assert.match(made.url, /\/in\/lst_[\w-]{43}$/)
  assert.match(made.secret, /^whsec_/)
  assert.match(made.socket_url, /^ws:.*\/socket$/)
  const { secret, socket_url, ...shown } = made
  assert.deepEqual(await call('listenSessions.get', made.id), shown)
  assert.deepEqual((await call('listenSessions.list')).data, [shown])
  await call('listenSessions.end', made.id)
  assert.equal((await call('listenSessions.get', made.id)).ended_reason, 'deleted')
}

async function alertChannels(call) {
  const made = await call('alertChannels.create', { url: 'jsons://127.0.0.1/hook', name: 'On call' })
  assert.deepEqual([made.service, made.name, made.status, made.last_sent], ['webhook', 'On call', 'enabled', null])
  const changed = await call('alertChannels.update', made.id, { kinds: ['webhook_disabled'] })
  assert.deepEqual(changed.kinds, ['webhook_disabled'])
  const tested = await call('alertChannels.test', made.id)
  assert.deepEqual([tested.object, tested.channel, tested.status], ['alert_channel_test', made.id, 'failed'])
  assert.equal((await call('alertChannels.get', made.id)).last_error, tested.error)
  assert.deepEqual(
    (await call('alertChannels.list')).data.map((each) => each.id),
    [made.id],
  )
  await call('alertChannels.delete', made.id)
}

async function recoveries(call, webhook) {
  const since = new Date(Date.now() - 3600 * 1000)
  const counted = await call('webhooks.recover', webhook, { since, dry_run: true })
  assert.deepEqual([counted.object, counted.missed.failed], ['recovery_count', 0])
  const begun = await call('webhooks.recover', webhook, { since: since.toISOString() })
  assert.equal(begun.status, 'pending')
  assert.deepEqual(await call('recoveries.get', begun.id), begun)
  assert.deepEqual((await call('recoveries.list', { webhook })).data, [begun])
  assert.equal((await call('recoveries.cancel', begun.id)).status, 'canceled')
}

async function eventTypes(call) {
  const fields = { name: 'invoice.paid', group: 'Billing', example: { a: 1 }, schema: { type: 'object' } }
  const made = await call('eventTypes.create', fields)
  const { name, group, example, schema } = made
  assert.deepEqual({ name, group, example, schema }, fields)
  const changed = await call('eventTypes.update', 'invoice.paid', { description: 'An invoice.', schema: null })
  assert.deepEqual([changed.description, changed.schema, changed.example], ['An invoice.', null, { a: 1 }])
  await call('eventTypes.archive', 'invoice.paid')
  assert.notEqual((await call('eventTypes.get', 'invoice.paid')).archived_at, null)
  assert.deepEqual(
    (await all(call('eventTypes.list', { archived: true }))).map((each) => each.name),
    ['invoice.paid'],
  )
}

async function keysAndLinks(call) {
  const fields = { scopes: ['read'], name: 'reader', expires_at: new Date(Date.now() + DAY), events_per_second: 5 }
  const made = await call('apiKeys.create', fields)
  assert.match(made.key, /^sk_live_/)
  assert.deepEqual([made.name, made.events_per_second, made.requests_per_second], ['reader', 5, null])
  const listed = await all(call('apiKeys.list', { limit: 1 }))
  assert.ok(listed.length > 1 && listed.some((each) => each.id === made.id))
  assert.equal(await call('apiKeys.revoke', made.id), undefined)
  assert.match((await call('portalLinks.create', { expires_in: 60 })).url, /^http/)
}

async function auditLog(call) {
  const entries = await all(call('auditLog.list', { action: 'webhook.*', limit: 2, created_before: new Date() }))
  const changed = entries.find((each) => each.action === 'webhook.disabled')
  assert.equal(changed.summary, `API key ${changed.actor.name} disabled the webhook d`)
  assert.deepEqual(changed.changes.status, { before: 'enabled', after: 'disabled' })
  let text = ''
  const decoder = new TextDecoder()
  for await (const piece of await call('auditLog.export', { target: changed.target.id })) text += decoder.decode(piece)
  const lines = text.trim().split('\n').map((each) => JSON.parse(each))
  assert.ok(lines.some((each) => each.id === changed.id))
  await assert.rejects(call('auditLog.export', { action: 'none' }), { code: 'invalid_parameter', param: 'action' })
}

async function accounts(call) {
  const named = { external_id: 'cus 42/ü€', metadata: { plan: 'gold' } }
  const made = await call('accounts.create', { name: 'Acme', ...named })
  assert.deepEqual(await call('accounts.create', { name: 'Other', ...named }), made)
  assert.deepEqual(await call('accounts.get', 'ext:cus 42/ü€'), made)
  assert.ok((await all(call('accounts.list', { limit: 1 }))).some((each) => each.id === made.id))
  for (const account of [made.id, 'ext:cus 42/ü€']) {
    const event = await call('events.publish', 'a.b', {}, { account })
    assert.equal(event.status, 'unmatched')
    assert.match(event.note, /POST \/v1\/webhooks/)
  }
  const acting = new Flux({ apiKey: PLATFORM_KEY, apiUrl: API_URL }).withAccount(made.id)
  assert.equal((await all(acting.events.list())).length, 2)
  const link = await call('portalLinks.create', { account: 'ext:cus 42/ü€' })
  assert.equal(link.object, 'portal_link')
  const changed = await call('accounts.update', made.id, { name: 'Acme Ltd', external_id: null })
  assert.deepEqual([changed.name, changed.external_id, changed.metadata], ['Acme Ltd', null, { plan: 'gold' }])
  await call('accounts.delete', made.id)
}
