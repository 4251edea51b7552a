/** The alerts of an account: one for each delivery that was given up. */

import { pathId } from '../checks.js'
import type { Alert } from '../models.js'
import type { AccountOptions } from '../options.js'
import type { PageOf } from '../pages.js'
import type { AlertQuery } from '../params.js'
import { queryId, queryTruth } from '../query-checks.js'
import { Resource } from './resource.js'

const FILTERS = { webhook: queryId('wh'), acknowledged: queryTruth }

/** Alerts. */
export class Alerts extends Resource {
  /** List alerts, of one webhook or by whether somebody has seen them if asked. */
  list(query?: AlertQuery, options?: AccountOptions): PageOf<Alert> {
    return this.listed<Alert>('alerts.list', query, options, FILTERS)
  }

  /** Say that somebody has seen an alert; saying it again changes nothing. */
  async acknowledge(id: string, options?: AccountOptions): Promise<Alert> {
    return this.one<Alert>('alerts.acknowledge', 'alert', { path: { id: pathId(id, 'alrt') }, options })
  }
}
