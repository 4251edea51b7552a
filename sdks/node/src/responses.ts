/** Turns an HTTP response into the JSON that it holds, or into the error that it is. */

import { isNotHttp, wordsOf } from './causes.js'
import {
  type APIError,
  APIConnectionError,
  APIResponseError,
  APITimeoutError,
  AuthenticationError,
  FluxError,
  IdempotencyError,
  InvalidRequestError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  type Refusal,
  ServerError,
} from './errors.js'
import { retryAfterSeconds } from './retries.js'
import type { FetchResponse } from './settings.js'

/** A good answer: its JSON (undefined for a 204), and whether it only repeated an earlier one. */
export interface Answer {
  json: unknown
  isReplayed: boolean
}

export type JsonObject = Record<string, unknown>

/**
 * Return what a response says.
 *
 * @throws {APIError} it is an error of the API's
 * @throws {APIResponseError} it is not the API's at all
 */
export function readResponse(response: FetchResponse, body: ArrayBuffer): Answer {
  if (!response.ok) throw refusalOf(response, body)
  if (response.status === 204) return { json: undefined, isReplayed: false }
  const json = parsed(body)
  if (json === undefined) throw strange(response, "is not the API's JSON")
  return { json, isReplayed: response.headers.get('Idempotent-Replayed') === 'true' }
}

/**
 * Return an answer as the object that it must be.
 *
 * @throws {APIResponseError} it is none of this name
 */
export function objectOf<Model>(json: unknown, name: string): Model {
  if (!isObject(json) || json['object'] !== name) {
    throw new APIResponseError(`The API's answer is no ${name}: is this a Flux Dispatch of this age?`)
  }
  return json as Model
}

/**
 * Return what stands in the `data` of a list.
 *
 * @throws {APIResponseError} it is no list
 */
export function listOf<Item>(json: unknown): Item[] {
  if (!isObject(json) || !Array.isArray(json['data'])) {
    throw new APIResponseError("The API's answer is not a list as this release knows it.")
  }
  return json['data'] as Item[]
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Return for how many seconds the server asks to wait. */
export function retryAfterOf(error: FluxError): number | null {
  const mayAsk = error instanceof RateLimitError || error instanceof ServerError || error instanceof APIResponseError
  return mayAsk ? error.retryAfterSeconds : null
}

/** Return our error for what came instead of an answer; it tells no header, since the key is in one. */
export function connectionError(cause: unknown): FluxError {
  const words = wordsOf(cause)
  const error = isNotHttp(cause)
    ? new APIResponseError(`What answers is not HTTP: ${words}. Check apiUrl, and the proxies before it.`)
    : new APIConnectionError(`No answer came from the API: ${words}. Check apiUrl, and that it can be reached.`)
  error.cause = cause
  return error
}

/** Return our error for an answer that began, and did not come to a good end. */
export function cutOff(cause: unknown, response: FetchResponse): FluxError {
  const message = `The answer was cut off or is damaged: ${wordsOf(cause)}. The request may have been carried out.`
  const error = new APIResponseError(message, response.status, response.headers.get('X-Request-Id'))
  error.cause = cause
  return error
}

/** Return the error for an answer that did not come in time. */
export function timedOut(seconds: number): APITimeoutError {
  return new APITimeoutError(`No whole answer came within ${seconds} seconds. The request may have been carried out.`)
}

function refusalOf(response: FetchResponse, body: ArrayBuffer): FluxError {
  const { status, headers } = response
  if (REDIRECTS.has(status) || response.type === 'opaqueredirect') {
    return strange(response, 'is a redirect, which is not followed: give the address that answers itself')
  }
  const json = parsed(body)
  const error = isObject(json) ? json['error'] : undefined
  if (!isObject(error) || typeof error['code'] !== 'string' || typeof error['message'] !== 'string') {
    return strange(response, "is not one of the API's errors")
  }
  const kind = BY_TYPE[String(error['type'])] ?? (status >= 500 ? ServerError : InvalidRequestError)
  const refusal = {
    code: error['code'],
    status,
    param: textOrNull(error['param']),
    docUrl: textOrNull(error['doc_url']),
    requestId: textOrNull(error['request_id']) ?? headers.get('X-Request-Id'),
  }
  return new kind(error['message'], refusal, retryAfterSeconds(headers.get('Retry-After')))
}

function strange(response: FetchResponse, what: string): APIResponseError {
  const kind = response.headers.get('Content-Type')?.slice(0, 60) ?? 'no content type'
  const message = `The answer ${what} (status ${response.status}, ${kind}). Check apiUrl, and the proxies before it.`
  // a proxy that limits or is overloaded asks for patience as the API does
  const retryAfter = retryAfterSeconds(response.headers.get('Retry-After'))
  return new APIResponseError(message, response.status, response.headers.get('X-Request-Id'), retryAfter)
}

/** Return whatever JSON holds; undefined for what is no JSON. */
function parsed(body: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body))
  } catch {
    return undefined
  }
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

const REDIRECTS = new Set([301, 302, 303, 307, 308])
type RefusalKind = new (message: string, refusal: Refusal, retryAfterSeconds: number | null) => APIError
const BY_TYPE: Record<string, RefusalKind> = {
  api_error: ServerError,
  authentication_error: AuthenticationError,
  idempotency_error: IdempotencyError,
  invalid_request_error: InvalidRequestError,
  not_found_error: NotFoundError,
  permission_error: PermissionDeniedError,
  rate_limit_error: RateLimitError,
}
