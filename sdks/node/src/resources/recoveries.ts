/** Recoveries: everything that a webhook missed is delivered to it after all. `webhooks.recover` begins one. */

import { pathId } from '../checks.js'
import type { Recovery } from '../models.js'
import type { AccountOptions } from '../options.js'
import type { PageOf } from '../pages.js'
import type { RecoveryQuery } from '../params.js'
import { queryId } from '../query-checks.js'
import { Resource } from './resource.js'

/** Recoveries. */
export class Recoveries extends Resource {
  /** List recoveries, those of one webhook if asked. */
  list(query?: RecoveryQuery, options?: AccountOptions): PageOf<Recovery> {
    return this.listed<Recovery>('recoveries.list', query, options, { webhook: queryId('wh') })
  }

  /** Return how far a recovery has come. */
  async get(id: string, options?: AccountOptions): Promise<Recovery> {
    return this.one<Recovery>('recoveries.get', 'recovery', { path: { id: pathId(id, 'rec') }, options })
  }

  /** Cancel a recovery; what it has recovered stays so. */
  async cancel(id: string, options?: AccountOptions): Promise<Recovery> {
    return this.one<Recovery>('recoveries.cancel', 'recovery', { path: { id: pathId(id, 'rec') }, options })
  }
}
