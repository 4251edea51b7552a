/** The client of the API: one property for each resource. */

import { Connection } from './connection.js'
import { Accounts } from './resources/accounts.js'
import { AlertChannels } from './resources/alert-channels.js'
import { Alerts } from './resources/alerts.js'
import { ApiKeys } from './resources/api-keys.js'
import { AuditLog } from './resources/audit-log.js'
import { Deliveries } from './resources/deliveries.js'
import { EventTypes } from './resources/event-types.js'
import { Events } from './resources/events.js'
import { ListenSessions } from './resources/listen-sessions.js'
import { PortalLinks } from './resources/portal-links.js'
import { Recoveries } from './resources/recoveries.js'
import { Webhooks } from './resources/webhooks.js'
import { checkedAccount, type FluxOptions, readSettings } from './settings.js'
import type { AnyEvents } from './signature.js'

/**
 * A client of the Flux Dispatch API; make one, and share it.
 *
 * `Types` says which event types there are and what their data is, for `events.publish` and `webhooks.verify`:
 * `new Flux<{ 'order.completed': { orderId: string } }>()`.
 *
 * @throws {ConfigurationError} an option cannot be right; a key or URL that is missing is said by the first call
 */
export class Flux<Types extends object = AnyEvents> {
  readonly accounts: Accounts
  readonly alertChannels: AlertChannels
  readonly alerts: Alerts
  readonly apiKeys: ApiKeys
  readonly auditLog: AuditLog
  readonly deliveries: Deliveries
  readonly eventTypes: EventTypes
  readonly events: Events<Types>
  readonly listenSessions: ListenSessions
  readonly portalLinks: PortalLinks
  readonly recoveries: Recoveries
  readonly webhooks: Webhooks<Types>
  readonly #options: FluxOptions

  constructor(options: FluxOptions = {}) {
    const connection = new Connection(readSettings(options))
    this.#options = options
    this.accounts = new Accounts(connection)
    this.alertChannels = new AlertChannels(connection)
    this.alerts = new Alerts(connection)
    this.apiKeys = new ApiKeys(connection)
    this.auditLog = new AuditLog(connection)
    this.deliveries = new Deliveries(connection)
    this.eventTypes = new EventTypes(connection)
    this.events = new Events<Types>(connection)
    this.listenSessions = new ListenSessions(connection)
    this.portalLinks = new PortalLinks(connection)
    this.recoveries = new Recoveries(connection)
    this.webhooks = new Webhooks<Types>(connection)
  }

  /**
   * Return a client that acts for this account, `acct_…` or `ext:…`, with the key of this one.
   *
   * @throws {ConfigurationError} no account can have this name
   */
  withAccount(account: string): Flux<Types> {
    return new Flux<Types>({ ...this.#options, account: checkedAccount(account) })
  }
}
