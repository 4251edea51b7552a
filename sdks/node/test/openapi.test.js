// The SDK is held to the OpenAPI document: the same operations, and the same fields of the same types, both ways.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Flux } from '@flux/node'

import { OPERATIONS } from '../dist/cjs/operations.js'
import { complaintsOf } from './support/compiler.js'
import { API_URL, LIVE } from './support/live.js'

// what the SDK reads from a header
const OWN = { PublishedEvent: '; replayed: boolean' }
// their events are of any type here, and of the caller's own elsewhere
const GENERIC = new Set(['events.publish', 'events.publishBatch'])

test('the operations are the same, and each is a method', LIVE, async () => {
  const described = Object.entries(operationsOf(await document())).map(([name, { method, path }]) => [
    name,
    `${method} ${path}`,
  ])
  const known = Object.entries(OPERATIONS).map(([name, { method, path }]) => [name, `${method} ${path}`])
  assert.deepEqual(Object.fromEntries(known), Object.fromEntries(described))
  const methods = Object.entries(new Flux()).flatMap(([resource, each]) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(each)).map((verb) => `${resource}.${verb}`),
  )
  const beside = ['webhooks.verify', 'webhooks.verifyAsync']
  const wanted = [...Object.keys(OPERATIONS), ...beside].sort()
  assert.deepEqual(methods.filter((each) => !each.endsWith('.constructor')).sort(), wanted)
})

test('what is answered and what is taken have the described types', LIVE, async () => {
  assert.equal(complaintsOf(programOf(await document()), { options: { exactOptionalPropertyTypes: false } }), '')
})

async function document() {
  return (await fetch(`${API_URL}/openapi.json`)).json()
}

function operationsOf({ paths }) {
  const found = {}
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      found[camel(operation.operationId)] = { method: method.toUpperCase(), path, operation }
    }
  }
  return found
}

/** Return a program that compiles if each method takes and returns what the document says. */
function programOf(described) {
  const { schemas } = described.components
  const types = Object.entries(schemas).map(([name, schema]) => `type ${name} = ${typeOf(schema, OWN[name])}`)
  const checks = Object.entries(operationsOf(described)).flatMap(([name, { operation }]) => checksOf(name, operation))
  return `
import type { Flux, PageOf } from '@flux/node'
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Plain<T> = T extends Date ? string
  : T extends readonly (infer Item)[] ? Plain<Item>[]
  : T extends object ? { [Name in keyof T]: Plain<T[Name]> } : T
type Method<R extends keyof Flux, V> = V extends keyof Flux[R] ? Flux[R][V] extends (...given: infer G) => infer A ? [G, A] : never : never
type Answer<R extends keyof Flux, V> = Method<R, V>[1] extends PageOf<infer Item> ? Item : Awaited<Method<R, V>[1]>
type Given<R extends keyof Flux, V, At extends number> = Exclude<Method<R, V>[0][At], undefined>
const is = <_ extends true>() => undefined
declare namespace Api {
${types.join('\n')}
}
${checks.join('\n')}
`
}

function checksOf(name, { responses, parameters, requestBody }) {
  const [resource, verb] = name.split('.')
  const ids = `'${resource}', '${verb}'`
  const answers = Object.entries(responses).filter(([status, each]) => status.startsWith('2') && each.content)
  const isFile = answers.some(([, each]) => !each.content['application/json'])
  const answered = isFile ? [] : answers.map(([, each]) => itemOf(each.content['application/json'].schema, name))
  const checks = isFile ? [] : [`is<Same<Plain<Answer<${ids}>>, Plain<${[...new Set(answered)].join(' | ') || 'void'}>>>()`]
  const at = parameters.filter((each) => each.in === 'path').length
  const query = parameters.filter((each) => each.in === 'query')
  const fields = query.map((each) => `${each.name}?: ${typeOf(each.schema)}`)
  if (requestBody && !GENERIC.has(name)) {
    checks.push(
      `is<Same<Plain<Given<${ids}, ${at}>>, Plain<${within(typeOf(requestBody.content['application/json'].schema))}>>>()`,
    )
  }
  if (query.length > 0) checks.push(`is<Same<Plain<Given<${ids}, ${at}>>, Plain<{ ${fields.join('; ')} }>>>()`)
  return checks
}

/** Return the type of what a method returns: of a page, what it lists; of a batch, its list. */
function itemOf(schema, name) {
  if (name === 'events.publishBatch') return 'Api.PublishedEvent[]'
  return within(typeOf(schema.properties?.next_cursor ? schema.properties.data.items : schema))
}

function within(type) {
  return /^\w+$/.test(type) && !['string', 'number', 'boolean', 'void'].includes(type) ? `Api.${type}` : type
}

function typeOf(schema, more = '') {
  if (schema.$ref) return schema.$ref.split('/').at(-1)
  if ('const' in schema) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(' | ')
  if (schema.anyOf) return schema.anyOf.map((each) => typeOf(each)).join(' | ')
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type })).join(' | ')
  if (schema.type === 'array') return `(${typeOf(schema.items)})[]`
  if (schema.type !== 'object') return schema.type === 'integer' ? 'number' : schema.type
  if (!schema.properties) {
    const values = schema.additionalProperties
    return `Record<string, ${typeof values === 'object' && values.type ? typeOf(values) : 'unknown'}>`
  }
  const needed = schema.required ?? []
  const fields = Object.entries(schema.properties).map(
    ([name, each]) => `${name}${needed.includes(name) ? '' : '?'}: ${typeOf(each)}`,
  )
  return `{ ${fields.join('; ')}${more} }`
}

function camel(name) {
  return name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())
}
