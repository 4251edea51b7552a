// verify() and verifyAsync() believe what was signed with the secret just now, and nothing else.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { Flux, FluxError, SignatureError, verify, verifyAsync } from '@flux/node'

// shared with every other SDK
const VECTORS = JSON.parse(readFileSync(new URL('../../vectors.json', import.meta.url), 'utf8'))
// the vector that the Standard Webhooks libraries publish
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const OTHER = 'whsec_YW5vdGhlciBzZWNyZXQsIDI0IGJ5dGVz'
const THEN = 1614265330
const BODY = '{"test": 2432232314}'
const HEADER = 't=1614265330,v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964'
const DIGEST = HEADER.split('v1=')[1]
const EVENT = { test: 2432232314 }

const WAYS = { verify: async (...given) => verify(...given), verifyAsync }

function sign(secrets, timestamp, body) {
  const digests = secrets.map((each) => createHmac('sha256', each).update(`${timestamp}.`).update(body).digest('hex'))
  return [`t=${timestamp}`, ...digests.map((each) => `v1=${each}`)].join()
}

for (const [name, check] of Object.entries(WAYS)) {
  const codeOf = async (body, header, secret, options = { now: THEN }) => {
    const error = await check(body, header, secret, options).then(
      () => assert.fail('it passed'),
      (each) => each,
    )
    assert.ok(error instanceof SignatureError && error instanceof FluxError, String(error))
    assert.equal(error.name, 'SignatureError')
    return error.code
  }
  const optionsOf = (vector) => ({
    now: vector.now,
    ...(vector.tolerance_seconds === undefined ? {} : { toleranceSeconds: vector.tolerance_seconds }),
  })

  describe(`${name} and the vectors`, () => {
    for (const vector of VECTORS.signed) {
      test(`signed: ${vector.name}`, async () => {
        for (const secret of vector.secrets) {
          const options = { now: vector.timestamp }
          const event = await check(vector.body, vector.flux_signature, secret, options)
          assert.deepEqual(event, JSON.parse(vector.body))
          assert.deepEqual(event, await check(Buffer.from(vector.body), vector.flux_signature, [secret], options))
        }
      })
    }
    for (const vector of VECTORS.accepted) {
      test(`accepted: ${vector.name}`, async () => {
        const event = await check(vector.body, vector.flux_signature, vector.secrets, optionsOf(vector))
        assert.deepEqual(event, JSON.parse(vector.body))
      })
    }
    for (const vector of VECTORS.refused) {
      test(`refused: ${vector.name}`, async () => {
        const code = await codeOf(vector.body, vector.flux_signature, vector.secrets, optionsOf(vector))
        assert.equal(code, vector.code)
      })
    }
  })

  describe(name, () => {
    test('hostile headers are malformed', async () => {
      const hostile = [
        `t=${THEN}${`,v1=${DIGEST}`.repeat(1000)}`,
        `t=${THEN},v1=${'0'.repeat(100_000)}`,
        ','.repeat(4096),
        `${HEADER},x=${'0'.repeat(4096)}`,
        `t=${THEN},v1=${'\ud800'.repeat(64)}`,
        `t,${HEADER}`,
        `t=\xff,${HEADER}`,
      ]
      for (const header of hostile) assert.equal(await codeOf(BODY, header, SECRET), 'malformed')
    })

    test('the most signatures that a rotation can need are read', async () => {
      const others = Array.from({ length: 16 }, (_, each) => `whsec_${Buffer.alloc(24, each).toString('base64')}`)
      assert.deepEqual(await check(BODY, sign(others, THEN, BODY), others[15], { now: THEN }), EVENT)
      assert.equal(await codeOf(BODY, sign([...others, SECRET], THEN, BODY), SECRET), 'malformed')
    })

    test('a time or tolerance that is no number lets nothing pass', async () => {
      await codeOf(BODY, HEADER, SECRET, { now: NaN })
      await codeOf(BODY, HEADER, SECRET, { now: THEN, toleranceSeconds: NaN })
    })

    test('the clock of the machine is asked where none is given', async (test) => {
      assert.deepEqual(await check(BODY, HEADER, SECRET, { toleranceSeconds: Infinity }), EVENT)
      test.mock.timers.enable({ apis: ['Date'], now: (THEN + 300) * 1000 })
      assert.deepEqual(await check(BODY, HEADER, SECRET), EVENT)
      test.mock.timers.setTime((THEN + 301) * 1000)
      assert.equal(await codeOf(BODY, HEADER, SECRET, {}), 'too_old')
    })

    test('any raw body passes', async () => {
      const bytes = Buffer.from(BODY)
      const padded = new Uint8Array([0, ...bytes, 0])
      const own = new Uint8Array(bytes)
      for (const raw of [BODY, bytes, own, own.buffer, new DataView(own.buffer), padded.subarray(1, -1)]) {
        assert.deepEqual(await check(raw, HEADER, SECRET, { now: THEN }), EVENT)
      }
    })

    test('a parsed body is a TypeError that says how to get the raw one', async () => {
      for (const [parsed, kind] of [
        [EVENT, 'an object'],
        [[], 'an array'],
        [null, 'null'],
        [undefined, 'undefined'],
        [7, 'a number'],
      ]) {
        await assert.rejects(check(parsed, HEADER, SECRET, { now: THEN }), (error) => {
          assert.equal(error.constructor, TypeError)
          assert.match(error.message, new RegExp(`raw request body as a Buffer, Uint8Array or string, not ${kind}:`))
          assert.match(error.message, /In Express, give the route express\.raw\(\{ type: '\*\/\*' \}\)/)
          return true
        })
      }
    })

    test('text that cannot be encoded fits nothing', async () => {
      const replaced = '{"test": "\ufffd"}'
      assert.deepEqual(await check(replaced, sign([SECRET], THEN, replaced), SECRET, { now: THEN }), { test: '\ufffd' })
      assert.equal(await codeOf('{"test": "\ud800"}', sign([SECRET], THEN, replaced), SECRET), 'no_match')
    })

    test('a header that the framework does not have is missing', async () => {
      for (const none of [undefined, null, '', []]) assert.equal(await codeOf(BODY, none, SECRET), 'missing_header')
    })

    test('a header as a list passes, and one that came twice is malformed', async () => {
      assert.deepEqual(await check(BODY, [HEADER], SECRET, { now: THEN }), EVENT)
      assert.equal(await codeOf(BODY, [HEADER, HEADER], SECRET), 'malformed')
    })

    test("what is no header's value is a TypeError that says so", async () => {
      for (const [wrong, kind] of [
        [{ 'flux-signature': HEADER }, 'an object'],
        [new Headers(), 'a Headers'],
        [7, 'a number'],
        [[7], 'an array'],
      ]) {
        const message = `verify() needs the value of the header flux-signature as text, not ${kind}.`
        await assert.rejects(check(BODY, wrong, SECRET, { now: THEN }), { name: 'TypeError', message })
      }
    })

    test('one fitting secret of any collection is enough', async () => {
      for (const secrets of [[OTHER, SECRET], [SECRET, OTHER], new Set([SECRET]), [SECRET].values()]) {
        assert.deepEqual(await check(BODY, HEADER, secrets, { now: THEN }), EVENT)
      }
    })

    test('a secret that is no text is said', async () => {
      for (const secret of [
        undefined,
        null,
        [undefined],
        [null],
        [],
        Buffer.from(SECRET),
        7,
        [SECRET, null],
        {},
        [[SECRET]],
      ]) {
        assert.equal(await codeOf(BODY, HEADER, secret), 'bad_secret')
      }
    })

    test('no error tells the secret or the body', async () => {
      for (const [secret, header] of [
        [OTHER, HEADER],
        [SECRET.slice(6), HEADER],
        [SECRET, 'x'],
      ]) {
        const error = await check(BODY, header, secret, { now: THEN }).catch((each) => each)
        const told = `${error.stack} ${JSON.stringify(error)}`
        assert.ok(!told.includes(secret) && !told.includes(BODY))
      }
    })

    test('a signed body that is no object is malformed, as bytes and as text', async () => {
      const texts = ['7', 'null', '[]', '\ufeff{}', '"'.repeat(10), '{"a":'.repeat(100_000)]
      for (const raw of [
        ...texts,
        ...texts.map((each) => Buffer.from(each)),
        Buffer.from([0xff]),
        Buffer.from('{"a":"\xff"}', 'latin1'),
      ]) {
        assert.equal(await codeOf(raw, sign([SECRET], THEN, raw), SECRET), 'malformed')
      }
    })
  })
}

test('a client verifies without a key or a URL', async () => {
  const flux = new Flux()
  assert.deepEqual(flux.webhooks.verify(BODY, HEADER, SECRET, { now: THEN }), EVENT)
  assert.deepEqual(await flux.webhooks.verifyAsync(BODY, HEADER, SECRET, { now: THEN }), EVENT)
})

test('a method that was taken off its client works on', () => {
  const { verify: taken } = new Flux().webhooks
  assert.deepEqual(taken(BODY, HEADER, SECRET, { now: THEN }), EVENT)
})

test('the vectors meet every code', () => {
  const codes = ['bad_secret', 'malformed', 'missing_header', 'no_match', 'too_new', 'too_old']
  assert.deepEqual([...new Set(VECTORS.refused.map((each) => each.code))].sort(), codes)
})
