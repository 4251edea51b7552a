/** Reads what `fetch` rejected with: what went wrong stands in its causes, and each platform has its own words for it. */

/** What platforms call a connection that never came about. */
const NOT_CONNECTED = new Set([
  'ConnectionRefused',
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'FailedToOpenSocket',
  'UND_ERR_CONNECT_TIMEOUT',
])
const MOST_CAUSES = 5

/** Say whether the request surely never reached the server. */
export function didNotArrive(error: unknown): boolean {
  return causesOf(error).some(({ code }) => typeof code === 'string' && NOT_CONNECTED.has(code))
}

/** Say whether what answered does not speak HTTP. */
export function isNotHttp(error: unknown): boolean {
  return causesOf(error).some(({ name }) => name === 'HTTPParserError')
}

/** Return what went wrong in the words of the innermost cause: "fetch failed" alone helps nobody. */
export function wordsOf(error: unknown): string {
  const { message, code } = causesOf(error).at(-1) ?? { message: String(error) }
  return String(message || code || 'the connection failed').replace(/[.?!]+$/, '')
}

interface Cause {
  name?: unknown
  code?: unknown
  message?: unknown
  cause?: unknown
}

/** Return an error and what it was caused by, the innermost last. */
function causesOf(error: unknown): Cause[] {
  const found: Cause[] = []
  for (let each = error; isCause(each) && found.length < MOST_CAUSES; each = each.cause) found.push(each)
  return found
}

function isCause(thing: unknown): thing is Cause {
  return typeof thing === 'object' && thing !== null
}
