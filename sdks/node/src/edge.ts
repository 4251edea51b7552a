/** What the package exports, as it is where there is no node:crypto: there `verifyAsync` verifies. */

export {
  APIConnectionError,
  APIError,
  APIResponseError,
  APITimeoutError,
  AuthenticationError,
  ConfigurationError,
  FluxError,
  IdempotencyError,
  InvalidRequestError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  ServerError,
  SignatureError,
  type SignatureCode,
} from './errors.js'
export { Flux } from './flux.js'
export type * from './models.js'
export type * from './params.js'
export type { AccountOptions, PublishOptions } from './options.js'
export { Page, type PageOf } from './pages.js'
export type { Fetch, FetchInit, FetchResponse, FluxOptions } from './settings.js'
export {
  verify,
  verifyAsync,
  type AnyEvents,
  type RawBody,
  type ReceivedEvent,
  type Secrets,
  type SignatureHeader,
  type VerifyOptions,
} from './signature.js'
export { VERSION } from './version.js'
