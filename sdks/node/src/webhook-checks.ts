/** Checks what a webhook shall be, in the words in which the API would refuse it. */

import { type Check, invalid, metadata, patterns, text, textMap, textOf, url, whole } from './checks.js'
import { needed, optional } from './fields.js'
import { first, quoted } from './words.js'

const MOST_HEADERS = 20
const LONGEST_OVERLAP_SECONDS = 604_800

/** The fields of a webhook that is created. */
export const CREATED = {
  url: needed(url),
  events: needed(patterns),
  description: optional(textOf(0, 500)),
  headers: optional(headers),
  metadata: optional(metadata),
}

/** The fields of a webhook that is changed to this status. */
export function changedTo(newStatus: unknown) {
  return {
    ...CREATED,
    url: optional(url),
    events: optional(patterns),
    status: optional(status),
    disabled_reason: optional(reasonFor(newStatus)),
  }
}

/** Return for how many seconds the old secret goes on signing. */
export function overlap(value: unknown, param: string): number {
  const seconds = whole(value, param)
  if (seconds < 0 || seconds > LONGEST_OVERLAP_SECONDS) {
    throw invalid(
      'expires_in is the seconds for which the old secret goes on signing, ' +
        `from 0 to ${LONGEST_OVERLAP_SECONDS} (seven days).`,
      param,
    )
  }
  return seconds
}

/** Return the headers that each POST shall carry; which names are taken, the server knows. */
function headers(value: unknown): Record<string, string> {
  const entries = textMap(value, 'headers')
  if (entries.length > MOST_HEADERS) throw invalid(`At most ${MOST_HEADERS} headers.`, 'headers')
  return Object.fromEntries(entries)
}

function status(value: unknown, param: string): string {
  const given = text(value, param)
  if (given !== 'enabled' && given !== 'disabled') {
    throw invalid(`${quoted(first(60, given))} is not a status: give enabled or disabled.`, param)
  }
  return given
}

function reasonFor(newStatus: unknown): Check {
  return (value, param) => {
    text(value, param)
    if (newStatus !== 'disabled') {
      throw invalid('A reason for disabling needs the status disabled beside it.', param)
    }
    return textOf(1, 200)(value, param)
  }
}
