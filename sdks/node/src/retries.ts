/** When a request is sent again, and after how long: exponential backoff with full jitter, and what Retry-After asks. */

import { clock } from './clock.js'

export const DEFAULT_RETRIES = 2
const FIRST_BACKOFF_SECONDS = 0.5
const LONGEST_BACKOFF_SECONDS = 8
/** Who asks for more patience gets none: the error is thrown at once, and says when to come again. */
const LONGEST_RETRY_AFTER_SECONDS = 60

const NOT_STORED = new Set([408, 429])
const BY_THE_SERVER = new Set([500, 502, 503, 504])

/**
 * Say whether an answer of this status is asked for again.
 *
 * What was refused with a 408 or a 429 was not stored, so anything may be sent again; with a 5xx it may have been, so
 * only what is one thing twice.
 */
export function isWorthRepeating(status: number, isRepeatable: boolean): boolean {
  return NOT_STORED.has(status) || (isRepeatable && BY_THE_SERVER.has(status))
}

/** Return for how many seconds to wait before the next try; null when the server asks for more than is waited here. */
export function backoffSeconds(retriesMade: number, retryAfter: number | null): number | null {
  if (retryAfter !== null && retryAfter > LONGEST_RETRY_AFTER_SECONDS) return null
  const most = Math.min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** Math.min(retriesMade, 10))
  return (retryAfter ?? 0) + clock.random() * most
}

/** Return what the header Retry-After asks for, which is seconds or a date; null for anything else. */
export function retryAfterSeconds(text: string | null): number | null {
  if (text === null) return null
  if (/^[0-9]+$/.test(text)) return Number(text.slice(0, 9))
  // an HTTP date begins so; Date.parse would make one of "-1", too
  const isDate = /^[A-Z][a-z]{2,8},? /.test(text)
  // one without a zone, as the oldest form of HTTP has it, means GMT (RFC 9110, 5.6.7)
  const at = isDate ? Date.parse(/(GMT|[+-]\d{4})$/.test(text) ? text : `${text} GMT`) : NaN
  return Number.isNaN(at) ? null : Math.max(0, (at - Date.now()) / 1000)
}
