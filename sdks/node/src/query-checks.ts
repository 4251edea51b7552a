/** Checks the parameters of a query, and writes them as a query has them, in the words in which the API refuses them. */

import { eventType, id, invalid, LIKE_A_TIME, notAnId, written } from './checks.js'
import type { InvalidRequestError } from './errors.js'
import type { QueryShape } from './fields.js'
import { first, quoted } from './words.js'

const MOST_LISTED = 100

type Write = (value: unknown, param: string) => string

/** The parameters that every list takes. */
export const PAGING: QueryShape = { limit, cursor }

/** Take one of the names that a parameter may have. */
export function choice(known: readonly string[]): Write {
  return (value, param) => {
    const given = String(value)
    if (!known.includes(given)) throw refused(`${quoted(first(60, given))} is none of ${known.join(', ')}.`, param)
    return given
  }
}

/** Take the id that narrows a list. */
export function queryId(prefix: string): Write {
  return (value, param) => id(value, prefix, refused(notAnId(value, prefix), param))
}

/** Take a text; which ones there are, the server knows. */
export function queryText(value: unknown, param: string): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
  throw refused(`${param} is text.`, param)
}

export function queryTruth(value: unknown, param: string): string {
  if (typeof value !== 'boolean') throw refused('Give true or false.', param)
  return String(value)
}

export function queryInstant(value: unknown, param: string): string {
  return written(value, refused(LIKE_A_TIME, param))
}

export function queryEventType(value: unknown, param: string): string {
  try {
    return eventType(String(value), param)
  } catch (error) {
    throw refused((error as Error).message, param)
  }
}

function limit(value: unknown, param: string): string {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > MOST_LISTED) {
    throw refused(`limit is a number from 1 to ${MOST_LISTED}.`, param)
  }
  return String(value)
}

function cursor(value: unknown, param: string): string {
  // null, as the last page has it, would be the first page again
  if (typeof value === 'string') return value
  throw refused('This cursor does not belong to this list: use next_cursor of its last page.', param)
}

function refused(message: string, param: string): InvalidRequestError {
  return invalid(message, param, 'invalid_parameter', 400)
}
