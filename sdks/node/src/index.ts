/** What the package exports in Node, Deno and Bun: all there is, and a `verify` that need not be awaited. */

import { createHmac, timingSafeEqual } from 'node:crypto'

import { useSyncCrypto } from './signature.js'

useSyncCrypto({
  hmac: (key, message) => createHmac('sha256', key).update(message).digest(),
  equal: timingSafeEqual,
})

export * from './edge.js'
