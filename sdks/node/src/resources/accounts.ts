/** The accounts of a platform: its customers. These calls take a platform key. */

import { externalId, metadata, pathAccount, textOf } from '../checks.js'
import { bodyOf, needed, nullable, optional } from '../fields.js'
import type { Account } from '../models.js'
import type { PageOf } from '../pages.js'
import type { AccountBody, AccountChanges, Paging } from '../params.js'
import { objectOf } from '../responses.js'
import { Resource } from './resource.js'

const NAME = textOf(1, 200)
const CREATED = { name: needed(NAME), external_id: nullable(externalId), metadata: optional(metadata) }
const CHANGED = { ...CREATED, name: optional(NAME) }

/** Accounts; an id is acct_…, or ext: and the platform's own id. */
export class Accounts extends Resource {
  /** Create an account, or return the one that has this `external_id` already, as it is. */
  async create(fields: AccountBody): Promise<Account> {
    const body = bodyOf('accounts.create', fields, CREATED)
    const isRepeatable = typeof body['external_id'] === 'string'
    return objectOf<Account>((await this.send('accounts.create', { body, isRepeatable })).json, 'account')
  }

  /** List accounts. */
  list(query?: Paging): PageOf<Account> {
    return this.listed<Account>('accounts.list', query, undefined)
  }

  /** Return an account. */
  async get(id: string): Promise<Account> {
    return this.one<Account>('accounts.get', 'account', { path: { id: pathAccount(id) } })
  }

  /** Change what is given; `metadata` takes the place of all that was there, an `external_id` of null takes it away. */
  async update(id: string, fields: AccountChanges): Promise<Account> {
    const given = { path: { id: pathAccount(id) }, fields: { given: fields, shape: CHANGED } }
    return this.one<Account>('accounts.update', 'account', given)
  }

  /** Delete an account: its keys and webhooks end now, its rows are erased in the background. */
  async delete(id: string): Promise<void> {
    return this.nothing('accounts.delete', { path: { id: pathAccount(id) } })
  }
}
