/** What the methods take, field by field, by the API's own names; what is undefined is left out. */

import type { AlertKind, Data, ErrorClass, EventStatus, Period, Scope, State } from './models.js'
import type { AnyEvents } from './signature.js'

/** A time: a Date, or a text of RFC 3339. */
export type Instant = Date | string

/** What every list takes. */
export interface Paging {
  /** How many a page lists, 1 to 100; 25 unless given. */
  limit?: number | undefined
  /** `next_cursor` of the page before. */
  cursor?: string | undefined
}

export interface AccountBody {
  name: string
  /** What the platform itself calls this customer; the account that has it already is returned as it is. */
  external_id?: string | null | undefined
  metadata?: Record<string, string> | undefined
}

export interface AccountChanges {
  name?: string | undefined
  /** null takes it away. */
  external_id?: string | null | undefined
  /** It takes the place of all that was there. */
  metadata?: Record<string, string> | undefined
}

export interface AlertChannelBody {
  /** An Apprise URL, or one that Slack, Discord or Teams give out. */
  url: string
  name?: string | undefined
  /** All of them unless given. */
  kinds?: AlertKind[] | undefined
}

export interface AlertChannelPatch extends Partial<AlertChannelBody> {
  status?: 'enabled' | 'disabled' | undefined
}

export interface AlertQuery extends Paging {
  webhook?: string | undefined
  /** Whether somebody has seen them. */
  acknowledged?: boolean | undefined
}

/** What narrows the audit log. */
export interface AuditLogExportQuery {
  /** As lines of JSON unless given. */
  format?: 'csv' | 'jsonl' | undefined
  /** Like `webhook.updated`, or `webhook.*` for all that is done to webhooks. */
  action?: string | undefined
  /** A key (`key_…`), a session of the dashboard (`dsess_…`), or a kind like `operator`. */
  actor?: string | undefined
  /** The id of what it was done to, or the name of an event type. */
  target?: string | undefined
  created_after?: Instant | undefined
  created_before?: Instant | undefined
}

export interface AuditLogQuery extends Omit<AuditLogExportQuery, 'format'>, Paging {}

export interface ApiKeyBody {
  scopes: Scope[]
  name?: string | undefined
  expires_at?: Instant | null | undefined
  events_per_second?: number | null | undefined
  requests_per_second?: number | null | undefined
}

export interface WebhookDeliveryQuery extends Paging {
  status?: State | undefined
  /** The error class of the last attempt. */
  outcome?: ErrorClass | undefined
  /** When the event was published, like `created_before`. */
  created_after?: Instant | undefined
  created_before?: Instant | undefined
}

export interface DeliveryQuery extends WebhookDeliveryQuery {
  webhook?: string | undefined
  event?: string | undefined
}

export interface EventDeliveryQuery extends Paging {
  status?: State | undefined
}

export interface EventTypeChanges {
  description?: string | undefined
  /** null takes it away, as it does `example` and `schema`. */
  group?: string | null | undefined
  example?: Data | null | undefined
  /** A JSON Schema (2020-12) that the data of this type must meet. */
  schema?: Data | null | undefined
}

export interface EventTypeBody extends EventTypeChanges {
  name: string
}

export interface EventTypeQuery extends Paging {
  /** Those that are archived, or those that are not; both unless given. */
  archived?: boolean | undefined
}

export interface EventQuery extends Paging {
  type?: string | undefined
  status?: EventStatus | undefined
  /** Those that this webhook has a delivery of. */
  webhook?: string | undefined
  created_after?: Instant | undefined
  created_before?: Instant | undefined
}

/** One event of a batch. */
export type BatchEvent<Types extends object = AnyEvents> = {
  [Type in keyof Types & string]: { type: Type; data: Types[Type]; idempotency_key?: string | undefined }
}[keyof Types & string]

export interface BatchBody<Types extends object = AnyEvents> {
  /** 1 to 1000. */
  events: readonly BatchEvent<Types>[]
}

export interface ResendBody {
  /** Only to this one; to those that want it now unless given. */
  webhook?: string | null | undefined
}

export interface PortalLinkBody {
  account?: string | null | undefined
  /** Seconds, 60 to 86,400; 900 unless given. */
  expires_in?: number | undefined
}

export interface RecoveryQuery extends Paging {
  webhook?: string | undefined
}

export interface WebhookBody {
  /** Where its events are POSTed to. */
  url: string
  /** The types that it wants: exact ones, `order.*` for all below `order`, or `*`. */
  events: readonly string[]
  /** Up to 500 characters. */
  description?: string | undefined
  /** Sent with every POST, up to 20. */
  headers?: Record<string, string> | undefined
  /** Texts of your own, up to 50. */
  metadata?: Record<string, string> | undefined
}

/** Each value takes the place of the whole one before. */
export interface WebhookPatch extends Partial<WebhookBody> {
  status?: 'enabled' | 'disabled' | undefined
  /** Why it is disabled, with the status `disabled`. */
  disabled_reason?: string | undefined
}

export interface RotationBody {
  /** For how many seconds the secret before signs beside the new one; a day unless given, 0 ends all older ones now. */
  expires_in?: number | undefined
}

export interface SendTestBody {
  type?: string | null | undefined
  /** False returns at once; else the attempt is waited for, some seconds longer than it may take. */
  wait?: boolean | undefined
}

export interface ListenBody {
  /** The types that it wants, as a webhook does; everything unless given. */
  events?: readonly string[] | undefined
  /** Where the command forwards to, for people to see. */
  forward_to?: string | null | undefined
  /** What shall sign its events, `whsec_` and 24 bytes in base64; a new one unless given. */
  secret?: string | null | undefined
}

export interface RecoverBody {
  since: Instant
  /** Before this; now unless given. */
  until?: Instant | null | undefined
  /** Change nothing, and return how much that would be. */
  dry_run?: boolean | undefined
}

export interface StatsQuery {
  /** 24h unless given. */
  period?: Period | undefined
}
