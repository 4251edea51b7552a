/** Reads what a caller gave for a body or a query by a table of its fields, in the words in which the API refuses it. */

import { type Check, invalid } from './checks.js'
import { kindOf } from './words.js'

/** One field of a body: how it is checked, whether it may be left out, and whether null empties it. */
export interface Field {
  readonly check: Check
  readonly isNeeded: boolean
  readonly isNullable: boolean
}

export type Shape = Readonly<Record<string, Field>>

/** The parameters of a query: how each is written. */
export type QueryShape = Readonly<Record<string, (value: unknown, param: string) => string>>

export const needed = (check: Check): Field => ({ check, isNeeded: true, isNullable: false })
export const optional = (check: Check): Field => ({ check, isNeeded: false, isNullable: false })
export const nullable = (check: Check): Field => ({ check, isNeeded: false, isNullable: true })

/**
 * Return the fields of a body, checked; what is undefined is left out.
 *
 * @throws {InvalidRequestError} one is missing, unknown, or not what it must be; `param` names it
 * @throws {TypeError} these are no fields at all
 */
export function bodyOf(call: string, given: unknown, shape: Shape): Record<string, unknown> {
  const values = objectOf(call, given)
  const body: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(shape)) {
    const value = values[name]
    if (value !== undefined) body[name] = value === null && field.isNullable ? null : field.check(value, name)
    else if (field.isNeeded) throw invalid(`${name} is missing.`, name, 'missing_field')
  }
  const unknown = Object.keys(values).find((name) => values[name] !== undefined && !Object.hasOwn(shape, name))
  if (unknown !== undefined) throw unknownField(unknown)
  return body
}

/** Return the error for a field that is none of a request. */
export function unknownField(name: string): Error {
  return invalid(`${name.slice(0, 60)} is not a field of this request.`, name.slice(0, 60), 'unknown_field')
}

/**
 * Return the parameters of a query as they are written; what is undefined is left out.
 *
 * @throws {InvalidRequestError} one is unknown, or not what it must be; `param` names it
 * @throws {TypeError} these are no parameters at all
 */
export function queryOf(call: string, given: unknown, shape: QueryShape): Record<string, string> {
  const values = objectOf(call, given)
  const unknown = Object.keys(values).find((name) => values[name] !== undefined && !Object.hasOwn(shape, name))
  if (unknown !== undefined) {
    const [name, listed] = [unknown.slice(0, 60), Object.keys(shape).sort().join(', ')]
    const kind = Object.hasOwn(shape, 'cursor') ? 'list' : 'resource'
    const message = `${name} is not a parameter of this ${kind}. There are: ${listed}.`
    throw invalid(message, name, 'invalid_parameter', 400)
  }
  const query: Record<string, string> = {}
  for (const [name, write] of Object.entries(shape)) {
    if (values[name] !== undefined) query[name] = write(values[name], name)
  }
  return query
}

function objectOf(call: string, given: unknown): Record<string, unknown> {
  if (given === undefined) return {}
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TypeError(`${call} takes its fields as an object, like { name: value }, not ${kindOf(given)}.`)
  }
  return given as Record<string, unknown>
}
