/**
 * Checks what a caller gives before a request leaves, in the words in which the API would refuse it.
 *
 * What depends on the server's settings (which URLs a webhook may have, how large a body may be) is left to the
 * server. A test sends each of these mistakes to a real API and compares code, param and message.
 */

import { InvalidRequestError, NotFoundError } from './errors.js'
import { first, isPadded, lengthOf, PRINTABLE, quoted } from './words.js'

/** Returns a value as it travels, or throws an error that names the field. */
export type Check = (value: unknown, param: string) => unknown

export const STATES = ['pending', 'sending', 'scheduled', 'exhausted', 'delivered', 'failed', 'canceled'] as const
export const EVENT_STATUSES = ['pending', 'delivered', 'failed', 'canceled', 'unmatched'] as const
export const PERIODS = ['24h', '7d', '30d'] as const
export const SCOPES = ['events:write', 'webhooks:write', 'event_types:write', 'read', 'audit_log:read', 'admin'] as const
export const OUTCOMES = [
  ...(['http_status', 'timeout', 'connection_refused', 'connection_reset', 'connection_failed'] as const),
  ...(['dns_error', 'tls_error', 'bad_response', 'blocked_address', 'worker_lost'] as const),
] as const
const MOST_PATTERNS = 100
const MOST_METADATA = 50
const MOST_IN_A_KEY = 40
const MOST_IN_A_VALUE = 500
const MOST_IN_A_TYPE = 128
const OWN_EVENTS = 'flux.'
const MOST_IN_A_URL = 2048
const MOST_IN_AN_EXTERNAL_ID = 255

/** Return the error for a value that cannot be used. */
export function invalid(
  message: string,
  param: string | null,
  code = 'invalid_value',
  status = 422,
): InvalidRequestError {
  return new InvalidRequestError(message, { code, status, param })
}

/** Return the error for a field of another type. */
export function wrongType(param: string, name: string): InvalidRequestError {
  return invalid(`${param} has the wrong type: Input should be a valid ${name}.`, param, 'wrong_type', 400)
}

export function text(value: unknown, param: string): string {
  if (typeof value !== 'string') throw wrongType(param, 'string')
  return value
}

export function truth(value: unknown, param: string): boolean {
  if (typeof value !== 'boolean') throw wrongType(param, 'boolean')
  return value
}

export function whole(value: unknown, param: string): number {
  if (!Number.isInteger(value)) throw wrongType(param, 'integer')
  return value as number
}

/** Take a whole number within bounds. */
export function wholeOf(least: number, most: number): Check {
  return (value, param) => {
    const given = whole(value, param)
    if (given < least || given > most) throw invalid(`${param} is a number from ${least} to ${most}.`, param)
    return given
  }
}

/** Take a text of so many characters that can be stored. */
export function textOf(least: number, most: number): Check {
  return (value, param) => {
    const given = text(value, param)
    const length = lengthOf(given)
    if (length < least || length > most || !isStorable(given)) {
      throw invalid(`${param} is text of ${least} to ${most} characters.`, param)
    }
    return given
  }
}

export function texts(value: unknown, param: string): string[] {
  if (!Array.isArray(value)) throw wrongType(param, 'list')
  return value.map((each, index) => text(each, `${param}[${index}]`))
}

/** Return the entries of an object whose values are texts. */
export function textMap(value: unknown, param: string): [string, string][] {
  if (Object.prototype.toString.call(value) !== '[object Object]') throw wrongType(param, 'dictionary')
  const entries = Object.entries(value as object).filter(([, each]) => each !== undefined)
  return entries.map(([name, each]) => [name, text(each, `${param}.${first(60, name)}`)])
}

/** Return what a caller wants kept beside a thing. */
export function metadata(value: unknown): Record<string, string> {
  const entries = textMap(value, 'metadata')
  if (entries.length > MOST_METADATA) throw invalid(`metadata has at most ${MOST_METADATA} keys.`, 'metadata')
  for (const [key, each] of entries) {
    const length = lengthOf(key)
    if (length === 0 || length > MOST_IN_A_KEY || !isStorable(key)) {
      throw invalid(`A key of metadata is text of 1 to ${MOST_IN_A_KEY} characters.`, 'metadata')
    }
    textOf(0, MOST_IN_A_VALUE)(each, `metadata.${key}`)
  }
  return Object.fromEntries(entries)
}

/** Return the URL of a webhook; which ones it may have, the server knows. */
export function url(value: unknown): string {
  const given = text(value, 'url')
  const length = lengthOf(given)
  if (length === 0 || length > MOST_IN_A_URL) {
    const message = `A URL has 1 to ${MOST_IN_A_URL} characters; this one has ${length}.`
    throw invalid(message, 'url', 'invalid_url')
  }
  return given
}

/** Return what a platform calls an account. */
export function externalId(value: unknown): string {
  const given = text(value, 'external_id')
  const length = lengthOf(given)
  if (length === 0 || length > MOST_IN_AN_EXTERNAL_ID || !PRINTABLE.test(given) || isPadded(given)) {
    throw invalid(
      `external_id is 1 to ${MOST_IN_AN_EXTERNAL_ID} printable characters, without a space at its ends.`,
      'external_id',
    )
  }
  return given
}

