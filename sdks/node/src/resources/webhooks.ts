/** The webhooks of an account: its endpoints, their secrets, tests, statistics, and what they missed. */

import { eventType, instant, pathId, PERIODS, truth } from '../checks.js'
import { needed, nullable, optional } from '../fields.js'
import type {
  Delivery,
  DeliveryWithAttempts,
  Recovery,
  RecoveryCount,
  Webhook,
  WebhookSecret,
  WebhookStats,
  WebhookWithSecret,
} from '../models.js'
import type { AccountOptions } from '../options.js'
import type { PageOf } from '../pages.js'
import type {
  Paging,
  RecoverBody,
  RotationBody,
  SendTestBody,
  StatsQuery,
  WebhookBody,
  WebhookDeliveryQuery,
  WebhookPatch,
} from '../params.js'
import { choice } from '../query-checks.js'
import { objectOf } from '../responses.js'
import * as signature from '../signature.js'
import type { AnyEvents, RawBody, ReceivedEvent, Secrets, SignatureHeader, VerifyOptions } from '../signature.js'
import { changedTo, CREATED, overlap } from '../webhook-checks.js'
import { OF_A_WEBHOOK } from './deliveries.js'
import { Resource } from './resource.js'

/** Webhooks; `verify` and `verifyAsync` are for those who receive them, and ask nobody. */
export class Webhooks<Types extends object = AnyEvents> extends Resource {
  /**
   * Check the `flux-signature` header against the raw body and return the event.
   *
   * Throws a SignatureError, whose `code` says why, where it proves nothing, and a TypeError for a body that was parsed.
   */
  verify<Received extends object = Types>(
    payload: RawBody,
    header: SignatureHeader,
    secret: Secrets,
    options?: VerifyOptions,
  ): ReceivedEvent<Received> {
    return signature.verify<Received>(payload, header, secret, options)
  }

  /** Do what `verify` does, with Web Crypto, in any runtime. */
  async verifyAsync<Received extends object = Types>(
    payload: RawBody,
    header: SignatureHeader,
    secret: Secrets,
    options?: VerifyOptions,
  ): Promise<ReceivedEvent<Received>> {
    return signature.verifyAsync<Received>(payload, header, secret, options)
  }

  /** Create a webhook; this answer holds its `secret`. */
  async create(fields: WebhookBody, options?: AccountOptions): Promise<WebhookWithSecret> {
    const given = { fields: { given: fields, shape: CREATED }, options }
    return this.one<WebhookWithSecret>('webhooks.create', 'webhook', given)
  }

  /** List webhooks. */
  list(query?: Paging, options?: AccountOptions): PageOf<Webhook> {
    return this.listed<Webhook>('webhooks.list', query, options)
  }

  /** Return a webhook, without its secret. */
  async get(id: string, options?: AccountOptions): Promise<Webhook> {
    return this.one<Webhook>('webhooks.get', 'webhook', { path: pathOf(id), options })
  }

  /** Change what is given; each value takes the place of the whole one before. */
  async update(id: string, fields: WebhookPatch, options?: AccountOptions): Promise<Webhook> {
    const shape = changedTo((fields as WebhookPatch | undefined)?.status)
    return this.one<Webhook>('webhooks.update', 'webhook', {
      path: pathOf(id),
      fields: { given: fields, shape },
      options,
    })
  }

  /** Delete a webhook; what was still to be delivered to it is canceled. */
  async delete(id: string, options?: AccountOptions): Promise<void> {
    return this.nothing('webhooks.delete', { path: pathOf(id), options })
  }

  /** Return the secret that signs, and until when older ones sign beside it. */
  async secret(id: string, options?: AccountOptions): Promise<WebhookSecret> {
    return this.one<WebhookSecret>('webhooks.secret', 'webhook_secret', { path: pathOf(id), options })
  }

  /** Make a new secret; the one before signs beside it for `expires_in` seconds, a day unless given. */
  async rotateSecret(id: string, fields?: RotationBody, options?: AccountOptions): Promise<WebhookSecret> {
    const given = { path: pathOf(id), fields: { given: fields, shape: { expires_in: optional(overlap) } }, options }
    return this.one<WebhookSecret>('webhooks.rotateSecret', 'webhook_secret', given)
  }

  /** Send one POST to a webhook, and return its delivery, with the attempt once there is one. */
  async test(id: string, fields?: SendTestBody, options?: AccountOptions): Promise<DeliveryWithAttempts> {
    const shape = { type: nullable(eventType), wait: optional(truth) }
    const given = { path: pathOf(id), fields: { given: fields, shape }, options }
    return this.one<DeliveryWithAttempts>('webhooks.test', 'delivery', given)
  }

  /**
   * Have all delivered that a webhook missed from `since` on and before `until` (now, unless given).
   *
   * With `dry_run` nothing is changed, and the answer is how much that would be.
   */
  async recover(id: string, fields: RecoverBody & { dry_run: true }, options?: AccountOptions): Promise<RecoveryCount>
  async recover(id: string, fields: RecoverBody & { dry_run?: false }, options?: AccountOptions): Promise<Recovery>
  async recover(id: string, fields: RecoverBody, options?: AccountOptions): Promise<Recovery | RecoveryCount>
  async recover(id: string, fields: RecoverBody, options?: AccountOptions): Promise<Recovery | RecoveryCount> {
    const shape = { since: needed(instant), until: nullable(instant), dry_run: optional(truth) }
    const request = this.requestOf('webhooks.recover', { path: pathOf(id), fields: { given: fields, shape }, options })
    const { json } = await this.send('webhooks.recover', { ...request, isRepeatable: fields.dry_run === true })
    return fields.dry_run ? objectOf<RecoveryCount>(json, 'recovery_count') : objectOf<Recovery>(json, 'recovery')
  }

  /** List the deliveries to a webhook; the filters are those of `deliveries.list`. */
  deliveries(id: string, query?: WebhookDeliveryQuery, options?: AccountOptions): PageOf<Delivery> {
    return this.listed<Delivery>('webhooks.deliveries', query, options, OF_A_WEBHOOK, () => pathOf(id))
  }

  /** Return how the attempts of the last `24h` (unless given), `7d` or `30d` went. */
  async stats(id: string, query?: StatsQuery, options?: AccountOptions): Promise<WebhookStats> {
    const given = { path: pathOf(id), query: { given: query, shape: { period: choice(PERIODS) } }, options }
    return this.one<WebhookStats>('webhooks.stats', 'webhook_stats', given)
  }
}

function pathOf(id: unknown): { id: string } {
  return { id: pathId(id, 'wh') }
}
