/** The connection to the API: sends one operation, again where that is safe, and returns what came of it. */

import { didNotArrive } from './causes.js'
import { pathAccount } from './checks.js'
import { clock } from './clock.js'
import { FluxError } from './errors.js'
import { OPERATIONS, type OperationName } from './operations.js'
import { type Answer, connectionError, cutOff, readResponse, retryAfterOf, timedOut } from './responses.js'
import { backoffSeconds, isWorthRepeating } from './retries.js'
import { type FetchResponse, neededFor, type Settings } from './settings.js'
import { VERSION } from './version.js'

/** What an operation is sent with. */
export interface Request {
  /** The values of what stands in braces in its path. */
  path?: Record<string, string>
  /** Its parameters; what is undefined is left out. */
  query?: Record<string, string | undefined>
  /** An object, or its JSON as text. */
  body?: object | string
  /** The account to act for; that of the client unless given. */
  account?: string | undefined
  /** Makes publishing twice one event. */
  idempotencyKey?: string
  /** Whether this very request comes to the same when it is sent twice, where that depends on it. */
  isRepeatable?: boolean
}

/** A try without a good answer: the error that it is, and whether to try again. */
interface Unanswered {
  error: FluxError
  isWorthAnother: boolean
}

interface Message {
  url: string
  method: string
  headers: Record<string, string>
  body: string | null
}

/** Longer than this no timer runs. */
const LONGEST_MILLISECONDS = 2 ** 31 - 1

/** Sends operations with the key of its settings, which nothing that is printed shows. */
export class Connection {
  readonly #settings: Settings

  constructor(settings: Settings) {
    this.#settings = settings
  }

  /** Return the answer to an operation, or throw one of our errors. */
  async send(name: OperationName, request: Request = {}): Promise<Answer> {
    return this.#try(name, request, async (response) => readResponse(response, await response.arrayBuffer()))
  }

  /** Return the pieces of an answer that may be of any length, when it has begun. */
  async stream(name: OperationName, request: Request = {}): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.#try(name, request, async (begun) => {
      if (!begun.ok) readResponse(begun, await begun.arrayBuffer())
      return begun
    })
    return piecesOf(response, this.#settings.timeoutSeconds)
  }

  async #try<Whatever extends object>(
    name: OperationName,
    request: Request,
    read: (response: FetchResponse) => Promise<Whatever>,
  ): Promise<Whatever> {
    const isRepeatable = request.isRepeatable ?? OPERATIONS[name].isRepeatable
    const message = this.#message(name, request)
    for (let retriesMade = 0; ; retriesMade += 1) {
      const answered = await this.#sendOnce(message, isRepeatable, read)
      if (!isUnanswered(answered)) return answered
      const wait = backoffSeconds(retriesMade, retryAfterOf(answered.error))
      if (!answered.isWorthAnother || retriesMade >= this.#settings.maxRetries || wait === null) throw answered.error
      await clock.wait(wait)
    }
  }

  async #sendOnce<Whatever extends object>(
    message: Message,
    isRepeatable: boolean,
    read: (response: FetchResponse) => Promise<Whatever>,
  ): Promise<Whatever | Unanswered> {
    const { timeoutSeconds, fetch = globalThis.fetch } = this.#settings
    const { url, ...rest } = message
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(), Math.min(timeoutSeconds * 1000, LONGEST_MILLISECONDS))
    let response: FetchResponse | undefined
    try {
      response = await fetch(url, { ...rest, redirect: 'manual', signal: abort.signal })
      return await read(response)
    } catch (error) {
      if (error instanceof FluxError && response !== undefined) {
        return { error, isWorthAnother: isWorthRepeating(response.status, isRepeatable) }
      }
      if (abort.signal.aborted) return { error: timedOut(timeoutSeconds), isWorthAnother: isRepeatable }
      if (response !== undefined) return { error: cutOff(error, response), isWorthAnother: isRepeatable }
      return { error: connectionError(error), isWorthAnother: isRepeatable || didNotArrive(error) }
    } finally {
      clearTimeout(timer)
    }
  }

  #message(name: OperationName, request: Request): Message {
    const { apiKey, apiUrl } = neededFor(this.#settings)
    const { method, path } = OPERATIONS[name]
    const values = request.path ?? {}
    const place = path.replace(/\{(\w+)\}/g, (_, part: string) => encodeURIComponent(values[part] ?? ''))
    const query = new URLSearchParams()
    for (const [each, value] of Object.entries(request.query ?? {})) if (value !== undefined) query.set(each, value)
    const { body } = request
    return {
      url: apiUrl + place + (String(query) === '' ? '' : `?${query}`),
      method,
      headers: this.#headers(apiKey, name, request),
      body: body === undefined || typeof body === 'string' ? (body ?? null) : JSON.stringify(body),
    }
  }

  #headers(apiKey: string, name: OperationName, request: Request): Record<string, string> {
    // these are about accounts themselves, and act for none
    const named = request.account === undefined ? this.#settings.account : request.account
    const account = name.startsWith('accounts.') ? undefined : named
    return {
      Authorization: `Bearer ${apiKey}`,
      Accept: 'application/json',
      'User-Agent': `flux-node/${VERSION}`,
      ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(account === undefined ? {} : { 'Flux-Account': inBytes(pathAccount(account)) }),
      ...(request.idempotencyKey === undefined ? {} : { 'Idempotency-Key': request.idempotencyKey }),
    }
  }
}

function isUnanswered(answered: object): answered is Unanswered {
  return 'error' in answered && 'isWorthAnother' in answered
}

/** Yield what a body holds, piece by piece; each may take as long as a try may. */
async function* piecesOf(response: FetchResponse, timeoutSeconds: number): AsyncGenerator<Uint8Array> {
  if (response.body === undefined || response.body === null) {
    yield new Uint8Array(await response.arrayBuffer())
    return
  }
  const reader = response.body.getReader()
  let timer: ReturnType<typeof setTimeout> | undefined
  let isLate = false
  try {
    for (;;) {
      timer = setTimeout(() => {
        isLate = true
        void reader.cancel()
      }, Math.min(timeoutSeconds * 1000, LONGEST_MILLISECONDS))
      const { done, value } = await reader.read()
      clearTimeout(timer)
      if (isLate) throw timedOut(timeoutSeconds)
      if (done) return
      if (value !== undefined) yield value
    }
  } catch (error) {
    throw error instanceof FluxError ? error : cutOff(error, response)
  } finally {
    clearTimeout(timer)
    await reader.cancel().catch(() => undefined)
  }
}

/** Return a text whose characters are the bytes of this one: fetch sends each character of a header as one byte. */
function inBytes(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text))
}
