/** One page of a list, and through it all that follow. */

import { APIResponseError } from './errors.js'
import { type Answer, isObject, listOf } from './responses.js'

/** What fetches the page that a cursor names; the first one without. */
export type FetchPage = (cursor: string | undefined) => Promise<Answer>

/**
 * One page of a list, the newest first; to iterate it is to iterate all pages, each fetched when it is reached.
 */
export class Page<Item> implements AsyncIterable<Item> {
  /** What this page lists. */
  readonly data: Item[]
  /** Whether another page follows. */
  readonly has_more: boolean
  /** What names that page to the API; null where this is the last. */
  readonly next_cursor: string | null
  readonly #fetch: FetchPage

  constructor(data: Item[], nextCursor: string | null, fetch: FetchPage) {
    this.data = data
    this.has_more = nextCursor !== null
    this.next_cursor = nextCursor
    this.#fetch = fetch
  }

  /** Return the page after this one; null where this is the last. */
  async nextPage(): Promise<Page<Item> | null> {
    return this.next_cursor === null ? null : fetchPage(this.#fetch, this.next_cursor)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for (let page: Page<Item> | null = this; page !== null; page = await page.nextPage()) yield* page.data
  }
}

/**
 * What lists return: awaited, it is their first page; iterated with `for await`, all that they list.
 *
 * Nothing is sent before one or the other is done.
 */
export class PageOf<Item> implements Promise<Page<Item>>, AsyncIterable<Item> {
  readonly #begin: () => Promise<Page<Item>>
  #page: Promise<Page<Item>> | undefined

  constructor(begin: () => Promise<Page<Item>>) {
    this.#begin = begin
  }

  get [Symbol.toStringTag](): string {
    return 'PageOf'
  }

  then<Result = Page<Item>, Rejected = never>(
    fulfilled?: ((page: Page<Item>) => Result | PromiseLike<Result>) | null,
    rejected?: ((error: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Result | Rejected> {
    return this.#first().then(fulfilled, rejected)
  }

  catch<Rejected = never>(
    rejected?: ((error: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Page<Item> | Rejected> {
    return this.#first().catch(rejected)
  }

  finally(done?: (() => void) | null): Promise<Page<Item>> {
    return this.#first().finally(done)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    yield* await this.#first()
  }

  #first(): Promise<Page<Item>> {
    this.#page ??= this.#begin()
    return this.#page
  }
}

/**
 * Return the page that is answered to this cursor.
 *
 * @throws {APIResponseError} it is none, or the next one would be this one again
 */
export async function fetchPage<Item>(fetch: FetchPage, cursor: string | undefined): Promise<Page<Item>> {
  const { json } = await fetch(cursor)
  const data = listOf<Item>(json)
  const { has_more: hasMore, next_cursor: following } = isObject(json) ? json : {}
  if (typeof hasMore !== 'boolean' || (hasMore && (typeof following !== 'string' || following === cursor))) {
    const message = "The API's list does not say how it goes on: has_more and next_cursor do not fit."
    throw new APIResponseError(message)
  }
  return new Page(data, hasMore ? (following as string) : null, fetch)
}
