/** Listen sessions: temporary public URLs, for whoever receives on their own machine. `flux listen` makes them. */

import { pathId, patterns, text, textOf } from '../checks.js'
import { nullable, optional } from '../fields.js'
import type { ListenSession, NewListenSession } from '../models.js'
import type { AccountOptions } from '../options.js'
import type { PageOf } from '../pages.js'
import type { ListenBody, Paging } from '../params.js'
import { Resource } from './resource.js'

const SHAPE = { events: optional(patterns), forward_to: nullable(textOf(1, 500)), secret: nullable(text) }

/** Listen sessions. */
export class ListenSessions extends Resource {
  /** Make a temporary public URL with a temporary webhook; this answer holds its `secret` and `socket_url`. */
  async create(fields?: ListenBody, options?: AccountOptions): Promise<NewListenSession> {
    const given = { fields: { given: fields, shape: SHAPE }, options }
    return this.one<NewListenSession>('listenSessions.create', 'listen_session', given)
  }

  /** List sessions that have not ended. */
  list(query?: Paging, options?: AccountOptions): PageOf<ListenSession> {
    return this.listed<ListenSession>('listenSessions.list', query, options)
  }

  /** Return a session, for a day after its end, too. */
  async get(id: string, options?: AccountOptions): Promise<ListenSession> {
    return this.one<ListenSession>('listenSessions.get', 'listen_session', { path: { id: pathId(id, 'lsn') }, options })
  }

  /** End a session, its URL and its webhook; the command that was connected stops. */
  async end(id: string, options?: AccountOptions): Promise<void> {
    return this.nothing('listenSessions.end', { path: { id: pathId(id, 'lsn') }, options })
  }
}
