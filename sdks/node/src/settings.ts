/** What a client is made with: key, URL, timeout and retries, from arguments or the environment; checked at once. */

import { ConfigurationError } from './errors.js'
import { checkNames } from './options.js'
import { DEFAULT_RETRIES } from './retries.js'
import { isPadded, kindOf, PRINTABLE, quoted } from './words.js'

/** Longer than a test of a webhook waits for its attempt. */
export const DEFAULT_TIMEOUT_SECONDS = 30

/** What a client of the API is made with. */
export interface FluxOptions {
  /** `sk_live_…`; the environment's FLUX_API_KEY unless given. Who only verifies needs none. */
  apiKey?: string | undefined
  /** Where the API is, like https://flux.example.com; the environment's FLUX_API_URL unless given. */
  apiUrl?: string | undefined
  /** Whom a platform key acts for, `acct_…` or `ext:…`; each call may name another. */
  account?: string | undefined
  /** Seconds that one try may take; 30 unless given. */
  timeoutSeconds?: number | undefined
  /** How often a request is sent again where that is safe; 2 unless given. */
  maxRetries?: number | undefined
  /** A fetch of your own, for proxies and certificates. */
  fetch?: Fetch | undefined
}

/** What this package needs of `fetch`. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>

export interface FetchInit {
  method: string
  headers: Record<string, string>
  body: string | null
  redirect: 'manual'
  /** An AbortSignal; the types of this package need no library that knows it. */
  signal: any
}

export interface FetchResponse {
  readonly ok: boolean
  readonly status: number
  readonly type: string
  readonly headers: { get(name: string): string | null }
  arrayBuffer(): Promise<ArrayBuffer>
  /** Where it is missing, an answer is read as a whole. */
  readonly body?: { getReader(): BodyReader } | null
}

/** Reads a body piece by piece. */
export interface BodyReader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>
  cancel(): Promise<void>
}

/** The settings of a client, checked; what is missing is said when the API is first called. */
export interface Settings {
  readonly apiKey: string | undefined
  readonly apiUrl: string | undefined
  readonly account: string | undefined
  readonly timeoutSeconds: number
  readonly maxRetries: number
  readonly fetch: Fetch | undefined
}

/**
 * Return the settings; what is undefined comes from the environment, or else is what it is unless told.
 *
 * @throws {ConfigurationError} one of them cannot be right; the message says which, and never holds the key
 */
export function readSettings(given: FluxOptions): Settings {
  checkNames(given, NAMES, 'new Flux()')
  const key = given.apiKey === undefined ? environment('FLUX_API_KEY') : given.apiKey
  const url = given.apiUrl === undefined ? environment('FLUX_API_URL') : given.apiUrl
  return {
    apiKey: key === undefined ? undefined : checkedKey(key),
    apiUrl: url === undefined ? undefined : checkedUrl(url),
    account: given.account === undefined ? undefined : checkedAccount(given.account),
    timeoutSeconds: checkedTimeout(given.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS),
    maxRetries: checkedRetries(given.maxRetries ?? DEFAULT_RETRIES),
    fetch: checkedFetch(given.fetch),
  }
}

/**
 * Return the key and the URL of these settings.
 *
 * @throws {ConfigurationError} one of them was never given
 */
export function neededFor(settings: Settings): { apiKey: string; apiUrl: string } {
  const { apiKey, apiUrl } = settings
  if (apiKey === undefined) {
    throw new ConfigurationError('There is no API key: pass apiKey, or set FLUX_API_KEY. `flux keys create` makes one.')
  }
  if (apiUrl === undefined) {
    const message = 'There is no URL: pass apiUrl, or set FLUX_API_URL, like https://flux.example.com.'
    throw new ConfigurationError(message)
  }
  return { apiKey, apiUrl }
}

/**
 * Return the account that a platform key acts for.
 *
 * @throws {ConfigurationError} no account can have this name
 */
export function checkedAccount(account: unknown): string {
  if (
    typeof account !== 'string' ||
    !/^(?:acct_|ext:)/.test(account) ||
    !PRINTABLE.test(account) ||
    isPadded(account)
  ) {
    const shown = typeof account === 'string' ? quoted(account) : kindOf(account)
    throw new ConfigurationError(`account is acct_… or ext:… with your own id of the customer, not ${shown}.`)
  }
  return account
}

function environment(name: string): string | undefined {
  const process = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process
  try {
    return process?.env?.[name]
  } catch {
    return undefined // Deno, without the permission to read it
  }
}

function checkedKey(key: unknown): string {
  if (typeof key !== 'string') throw new ConfigurationError(`apiKey is text, not ${kindOf(key)}.`)
  if (key === '') throw new ConfigurationError('apiKey is empty. `flux keys create` makes a key.')
  if (!/^[!-~]+$/.test(key)) {
    throw new ConfigurationError(
      'apiKey holds white space, a line break or characters beyond ASCII, which no key has: was a file read with the ' +
        'newline at its end?',
    )
  }
  return key
}

function checkedUrl(url: unknown): string {
  if (typeof url !== 'string') throw new ConfigurationError(`apiUrl is text, not ${kindOf(url)}.`)
  const mend = "give the API's address, like https://flux.example.com."
  if (url === '' || url.includes(' ') || !PRINTABLE.test(url)) {
    throw new ConfigurationError(`apiUrl is empty, or holds white space or a line break: ${mend}`)
  }
  const parts = /^https?:\/\/[^/?#\\]/i.test(url) ? parsedUrl(url) : null
  if (parts === null || parts.port === '0') {
    throw new ConfigurationError(`apiUrl does not begin with https:// or http:// and a host: ${mend}`)
  }
  // a user name or password would take the place of the key
  if (/^[^/]*\/\/[^/]*@/.test(url) || /[?#]/.test(url)) {
    throw new ConfigurationError(`apiUrl has a user name, a query or a fragment, which it may not have: ${mend}`)
  }
  return url.replace(/\/+$/, '').replace(/\/v1$/, '')
}

function parsedUrl(url: string): URL | null {
  try {
    return new URL(url)
  } catch {
    return null
  }
}

function checkedTimeout(seconds: unknown): number {
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds < Infinity)) {
    throw new ConfigurationError('timeoutSeconds is a number of seconds, larger than 0.')
  }
  return seconds
}

function checkedRetries(retries: unknown): number {
  if (!Number.isInteger(retries) || (retries as number) < 0) {
    throw new ConfigurationError('maxRetries is a whole number, 0 or more.')
  }
  return retries as number
}

function checkedFetch(given: unknown): Fetch | undefined {
  if (given !== undefined && typeof given !== 'function') {
    throw new ConfigurationError(`fetch is a function like the one of the platform, not ${kindOf(given)}.`)
  }
  return given as Fetch | undefined
}

const NAMES = ['apiKey', 'apiUrl', 'account', 'timeoutSeconds', 'maxRetries', 'fetch']