export function eventType(value: unknown, param: string): string {
  const given = text(value, param)
  if (given.length > MOST_IN_A_TYPE || !TYPE.test(given)) {
    throw invalid(
      'An event type is words of a-z, A-Z, 0-9, _ and - joined by dots, like order.completed, of at most ' +
        `${MOST_IN_A_TYPE} characters.`,
      param,
      'invalid_event_type',
    )
  }
  return given
}

/** Return an event type that others than Flux Dispatch itself may publish and describe. */
export function publishableType(value: unknown, param: string): string {
  const given = eventType(value, param)
  if (given.startsWith(OWN_EVENTS)) {
    throw invalid(
      `Types that begin with ${OWN_EVENTS} are of what Flux Dispatch tells itself: give yours another name.`,
      param,
      'invalid_event_type',
    )
  }
  return given
}

/** Return the event types that a webhook wants. */
export function patterns(value: unknown): string[] {
  const given = texts(value, 'events')
  if (given.length === 0 || given.length > MOST_PATTERNS) {
    throw invalid(`Name 1 to ${MOST_PATTERNS} event types, or * for all.`, 'events')
  }
  for (const [index, each] of given.entries()) {
    if (each.length <= MOST_IN_A_TYPE && PATTERN.test(each)) continue
    const message = `${quoted(first(60, each))} is not an event type: write order.completed, order.* or *.`
    throw invalid(message, `events[${index}]`, 'invalid_event_type')
  }
  return given
}

/** Return the scopes of an API key. */
export function scopes(value: unknown): string[] {
  const given = texts(value, 'scopes')
  const known: readonly string[] = SCOPES
  if (given.length === 0) throw invalid(`Name at least one scope of ${known.join(', ')}.`, 'scopes')
  for (const [index, each] of given.entries()) {
    if (known.includes(each)) continue
    const message = `${quoted(first(60, each))} is not a scope. There are: ${known.join(', ')}.`
    throw invalid(message, `scopes[${index}]`)
  }
  return given
}

/** Return a time of a body as it travels: a Date, or a text of RFC 3339. */
export function instant(value: unknown, param: string): string {
  if (!(value instanceof Date)) text(value, param)
  return written(value, invalid(LIKE_A_TIME, param))
}

/** Take the id of another thing, as a body names it. */
export function bodyId(prefix: string): Check {
  return (value, param) => id(text(value, param), prefix, invalid(notAnId(value, prefix), param))
}

/** Return the id of what is asked for; throws a NotFoundError for one that cannot be one, as the API does. */
export function pathId(value: unknown, prefix: string): string {
  return id(value, prefix, new NotFoundError(notAnId(value, prefix), { code: 'not_found', status: 404 }))
}

/** Return how an account is named: acct_… or ext:…. Throws a NotFoundError for what cannot name one. */
export function pathAccount(value: unknown): string {
  if (typeof value === 'string' && /^(?:acct_|ext:)/.test(value) && PRINTABLE.test(value)) return value
  throw new NotFoundError(`There is no account ${String(value)}.`, { code: 'not_found', status: 404 })
}

/** Return the name of an event type; throws a NotFoundError for what cannot be one, as the API does. */
export function pathEventType(value: unknown): string {
  const given = String(value)
  if (given.length <= MOST_IN_A_TYPE && TYPE.test(given)) return given
  const message = `There is no event type ${quoted(first(128, given))}.`
  throw new NotFoundError(message, { code: 'not_found', status: 404 })
}

/** Say whether the API can keep this text: no U+0000, and no half of a surrogate pair. */
export function isStorable(given: string): boolean {
  return !/\0|\p{Surrogate}/u.test(given)
}

export function written(value: unknown, refusal: InvalidRequestError): string {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refusal
    return value.toISOString()
  }
  if (typeof value !== 'string' || !beginsWithADay(value)) throw refusal
  return value
}

export function id(value: unknown, prefix: string, refusal: InvalidRequestError | NotFoundError): string {
  if (typeof value !== 'string' || !value.startsWith(`${prefix}_`)) throw refusal
  if (!/^[0-9a-f]{32}$/.test(value.slice(prefix.length + 1))) throw refusal
  return value
}

export function notAnId(value: unknown, prefix: string): string {
  return `${quoted(first(60, String(value)))} is not an id: it should look like ${prefix}_ followed by 32 hex digits.`
}

function beginsWithADay(value: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)/.exec(value) ?? []
  if (year === undefined) return false
  const at = new Date(`${year}-${month}-${day}T00:00:00Z`)
  // there is no 30th of February, which would be taken for the first of March
  return !Number.isNaN(at.getTime()) && at.getUTCDate() === Number(day)
}

export const LIKE_A_TIME = 'Give a time like 2026-01-15T10:30:00Z.'
const TYPE = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/
const PATTERN = /^(?:\*|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?:\.\*)?)$/
