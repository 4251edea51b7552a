/** Checks what an alert channel shall be, in the words in which the API would refuse it. */

import { invalid, text, textOf, texts } from './checks.js'
import { needed, optional } from './fields.js'
import { first, quoted } from './words.js'

export const ALERT_KINDS = ['delivery_failed', 'webhook_failing', 'webhook_disabled', 'webhook_recovered'] as const

/** The fields of a channel that is created; which URLs there are, the server knows. */
export const CREATED = { url: needed(text), name: optional(textOf(0, 100)), kinds: optional(kinds) }

/** The fields of a channel that is changed. */
export const CHANGED = { ...CREATED, url: optional(text), status: optional(status) }

function kinds(value: unknown, param: string): string[] {
  const given = texts(value, param)
  const names = ALERT_KINDS.join(', ')
  if (given.length === 0) throw invalid(`Name at least one kind of alert: ${names}.`, param)
  for (const [index, each] of given.entries()) {
    if (!(ALERT_KINDS as readonly string[]).includes(each)) {
      throw invalid(`${quoted(first(60, each))} is no kind of alert: they are ${names}.`, `${param}[${index}]`)
    }
  }
  return given
}

function status(value: unknown, param: string): string {
  const given = text(value, param)
  if (given !== 'enabled' && given !== 'disabled') {
    throw invalid(`${quoted(first(60, given))} is not a status: give enabled or disabled.`, param)
  }
  return given
}
