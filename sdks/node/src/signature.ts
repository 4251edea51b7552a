/**
 * The check that a receiver makes before it believes a request: is this body signed with our secret, and just now?
 *
 *     flux-signature     t=<t>,v1=<hex>[,v1=<hex> by an older secret]
 *
 * Each `v1` is the HMAC-SHA256 of "<t>.<body>", and the key is the secret's text, `whsec_` included.
 */

import { ConfigurationError, SignatureError } from './errors.js'
import { kindOf } from './words.js'

export const TOLERANCE_SECONDS = 300
const MAX_HEADER_LENGTH = 4096
const MAX_SIGNATURES = 16

/** A request body exactly as it arrived; a Buffer is a Uint8Array. */
export type RawBody = string | ArrayBuffer | ArrayBufferView

/** The value of the header `flux-signature`, as frameworks hand it over. */
export type SignatureHeader = string | readonly string[] | null | undefined

/** A webhook's secret, or several of which one must fit. */
export type Secrets = string | Iterable<string> | null | undefined

/** Event types by their names, and what their data is; unless told, any type, with data that is read without a cast. */
export type AnyEvents = { [type: string]: any }

/** An event as a receiver gets it; where the types are known, `type` tells which `data` there is. */
export type ReceivedEvent<Types extends object = AnyEvents> = {
  [Type in keyof Types & string]: {
    /** The same for every delivery of this event: keep it, and what comes twice is known. */
    id: string
    type: Type
    /** When it was published, in RFC 3339. */
    created: string
    data: Types[Type]
  }
}[keyof Types & string]

export interface VerifyOptions {
  /** How many seconds the signature's time may lie from `now`, either way; 300 unless given. */
  toleranceSeconds?: number
  /** Unix seconds; the machine's clock unless given. */
  now?: number
}

/** What checks a signature without waiting; Web Crypto, which is all that some runtimes have, cannot. */
export interface SyncCrypto {
  hmac(key: Uint8Array, message: Uint8Array): Uint8Array
  /** Say whether two texts of bytes of the same length are the same, in a time that does not depend on them. */
  equal(one: Uint8Array, other: Uint8Array): boolean
}

let syncCrypto: SyncCrypto | undefined

/** Make `verify` work; the entry for runtimes with node:crypto calls it. */
export function useSyncCrypto(crypto: SyncCrypto): void {
  syncCrypto = crypto
}

/**
 * Check the `flux-signature` header against the raw body and return the event.
 *
 * @param payload the request body exactly as it arrived
 * @param signature the value of the header `flux-signature`; undefined or null if the request had none
 * @param secret the webhook's secret, or several of which one must fit
 * @throws {SignatureError} it does not prove that the body came from Flux Dispatch; `code` says why
 * @throws {TypeError} the payload is a parsed object (it must be the raw body), or the signature is no header's value
 * @throws {ConfigurationError} this runtime has no node:crypto; use `verifyAsync`
 */
export function verify<Types extends object = AnyEvents>(
  payload: RawBody,
  signature: SignatureHeader,
  secret: Secrets,
  options: VerifyOptions = {},
): ReceivedEvent<Types> {
  const crypto = syncCrypto
  if (crypto === undefined) throw new ConfigurationError(NO_SYNC_CRYPTO)
  const claim = readClaim(payload, signature, secret)
  const expected = claim.keys.map((key) => crypto.hmac(key, claim.message))
  checkFits(claim, expected, (one, other) => crypto.equal(one, other))
  return eventOf<Types>(claim, options)
}

/** Do what `verify` does, with Web Crypto, in any runtime. */
export async function verifyAsync<Types extends object = AnyEvents>(
  payload: RawBody,
  signature: SignatureHeader,
  secret: Secrets,
  options: VerifyOptions = {},
): Promise<ReceivedEvent<Types>> {
  const claim = readClaim(payload, signature, secret)
  const expected = await Promise.all(claim.keys.map((key) => hmacAsync(key, claim.message)))
  checkFits(claim, expected, equal)
  return eventOf<Types>(claim, options)
}

/** What a request claims to be: its time, what was signed, by which keys it may be, and the signatures given. */
interface Claim {
  timestamp: number
  message: Uint8Array<ArrayBuffer>
  keys: Uint8Array<ArrayBuffer>[]
  given: Uint8Array[]
  payload: string | Uint8Array
}

function readClaim(payload: unknown, signature: unknown, secret: unknown): Claim {
  const raw = rawBody(payload)
  const keys = keysOf(secret)
  const { time, signatures } = parse(headerText(signature))
  const head = encode(`${time}.`)
  const body = typeof raw === 'string' ? encode(raw) : raw
  const message = new Uint8Array(head.length + body.length)
  message.set(head)
  message.set(body, head.length)
  // half a surrogate pair has no bytes, so it was never signed, whatever an encoder puts in its place
  const given = typeof raw === 'string' && LONE_SURROGATE.test(raw) ? [] : signatures
  return { timestamp: Number(time), message, keys, given: given.map(fromHex), payload: raw }
}

function rawBody(payload: unknown): string | Uint8Array {
  if (typeof payload === 'string') return payload
  if (ArrayBuffer.isView(payload)) return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength)
  // not instanceof: a test runner may have an ArrayBuffer of its own
  if (Object.prototype.toString.call(payload) === '[object ArrayBuffer]') return new Uint8Array(payload as ArrayBuffer)
  throw new TypeError(
    `verify() needs the raw request body as a Buffer, Uint8Array or string, not ${kindOf(payload)}: a body that was ` +
      'parsed and serialised again no longer has the bytes that were signed. In Express, give the route ' +
      "express.raw({ type: '*/*' }), before any express.json(), and pass req.body; in Fastify, add a content type " +
      "parser with parseAs: 'buffer'; in Next.js, Deno, Bun and workers, pass await request.text().",
  )
}

