/** The API keys of an account; or of the platform, with a platform key and no account. */

import { instant, pathId, scopes, textOf, wholeOf } from '../checks.js'
import { needed, nullable, optional } from '../fields.js'
import type { ApiKey, ApiKeyWithKey } from '../models.js'
import type { AccountOptions } from '../options.js'
import type { PageOf } from '../pages.js'
import type { ApiKeyBody, Paging } from '../params.js'
import { Resource } from './resource.js'

const PER_SECOND = wholeOf(1, 1_000_000)
const SHAPE = {
  scopes: needed(scopes),
  name: optional(textOf(0, 100)),
  expires_at: nullable(instant),
  events_per_second: nullable(PER_SECOND),
  requests_per_second: nullable(PER_SECOND),
}

/** API keys; all of these take the scope `admin`. */
export class ApiKeys extends Resource {
  /** Create a key; this answer is the only one that holds it (`key`). */
  async create(fields: ApiKeyBody, options?: AccountOptions): Promise<ApiKeyWithKey> {
    return this.one<ApiKeyWithKey>('apiKeys.create', 'api_key', { fields: { given: fields, shape: SHAPE }, options })
  }

  /** List the keys that were not revoked, without the keys themselves. */
  list(query?: Paging, options?: AccountOptions): PageOf<ApiKey> {
    return this.listed<ApiKey>('apiKeys.list', query, options)
  }

  /** Revoke a key: it stops working within five seconds. */
  async revoke(id: string, options?: AccountOptions): Promise<void> {
    return this.nothing('apiKeys.revoke', { path: { id: pathId(id, 'key') }, options })
  }
}
