// The compiler knows what each call takes and returns, and what an event's data is.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { complaintsOf } from './support/compiler.js'

const PROGRAM = `
import { Flux, SignatureError, verify, verifyAsync } from '@flux/node'
import type { Delivery, Page, PublishedEvent, ReceivedEvent, Recovery, RecoveryCount, WebhookWithSecret } from '@flux/node'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_ extends true>() => undefined

interface Order { orderId: string; amount: number }
interface Events { 'order.completed': Order; 'user.signup': { userId: string } }

export async function calls(flux: Flux) {
  const webhook = await flux.webhooks.create({ url: 'https://example.com', events: ['*'] as const })
  is<Same<typeof webhook, WebhookWithSecret>>()
  is<Same<typeof webhook.secret, string>>()
  const recovery = await flux.webhooks.recover(webhook.id, { since: new Date() })
  is<Same<typeof recovery, Recovery>>()
  const count = await flux.webhooks.recover(webhook.id, { since: '2026-01-15', dry_run: true })
  is<Same<typeof count, RecoveryCount>>()
  const event = await flux.events.publish('a.b', { any: 'thing' })
  is<Same<typeof event, PublishedEvent>>()
  const page = await flux.deliveries.list({ limit: 7 })
  is<Same<typeof page, Page<Delivery>>>()
  const next = await page.nextPage()
  is<Same<typeof next, Page<Delivery> | null>>()
  for await (const delivery of flux.deliveries.list()) is<Same<typeof delivery, Delivery>>()
  const ends = await flux.webhooks.delete(webhook.id)
  is<Same<typeof ends, void>>()
  await flux.accounts.update('ext:a', { external_id: null })
  is<Same<ReturnType<typeof flux.withAccount>, Flux>>()
}

export function received(flux: Flux<Events>, body: Uint8Array, headers: Record<string, string | string[] | undefined>) {
  const event = flux.webhooks.verify(body, headers['flux-signature'], 'whsec_')
  is<Same<typeof event.type, keyof Events>>()
  switch (event.type) {
    case 'order.completed':
      is<Same<typeof event.data, Order>>()
      break
    case 'user.signup':
      is<Same<typeof event.data.userId, string>>()
      break
    // @ts-expect-error there is no such type
    case 'order.canceled':
  }
}

export async function untyped(flux: Flux, headers: { get(name: string): string | null }, secret: string | undefined) {
  const event = await flux.webhooks.verifyAsync('{}', headers.get('flux-signature'), [secret ?? ''])
  is<Same<typeof event.type, string>>()
  const id: string = event.data.orderId
  const one = verify<{ 'a.b': Order }>('{}', null, secret)
  is<Same<typeof one, ReceivedEvent<{ 'a.b': Order }>>>()
  is<Same<typeof one.data, Order>>()
  is<Same<Awaited<ReturnType<typeof verifyAsync<Events>>>, ReceivedEvent<Events>>>()
  const { code } = new SignatureError('no_match', id)
  // @ts-expect-error there is no such code
  code === 'wrong'
}

export async function published(flux: Flux<Events>) {
  await flux.events.publish('user.signup', { userId: 'usr_1' }, { idempotencyKey: 'usr_1-signup' })
  await flux.events.publishBatch({ events: [{ type: 'user.signup', data: { userId: 'usr_1' }, idempotency_key: 'k' }] })
  // @ts-expect-error data of another type
  await flux.events.publish('user.signup', { orderId: 'ord_1' })
  // @ts-expect-error no such type
  await flux.events.publish('user.gone', {})
  // @ts-expect-error data of another type
  await flux.events.publishBatch({ events: [{ type: 'user.signup', data: { orderId: 'ord_1' } }] })
}

export async function wrong(flux: Flux) {
  // @ts-expect-error a URL is text
  await flux.webhooks.create({ url: 7, events: ['*'] })
  // @ts-expect-error events are missing
  await flux.webhooks.create({ url: 'https://example.com' })
  // @ts-expect-error no such field
  await flux.webhooks.create({ url: 'https://example.com', event: ['*'], events: ['*'] })
  // @ts-expect-error no such option
  await flux.events.publish('a.b', {}, { idempotency_key: 'k' })
  // @ts-expect-error no such state
  await flux.deliveries.list({ status: 'done' })
  const webhook = await flux.webhooks.get('wh_1')
  // @ts-expect-error its secret is not in this answer
  webhook.secret
  // @ts-expect-error there is no such resource
  flux.webhook
  // @ts-expect-error seconds are a number
  new Flux({ timeoutSeconds: '7' })
}
`

for (const [name, options] of [
  ['program.ts', {}],
  ['program.cts', {}],
  ['program.ts', { module: 'ESNext', moduleResolution: 'bundler', exactOptionalPropertyTypes: true }],
]) {
  test(`${name} compiles with nothing but the language: ${JSON.stringify(options)}`, () => {
    assert.equal(complaintsOf(PROGRAM, { name, options }), '')
  })
}

test('the fetch of the platform is a fetch', () => {
  const program =
    "import { Flux } from '@flux/node'\nnew Flux({ fetch })\nnew Flux({ fetch: (url, init) => fetch(url, init) })"
  assert.equal(complaintsOf(program, { options: { lib: ['ES2022', 'DOM'] } }), '')
  assert.equal(complaintsOf(program, { options: { types: ['node'] } }), '')
})
