/** The catalogue of an account: what its event types mean, and what their data must be. */

import { pathEventType, publishableType, textOf } from '../checks.js'
import { catalogueObject } from '../event-checks.js'
import { needed, nullable, optional } from '../fields.js'
import type { EventType } from '../models.js'
import type { AccountOptions } from '../options.js'
import type { PageOf } from '../pages.js'
import type { EventTypeBody, EventTypeChanges, EventTypeQuery } from '../params.js'
import { queryTruth } from '../query-checks.js'
import { Resource } from './resource.js'

const GROUP = textOf(1, 64)
const CHANGED = {
  description: optional(textOf(0, 500)),
  // an empty one is none
  group: nullable((value, param) => (value === '' ? '' : GROUP(value, param))),
  example: nullable(catalogueObject),
  schema: nullable(catalogueObject),
}
const CREATED = { name: needed(publishableType), ...CHANGED }

/** Event types, by their names. */
export class EventTypes extends Resource {
  /** Put an event type into the catalogue; with a `schema`, data that does not meet it is refused. */
  async create(fields: EventTypeBody, options?: AccountOptions): Promise<EventType> {
    return this.one<EventType>('eventTypes.create', 'event_type', {
      fields: { given: fields, shape: CREATED },
      options,
    })
  }

  /** List the catalogue; what is archived too, unless asked. */
  list(query?: EventTypeQuery, options?: AccountOptions): PageOf<EventType> {
    return this.listed<EventType>('eventTypes.list', query, options, { archived: queryTruth })
  }

  /** Return an event type. */
  async get(name: string, options?: AccountOptions): Promise<EventType> {
    return this.one<EventType>('eventTypes.get', 'event_type', { path: { name: pathEventType(name) }, options })
  }

  /** Change what is given; null takes `group`, `example` or `schema` away. */
  async update(name: string, fields: EventTypeChanges, options?: AccountOptions): Promise<EventType> {
    const given = { path: { name: pathEventType(name) }, fields: { given: fields, shape: CHANGED }, options }
    return this.one<EventType>('eventTypes.update', 'event_type', given)
  }

  /** Archive an event type: it stays readable, and its data is no longer checked. */
  async archive(name: string, options?: AccountOptions): Promise<void> {
    return this.nothing('eventTypes.archive', { path: { name: pathEventType(name) }, options })
  }
}
