/** The events of an account: published once, whatever happens to the answer. */

import { bodyId, EVENT_STATUSES, pathId, STATES } from '../checks.js'
import { APIResponseError } from '../errors.js'
import { batchBody, eventBody, idempotencyKey } from '../event-checks.js'
import { bodyOf, needed, nullable } from '../fields.js'
import type { Delivery, Event, EventWithBody, PublishedEvent, ResentDeliveries } from '../models.js'
import { type AccountOptions, type PublishOptions, readOptions } from '../options.js'
import type { PageOf } from '../pages.js'
import type { BatchBody, EventDeliveryQuery, EventQuery, ResendBody } from '../params.js'
import { choice, queryEventType, queryId, queryInstant } from '../query-checks.js'
import { listOf, objectOf } from '../responses.js'
import type { AnyEvents } from '../signature.js'
import { Resource } from './resource.js'

const FILTERS = {
  type: queryEventType,
  status: choice(EVENT_STATUSES),
  webhook: queryId('wh'),
  created_after: queryInstant,
  created_before: queryInstant,
}

/** Events. */
export class Events<Types extends object = AnyEvents> extends Resource {
  /**
   * Publish an event; it is stored when this resolves.
   *
   * Without an `idempotencyKey` each call makes one, which covers the tries of that call.
   */
  async publish<Type extends keyof Types & string>(
    type: Type,
    data: Types[Type],
    options?: PublishOptions,
  ): Promise<PublishedEvent> {
    const { account, idempotencyKey: key } = readOptions(options, ['account', 'idempotencyKey'], 'events.publish')
    const body = eventBody(type, data)
    const checked = key === undefined ? newKey() : idempotencyKey(key)
    const answer = await this.send('events.publish', { body, idempotencyKey: checked, account })
    return { ...objectOf<PublishedEvent>(answer.json, 'event'), replayed: answer.isReplayed }
  }

  /** Publish 1 to 1000 events, all or none; each may have an `idempotency_key` of its own, which is made otherwise. */
  async publishBatch(fields: BatchBody<Types>, options?: AccountOptions): Promise<PublishedEvent[]> {
    const { account } = readOptions(options, ['account'], 'events.publishBatch')
    const { events } = bodyOf('events.publishBatch', fields, { events: needed((each) => each) })
    const body = batchBody(events, newKey)
    const answer = await this.send('events.publishBatch', { body, account })
    const listed = listOf<PublishedEvent>(answer.json)
    const asked = fields.events.length
    if (listed.length !== asked) {
      throw new APIResponseError(`The API's answer to ${asked} events lists ${listed.length}.`)
    }
    return listed.map((each) => ({ ...objectOf<PublishedEvent>(each, 'event'), replayed: answer.isReplayed }))
  }

  /** List events; `webhook` narrows them to those that it has a delivery of. */
  list(query?: EventQuery, options?: AccountOptions): PageOf<Event> {
    return this.listed<Event>('events.list', query, options, FILTERS)
  }

  /** Return an event, with the `body` that is signed and sent. */
  async get(id: string, options?: AccountOptions): Promise<EventWithBody> {
    return this.one<EventWithBody>('events.get', 'event', { path: { id: pathId(id, 'evt') }, options })
  }

  /** List the deliveries of an event. */
  deliveries(id: string, query?: EventDeliveryQuery, options?: AccountOptions): PageOf<Delivery> {
    const path = () => ({ id: pathId(id, 'evt') })
    return this.listed<Delivery>('events.deliveries', query, options, { status: choice(STATES) }, path)
  }

  /** Send an event again, to those that want it now or to one webhook, and return the deliveries. */
  async resend(id: string, fields?: ResendBody, options?: AccountOptions): Promise<ResentDeliveries> {
    const shape = { webhook: nullable(bodyId('wh')) }
    const given = { path: { id: pathId(id, 'evt') }, fields: { given: fields, shape }, options }
    return this.one<ResentDeliveries>('events.resend', 'list', given)
  }
}

function newKey(): string {
  return crypto.randomUUID().replaceAll('-', '')
}
