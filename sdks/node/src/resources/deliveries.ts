/** The deliveries of an account: each is one event owed to one webhook. */

import { OUTCOMES, pathId, STATES } from '../checks.js'
import type { Delivery, DeliveryWithAttempts } from '../models.js'
import type { AccountOptions } from '../options.js'
import type { PageOf } from '../pages.js'
import type { DeliveryQuery } from '../params.js'
import { choice, queryId, queryInstant } from '../query-checks.js'
import { Resource } from './resource.js'

/** What narrows the deliveries of one webhook. */
export const OF_A_WEBHOOK = {
  status: choice(STATES),
  outcome: choice(OUTCOMES),
  created_after: queryInstant,
  created_before: queryInstant,
}
const FILTERS = { ...OF_A_WEBHOOK, webhook: queryId('wh'), event: queryId('evt') }

/** Deliveries. */
export class Deliveries extends Resource {
  /** List deliveries; `outcome` is the error class of the last attempt, the times are those of their events. */
  list(query?: DeliveryQuery, options?: AccountOptions): PageOf<Delivery> {
    return this.listed<Delivery>('deliveries.list', query, options, FILTERS)
  }

  /** Return a delivery with every attempt. */
  async get(id: string, options?: AccountOptions): Promise<DeliveryWithAttempts> {
    return this.one<DeliveryWithAttempts>('deliveries.get', 'delivery', { path: { id: pathId(id, 'dlv') }, options })
  }

  /** Have a delivery attempted at once, and return it as it stands then. */
  async retry(id: string, options?: AccountOptions): Promise<Delivery> {
    return this.one<Delivery>('deliveries.retry', 'delivery', { path: { id: pathId(id, 'dlv') }, options })
  }
}
