/** The options of a call, which stand behind what the API takes: for whom it is, and which idempotency key it has. */

import { kindOf } from './words.js'

/** What nearly every call takes. */
export interface AccountOptions {
  /** Whom a platform key acts for, `acct_…` or `ext:…`; that of the client unless given. */
  account?: string | undefined
}

/** What publishing an event takes. */
export interface PublishOptions extends AccountOptions {
  /** A name of your own for what happened: however often you publish with it, it is one event. */
  idempotencyKey?: string | undefined
}

/**
 * Return the options of a call, once all of their names are known.
 *
 * @throws {TypeError} one is not: a misspelt idempotency key must not pass for none
 */
export function readOptions(given: unknown, names: readonly string[], call: string): PublishOptions {
  if (given === undefined) return {}
  checkNames(given, names, call)
  return given as PublishOptions
}

/** Throw a TypeError where this is no object of options, or has one that does not exist. */
export function checkNames(given: unknown, names: readonly string[], call: string): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TypeError(`${call} takes its options as an object, not ${kindOf(given)}.`)
  }
  const unknown = Object.keys(given).find((each) => !names.includes(each))
  if (unknown === undefined) return
  const listed = names.length > 0 ? `There are: ${names.join(', ')}.` : 'It has none.'
  throw new TypeError(`${unknown.slice(0, 60)} is not an option of ${call}. ${listed}`)
}