function keysOf(secret: unknown): Uint8Array<ArrayBuffer>[] {
  const listed = isList(secret) ? [...secret] : [secret]
  if (listed.length === 0 || (listed.length === 1 && (listed[0] === null || listed[0] === undefined))) {
    throw new SignatureError('bad_secret', 'No secret was given.')
  }
  return listed.map(keyOf)
}

function keyOf(secret: unknown): Uint8Array<ArrayBuffer> {
  if (typeof secret !== 'string') {
    throw new SignatureError('bad_secret', `A signing secret is text, not ${kindOf(secret)}.`)
  }
  const key = secret.trim()
  if (!SECRET.test(key)) {
    throw new SignatureError('bad_secret', 'A signing secret starts with whsec_, followed by base64.')
  }
  return encode(key)
}

function isList(secret: unknown): secret is Iterable<unknown> {
  return typeof secret === 'object' && secret !== null && Symbol.iterator in secret && !ArrayBuffer.isView(secret)
}

function headerText(signature: unknown): string {
  if (signature === null || signature === undefined) return ''
  if (typeof signature === 'string') return signature
  // as some frameworks have headers that may come several times
  if (Array.isArray(signature) && signature.every((each) => typeof each === 'string')) return signature.join(',')
  throw new TypeError(`verify() needs the value of the header flux-signature as text, not ${kindOf(signature)}.`)
}

/** Return the time, as the digits that were signed, and the signatures. */
function parse(header: string): { time: string; signatures: string[] } {
  if (header === '') throw new SignatureError('missing_header', 'The flux-signature header is missing or empty.')
  if (header.length > MAX_HEADER_LENGTH) {
    throw new SignatureError('malformed', 'The flux-signature header is too long to be one of ours.')
  }
  const fields = header.split(',').map((each) => /^([^=]*)=?(.*)$/s.exec(each) as unknown as [string, string, string])
  const times = fields.filter(([, name]) => name === 't').map(([, , value]) => value)
  const signatures = fields.filter(([, name]) => name === 'v1').map(([, , value]) => value)
  const [time] = times
  const isCounted = times.length === 1 && signatures.length > 0 && signatures.length <= MAX_SIGNATURES
  if (!isCounted || time === undefined || !TIME.test(time) || !signatures.every((each) => SIGNATURE.test(each))) {
    const message = 'The flux-signature header should look like t=<seconds>,v1=<64 hex digits>.'
    throw new SignatureError('malformed', message)
  }
  return { time, signatures }
}

function checkFits(claim: Claim, expected: Uint8Array[], isEqual: SyncCrypto['equal']): void {
  let fits = false
  // every pair is compared, so that the time taken tells nothing about which one fitted
  for (const ours of expected) for (const theirs of claim.given) fits = isEqual(ours, theirs) || fits
  if (!fits) {
    throw new SignatureError(
      'no_match',
      "No signature fits: check that the secret is this webhook's and the body is the raw request body.",
    )
  }
}

function eventOf<Types extends object>(claim: Claim, options: VerifyOptions): ReceivedEvent<Types> {
  const now = options.now ?? Date.now() / 1000
  const tolerance = options.toleranceSeconds ?? TOLERANCE_SECONDS
  // asked for what must hold, so that a tolerance or a clock that is no number (NaN) lets nothing pass
  if (!(claim.timestamp >= now - tolerance)) {
    const message = 'The signature is older than the tolerance: a replay, or a clock that is off.'
    throw new SignatureError('too_old', message)
  }
  if (!(claim.timestamp <= now + tolerance)) {
    throw new SignatureError('too_new', 'The signature lies in the future: one of the two clocks is off.')
  }
  const event = parsed(claim.payload)
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw new SignatureError('malformed', 'The signature fits, but the body is not a JSON object.')
  }
  return event as ReceivedEvent<Types>
}

function parsed(payload: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof payload === 'string' ? payload : UTF_8.decode(payload))
  } catch {
    return undefined
  }
}

async function hmacAsync(key: Uint8Array<ArrayBuffer>, message: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, message))
}

/** Say whether these are the same bytes; all are looked at, whatever they are. */
function equal(one: Uint8Array, other: Uint8Array): boolean {
  let difference = one.length ^ other.length
  for (let index = 0; index < one.length; index += 1) difference |= (one[index] ?? 0) ^ (other[index] ?? 0)
  return difference === 0
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

function fromHex(digits: string): Uint8Array {
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
    parseInt(digits.slice(2 * index, 2 * index + 2), 16),
  )
}

/** Standard base64 of at least 24 bytes. */
const SECRET = /^whsec_(?:[A-Za-z0-9+/]{4}){8,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const TIME = /^[0-9]{1,12}$/
const SIGNATURE = /^[0-9a-f]{64}$/
const LONE_SURROGATE = /\p{Surrogate}/u
// text and bytes shall pass or fail alike: what is no UTF-8, or begins with a byte order mark, is no JSON
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NO_SYNC_CRYPTO =
  'verify() needs node:crypto, which this runtime does not have: use await flux.webhooks.verifyAsync(…), which takes ' +
  'and returns the same.'
