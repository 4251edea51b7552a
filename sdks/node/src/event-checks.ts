/** Checks and writes what an event says: type, data and idempotency key, in the words in which the API refuses them. */

import { invalid, isStorable, publishableType, wrongType } from './checks.js'
import { InvalidRequestError } from './errors.js'
import { unknownField } from './fields.js'
import { first, kindOf } from './words.js'

const MAX_NESTED = 100
const MAX_BATCH = 1000

/**
 * Return the body that publishes an event.
 *
 * @throws {InvalidRequestError} the type is none, or the data is no object that JSON and the database can hold
 */
export function eventBody(type: unknown, data: unknown): string {
  return JSON.stringify(eventOf(type, data))
}

/**
 * Return the body that publishes these events; one without a key of its own gets a new one.
 *
 * @throws {InvalidRequestError} as for one event, with where it stands in `param`, like `events[17].data`
 */
export function batchBody(events: unknown, newKey: () => string): string {
  if (!Array.isArray(events)) throw wrong('events', 'a list')
  if (events.length === 0 || events.length > MAX_BATCH) throw invalid(`A batch has 1 to ${MAX_BATCH} events.`, 'events')
  const seen = new Map<string, number>()
  const written = events.map((each: unknown, index) => {
    if (!isRecord(each)) throw wrong(`events[${index}]`, 'an object')
    const event = within(`events[${index}]`, () => batchEvent(each as Record<string, unknown>, newKey))
    const before = seen.get(event.idempotency_key)
    if (before !== undefined) {
      const message = `events[${before}] has the same idempotency key. Give each event of a batch its own, or none.`
      throw invalid(message, `events[${index}].idempotency_key`, 'invalid_idempotency_key')
    }
    seen.set(event.idempotency_key, index)
    return event
  })
  return JSON.stringify({ events: written })
}

/** Return an idempotency key, or throw an InvalidRequestError. */
export function idempotencyKey(value: unknown, param = 'Idempotency-Key'): string {
  if (typeof value !== 'string') throw wrong(param, 'text')
  if (!/^[ -~]{1,255}$/.test(value)) {
    const message = 'An idempotency key is 1 to 255 printable ASCII characters.'
    throw invalid(message, param, 'invalid_idempotency_key')
  }
  return value
}

/** Return the example or the schema of an event type, which JSON can hold. */
export function catalogueObject(value: unknown, param: string): object {
  if (!isRecord(value)) throw wrongType(param, 'dictionary')
  checkJson(value, param, 0)
  return value
}

interface BatchEvent {
  type: string
  data: object
  idempotency_key: string
}

function batchEvent(values: Record<string, unknown>, newKey: () => string): BatchEvent {
  for (const name of ['type', 'data']) {
    if (values[name] === undefined) throw invalid(`${name} is missing.`, name, 'missing_field')
  }
  for (const name of Object.keys(values)) {
    if (!['type', 'data', 'idempotency_key'].includes(name)) throw unknownField(name)
  }
  const key = values['idempotency_key']
  const checked = key === undefined ? newKey() : idempotencyKey(key, 'idempotency_key')
  return { ...eventOf(values['type'], values['data']), idempotency_key: checked }
}

function eventOf(type: unknown, data: unknown): { type: string; data: object } {
  if (typeof type !== 'string') throw wrong('type', 'text')
  if (!isRecord(data)) throw wrong('data', 'an object')
  checkJson(data, 'data', 0)
  return { type: publishableType(type, 'type'), data }
}

/** Run a check, and have its error say where the event stands. */
function within<Value>(place: string, check: () => Value): Value {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error
    const param = error.param === null ? place : `${place}.${error.param}`
    throw invalid(error.message, param, error.code, error.status)
  }
}

function wrong(param: string, wanted: string): InvalidRequestError {
  return invalid(`${param} must be ${wanted}.`, param, 'wrong_type', 400)
}

/** Throw for what JSON cannot hold, or would silently hold as something else, and for what cannot be stored. */
function checkJson(given: unknown, place: string, depth: number, name = ''): void {
  if (depth >= MAX_NESTED) throw notJson(`The body is nested more than ${MAX_NESTED} levels deep.`)
  const value = asWritten(given, name)
  if (value === null || typeof value === 'boolean') return
  if (typeof value === 'string') return checkText(value, place)
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return
    throw notJson(`The body is not valid JSON: ${value} is no JSON number.`)
  }
  if (Array.isArray(value)) {
    // not forEach, which passes over what was never set
    for (let index = 0; index < value.length; index += 1) checkJson(value[index], `${place}[${index}]`, depth + 1)
    return
  }
  if (!isRecord(value)) {
    const kind = Number.isNaN(value instanceof Date ? value.getTime() : 0) ? 'no valid Date' : kindOf(value)
    throw notJson(`${place} is ${kind}, which JSON does not have: write it as text or a number.`, place)
  }
  for (const [each, inner] of Object.entries(value)) {
    if (inner === undefined) continue // as JSON.stringify does
    checkText(each, place)
    checkJson(inner, `${place}.${first(60, each)}`, depth + 1, each)
  }
}

/** Return what JSON.stringify writes for a value: a Date is text. Binary data and a Date that is none stay as they are. */
function asWritten(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  if (value instanceof Date && Number.isNaN(value.getTime())) return value
  const { toJSON } = value as { toJSON?: unknown }
  return typeof toJSON === 'function' ? toJSON.call(value, name) : value
}

function checkText(value: string, place: string): void {
  const [root = place] = place.split(/[.[]/, 1)
  if (!isStorable(value)) throw notJson(NOT_STORABLE, root)
}

/** Say whether this is an object with fields, and no Map, Promise or other thing of which JSON would keep nothing. */
function isRecord(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]'
}

function notJson(message: string, param: string | null = null): InvalidRequestError {
  return invalid(message, param, 'invalid_json', 400)
}

const NOT_STORABLE =
  'The data cannot be written as JSON: it holds NaN, Infinity, U+0000 or half a surrogate pair, or is nested too deeply.'
