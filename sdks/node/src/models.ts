/** What the API shows of each thing and takes for it, field by field, by the API's own names; times are RFC 3339. */

export type State = 'pending' | 'sending' | 'scheduled' | 'exhausted' | 'delivered' | 'failed' | 'canceled'
export type EventStatus = 'pending' | 'delivered' | 'failed' | 'canceled' | 'unmatched'
export type WebhookStatus = 'enabled' | 'disabled'
export type RecoveryStatus = 'pending' | 'running' | 'completed' | 'canceled'
export type StopReason = 'requested' | 'webhook_disabled' | 'webhook_deleted'
export type Period = '24h' | '7d' | '30d'
export type Scope = 'events:write' | 'webhooks:write' | 'event_types:write' | 'read' | 'audit_log:read' | 'admin'
/** Who does something, as the audit log has them. */
export type ActorKind = 'api_key' | 'platform_key' | 'customer' | 'operator' | 'command' | 'engine' | 'nobody'

/** Why an attempt failed. */
export type ErrorClass =
  | 'http_status'
  | 'timeout'
  | 'connection_refused'
  | 'connection_reset'
  | 'connection_failed'
  | 'dns_error'
  | 'tls_error'
  | 'bad_response'
  | 'blocked_address'
  | 'worker_lost'

/** Any JSON object. */
export type Data = Record<string, unknown>

/** A customer of the platform; `external_id` is what the platform itself calls it. */
export interface Account {
  id: string
  object: 'account'
  name: string
  external_id: string | null
  metadata: Record<string, string>
  created: string
  updated: string
}

/** A customer's endpoint; `headers` is null when they do not open. */
export interface Webhook {
  id: string
  object: 'webhook'
  url: string
  events: string[]
  description: string
  headers: Record<string, string> | null
  metadata: Record<string, string>
  status: WebhookStatus
  disabled_reason: string | null
  /** Whether it is a listen session's; it ends with that. */
  is_listen: boolean
  created: string
  updated: string
}

/** A webhook that was just created, with its secret. */
export interface WebhookWithSecret extends Webhook {
  secret: string
}

/** A secret that still signs beside the newest one, until it expires. */
export interface OlderSecret {
  expires: string
}

/** The secret that signs first, and until when older ones sign beside it. */
export interface WebhookSecret {
  object: 'webhook_secret'
  webhook: string
  secret: string
  older: OlderSecret[]
}

/** What the attempts of a span of time came to; the rate and the latencies are null where there were none. */
export interface Counts {
  attempts: number
  delivered: number
  failed_attempts: number
  final_failures: number
  success_rate: number | null
  latency_p50_ms: number | null
  latency_p95_ms: number | null
}

/** The counts of one bucket of time. */
export interface Bucket extends Counts {
  start: string
}

/** How a webhook's attempts went, in sum and bucket by bucket, the oldest first. */
export interface WebhookStats {
  object: 'webhook_stats'
  webhook: string
  period: Period
  bucket_seconds: number
  totals: Counts
  buckets: Bucket[]
}

/** An event as its publisher sees it; `webhooks` is how many want it. */
export interface PublishedEvent {
  id: string
  object: 'event'
  type: string
  created: string
  data: Data
  status: 'pending' | 'unmatched'
  webhooks: number
  /** That nobody wanted it, and what to do; only then. */
  note?: string
  /** Whether it was published before with this idempotency key; of a batch, whether all of its events were. */
  replayed: boolean
}

/** What has become of the deliveries of an event. */
export interface DeliveryCounts {
  total: number
  pending: number
  delivered: number
  failed: number
  canceled: number
}

/** An event, and what its deliveries come to. */
export interface Event {
  id: string
  object: 'event'
  type: string
  created: string
  data: Data
  status: EventStatus
  test: boolean
  deliveries: DeliveryCounts
  note?: string
}

/** An event by itself, with the text that is signed and sent. */
export interface EventWithBody extends Event {
  body: string
}

/** How many milliseconds went into each part of an attempt; null: it did not take place. */
export interface Phases {
  dns: number | null
  connect: number | null
  tls: number | null
  wait: number | null
  read: number | null
}

/** What came back: some of the headers, and the beginning of the body. */
export interface AttemptResponse {
  headers: Record<string, string>
  excerpt: string
}

/** One POST of a delivery, and how it ended; `advice` says what to do about a failed one. */
export interface Attempt {
  number: number
  started_at: string
  ended_at: string
  duration_ms: number
  phases: Phases
  status: number | null
  error: ErrorClass | null
  error_detail: string | null
  advice: string | null
  response: AttemptResponse | null
}

