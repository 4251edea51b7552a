/**
 * What this package throws on purpose.
 *
 *     FluxError
 *     ├── SignatureError            what arrived does not prove that it came from Flux Dispatch
 *     ├── ConfigurationError        the key, the URL or an option of the client cannot be right
 *     ├── APIError                  the API refused the request, or would (then nothing was sent)
 *     │   ├── InvalidRequestError       a value is wrong, or what is there does not allow it
 *     │   ├── AuthenticationError       no key, or one that does not work
 *     │   ├── PermissionDeniedError     the key may not do this
 *     │   ├── NotFoundError             no such thing in this account
 *     │   ├── IdempotencyError          an idempotency key came before with another event
 *     │   ├── RateLimitError            too much at once; `retryAfterSeconds` says for how long to wait
 *     │   └── ServerError               the fault is on the API's side
 *     ├── APIConnectionError        no answer came
 *     │   └── APITimeoutError           not in time
 *     └── APIResponseError          an answer came, but none of the API's: a proxy's page, a cut body, a redirect
 *
 * A call that is no call of ours (a parsed body for `verify`, an option that does not exist) is a TypeError.
 */

const DOCUMENTATION = 'https://github.com/flux-dispatch/flux-dispatch/blob/main/docs/errors.md'

/** Why a signature does not prove what it should. */
export type SignatureCode = 'missing_header' | 'malformed' | 'no_match' | 'too_old' | 'too_new' | 'bad_secret'

/** The root of them all; `message` says what is wrong and how to mend it. */
export class FluxError extends Error {}

/**
 * A signature does not prove what it should; `code` says why, the message how to mend it.
 *
 * Every code but `bad_secret`, which is the receiver's own mistake, is the sender's: answer it with 400.
 */
export class SignatureError extends FluxError {
  readonly code: SignatureCode

  constructor(code: SignatureCode, message: string) {
    super(message)
    this.code = code
  }
}

/** The client cannot be used like this: a key or URL that is missing or cannot be right, an option out of its bounds. */
export class ConfigurationError extends FluxError {}

/** What an error of the API says beside its message. */
export interface Refusal {
  code: string
  status: number
  param?: string | null
  docUrl?: string | null
  requestId?: string | null
}

/** The API refused the request. */
export class APIError extends FluxError {
  /** What is wrong, in a word to decide by; docs/errors.md explains each. */
  readonly code: string
  /** The HTTP status. */
  readonly status: number
  /** The field, header or parameter that is wrong, like `events[1]`; null: the request as a whole. */
  readonly param: string | null
  /** Where the code is explained. */
  readonly docUrl: string
  /** Name it when you ask for help; null where nothing was sent, because the client saw it before. */
  readonly requestId: string | null

  constructor(message: string, refusal: Refusal) {
    super(message)
    this.code = refusal.code
    this.status = refusal.status
    this.param = refusal.param ?? null
    this.docUrl = refusal.docUrl ?? `${DOCUMENTATION}#${refusal.code}`
    this.requestId = refusal.requestId ?? null
  }
}

/** A value is wrong, then `param` names it; or (`status` 409) what is there does not allow the request now. */
export class InvalidRequestError extends APIError {}

/** No key came, or one that was never made, was revoked, or is over. */
export class AuthenticationError extends APIError {}

/** The key works, but may not do this; the message names the scope, or the bound, that it lacks. */
export class PermissionDeniedError extends APIError {}

/** There is no such thing in this account; another account's things answer the same. */
export class NotFoundError extends APIError {}

/** The idempotency key came before with another type or other data; that event is stored as it was. */
export class IdempotencyError extends APIError {}

/** Too much was asked for at once. */
export class RateLimitError extends APIError {
  /** In how many seconds to ask again; null if that was not said. */
  readonly retryAfterSeconds: number | null

  constructor(message: string, refusal: Refusal, retryAfterSeconds: number | null = null) {
    super(message, refusal)
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** The fault is on the API's side. */
export class ServerError extends APIError {
  /** In how many seconds to ask again; null if that was not said. */
  readonly retryAfterSeconds: number | null

  constructor(message: string, refusal: Refusal, retryAfterSeconds: number | null = null) {
    super(message, refusal)
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** No answer came: the server cannot be reached, or the connection was cut. It may have done what it was told. */
export class APIConnectionError extends FluxError {}

/** No answer came in time. The server may have done what it was told. */
export class APITimeoutError extends APIConnectionError {}

/** An answer came that is not the API's: a proxy's page, a body that was cut, a redirect. */
export class APIResponseError extends FluxError {
  /** Its HTTP status, if it has one. */
  readonly status: number | null
  /** Its X-Request-Id, if it has one. */
  readonly requestId: string | null
  /** In how many seconds to ask again; null if that was not said. */
  readonly retryAfterSeconds: number | null

  constructor(
    message: string,
    status: number | null = null,
    requestId: string | null = null,
    retryAfterSeconds: number | null = null,
  ) {
    super(message)
    this.status = status
    this.requestId = requestId
    this.retryAfterSeconds = retryAfterSeconds
  }
}

const NAMED = {
  FluxError,
  SignatureError,
  ConfigurationError,
  APIError,
  InvalidRequestError,
  AuthenticationError,
  PermissionDeniedError,
  NotFoundError,
  IdempotencyError,
  RateLimitError,
  ServerError,
  APIConnectionError,
  APITimeoutError,
  APIResponseError,
}
// written out, so that a bundler that shortens the names of classes does not shorten those that people read
for (const [name, kind] of Object.entries(NAMED)) {
  Object.defineProperty(kind.prototype, 'name', { value: name, configurable: true, writable: true })
}
