/** What every resource does: check what was given, send an operation, and read the answer or a page of answers. */

import type { Connection, Request } from '../connection.js'
import { bodyOf, queryOf, type QueryShape, type Shape } from '../fields.js'
import type { OperationName } from '../operations.js'
import { readOptions } from '../options.js'
import { fetchPage, PageOf } from '../pages.js'
import { PAGING } from '../query-checks.js'
import { type Answer, objectOf } from '../responses.js'

/** What a call is made of, before it is checked. */
export interface Given {
  path?: Record<string, string>
  fields?: { given: unknown; shape: Shape }
  query?: { given: unknown; shape: QueryShape }
  options?: unknown
}

/** One resource of the API, over a connection. */
export class Resource {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Send an operation as it was checked, and return the answer. */
  protected send(name: OperationName, request: Request): Promise<Answer> {
    return this.#connection.send(name, request)
  }

  /** Check what was given, and return what is to be sent. */
  protected requestOf(name: OperationName, given: Given): Request {
    const request: Request = {
      ...(given.path === undefined ? {} : { path: given.path }),
      ...(given.fields === undefined ? {} : { body: bodyOf(name, given.fields.given, given.fields.shape) }),
      ...(given.query === undefined ? {} : { query: queryOf(name, given.query.given, given.query.shape) }),
    }
    const known = name.startsWith('accounts.') ? [] : ['account']
    return { ...request, account: readOptions(given.options, known, name).account }
  }

  /** Return the object of this name that an operation answers. */
  protected async one<Model>(name: OperationName, object: string, given: Given): Promise<Model> {
    return objectOf<Model>((await this.send(name, this.requestOf(name, given))).json, object)
  }

  protected async nothing(name: OperationName, given: Given): Promise<void> {
    await this.send(name, this.requestOf(name, given))
  }

  /** Return the pieces of what an operation answers. */
  protected async streamed(name: OperationName, given: Given): Promise<AsyncIterable<Uint8Array>> {
    return this.#connection.stream(name, this.requestOf(name, given))
  }

  /** Return what an operation lists; its query takes these parameters beside those of every list. */
  protected listed<Item>(
    name: OperationName,
    query: unknown,
    options: unknown,
    shape: QueryShape = {},
    path: () => Record<string, string> = () => ({}),
  ): PageOf<Item> {
    return new PageOf<Item>(async () => {
      const given = { query: { given: query, shape: { ...shape, ...PAGING } }, path: path(), options }
      const request = this.requestOf(name, given)
      const { cursor, ...rest } = request.query ?? {}
      return fetchPage<Item>((after) => this.send(name, { ...request, query: { ...rest, cursor: after } }), cursor)
    })
  }
}