/** One event owed to one webhook. */
export interface Delivery {
  id: string
  object: 'delivery'
  event: string
  event_type: string
  webhook: string
  url: string
  status: State
  test: boolean
  reason: string | null
  attempts_made: number
  next_attempt_at: string | null
  created: string
  ended: string | null
}

/** A delivery by itself, with every attempt. */
export interface DeliveryWithAttempts extends Delivery {
  attempts: Attempt[]
}

/** The deliveries of an event that was sent again; of more than a hundred, a hundred, and `has_more`. */
export interface ResentDeliveries {
  object: 'list'
  data: Delivery[]
  has_more: boolean
  total: number
}

/** What an event type means, an example, and the schema that its data must meet. */
export interface EventType {
  id: string
  object: 'event_type'
  name: string
  description: string
  group: string | null
  example: Data | null
  schema: Data | null
  default: boolean
  created: string
  updated: string
  archived_at: string | null
}

/** Tells that a delivery was given up, and why; `acknowledged` is when somebody said that they saw it. */
export interface Alert {
  id: string
  object: 'alert'
  reason: 'attempts_exhausted' | 'gone'
  webhook: string
  url: string
  event: string
  event_type: string
  delivery: string
  last_status: number | null
  last_error: ErrorClass | null
  created: string
  acknowledged: string | null
}

export type AlertKind = 'delivery_failed' | 'webhook_failing' | 'webhook_disabled' | 'webhook_recovered'

/** Where people are told of failures; `target` is what may be shown of its URL. */
export interface AlertChannel {
  id: string
  object: 'alert_channel'
  name: string
  service: string
  target: string
  kinds: AlertKind[]
  status: 'enabled' | 'disabled'
  disabled_reason: string | null
  last_sent: string | null
  last_failed: string | null
  last_error: string | null
  failing_since: string | null
  created: string
  updated: string
}

/** What came of a test; `error` says why it failed. */
export interface AlertChannelTest {
  object: 'alert_channel_test'
  channel: string
  status: 'sent' | 'failed'
  error: string | null
}

/** How many deliveries a webhook missed, by why. */
export interface Missed {
  failed: number
  canceled: number
  never_attempted: number
  total: number
}

/** A recovery: how far it has come (`position`), and what it has recovered. */
export interface Recovery {
  id: string
  object: 'recovery'
  webhook: string
  since: string
  until: string
  status: RecoveryStatus
  reason: StopReason | null
  position: string
  recovered: Missed
  created: string
  updated: string
  ended: string | null
}

/** What a recovery would find: the answer to a dry run. */
export interface RecoveryCount {
  object: 'recovery_count'
  webhook: string
  since: string
  until: string
  missed: Missed
}

/** A temporary public URL and its temporary webhook. */
export interface ListenSession {
  id: string
  object: 'listen_session'
  url: string
  events: string[]
  forward_to: string | null
  webhook: string
  status: 'connected' | 'disconnected' | 'ended'
  created: string
  last_seen: string
  ended: string | null
  ended_reason: 'deleted' | 'unseen' | 'key_revoked' | 'account_deleted' | null
}

/** A session that was just made, this once with what the command needs. */
export interface NewListenSession extends ListenSession {
  secret: string
  socket_url: string
}

/** An API key, without the key itself; `account` is null for a platform key. */
export interface ApiKey {
  id: string
  object: 'api_key'
  name: string
  account: string | null
  scopes: Scope[]
  prefix: string
  last4: string
  events_per_second: number | null
  requests_per_second: number | null
  created: string
  expires_at: string | null
  last_used_at: string | null
}

/** A key that was just created, this once with the key itself. */
export interface ApiKeyWithKey extends ApiKey {
  key: string
}

/** A link that signs a customer in to their own settings, once; `url` is shown this once. */
export interface PortalLink {
  id: string
  object: 'portal_link'
  url: string
  expires_at: string
}

/** Who did something; null where that is not known, or not told. */
export interface AuditActor {
  kind: ActorKind
  name: string | null
  api_key: string | null
  session: string | null
}

/** What something was done to, and what it was called then; `id` is null for several. */
export interface AuditTarget {
  kind: string
  id: string | null
  name: string | null
}

/**
 * One line of the audit log: `summary` is it as a sentence, `changes` has `before` and `after` of each field, and
 * `account` is null in the log of the platform.
 */
export interface AuditEntry {
  id: string
  object: 'audit_entry'
  created: string
  account: string | null
  action: string
  summary: string
  actor: AuditActor
  target: AuditTarget | null
  changes: Record<string, unknown>
  request_id: string | null
  address: string | null
  user_agent: string | null
}
