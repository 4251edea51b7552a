/** The audit log of an account, or of the platform: who did what, and from where. */

import type { AuditEntry } from '../models.js'
import type { AccountOptions } from '../options.js'
import type { PageOf } from '../pages.js'
import type { AuditLogExportQuery, AuditLogQuery } from '../params.js'
import { choice, queryInstant, queryText } from '../query-checks.js'
import { Resource } from './resource.js'

const FILTERS = {
  action: queryText,
  actor: queryText,
  target: queryText,
  created_after: queryInstant,
  created_before: queryInstant,
}
const FORMATS = ['csv', 'jsonl'] as const

/** The audit log; a key needs the scope `audit_log:read` for it. */
export class AuditLog extends Resource {
  /** List entries; a platform key that acts for no account sees the platform's own log. */
  list(query?: AuditLogQuery, options?: AccountOptions): PageOf<AuditEntry> {
    return this.listed<AuditEntry>('auditLog.list', query, options, FILTERS)
  }

  /** Return the pieces of an export, of any length: write each to a file, in this order. */
  async export(query?: AuditLogExportQuery, options?: AccountOptions): Promise<AsyncIterable<Uint8Array>> {
    const shape = { format: choice(FORMATS), ...FILTERS }
    return this.streamed('auditLog.export', { query: { given: query, shape }, options })
  }
}
