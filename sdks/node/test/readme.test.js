// What the README tells is true: its code runs as it stands there, and its tables name what there is.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as sdk from '@flux/node'

import { OPERATIONS } from '../dist/cjs/operations.js'
import { DEFAULT_RETRIES } from '../dist/cjs/retries.js'
import { DEFAULT_TIMEOUT_SECONDS } from '../dist/cjs/settings.js'
import { complaintsOf } from './support/compiler.js'
import { answer, KEY, LIST, Wire } from './support/wire.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const README = readFileSync(`${ROOT}/README.md`, 'utf8')
const CODE = [...README.matchAll(/```(?:js|ts)\n(.*?)```/gs)].map(([, code]) => code)
const EXAMPLES = [
  'examples/express-receiver.js',
  'examples/fastify-receiver.js',
  'examples/next/app/webhooks/flux/route.js',
]
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const WEBHOOK = { id: 'wh_1', object: 'webhook', secret: SECRET }
const EVENT = {
  id: 'evt_1',
  object: 'event',
  type: 'order.completed',
  data: { order: 7 },
  status: 'pending',
  webhooks: 1,
}

function block(word) {
  const found = CODE.filter((each) => each.includes(word))
  assert.equal(found.length, 1, word)
  return found[0]
}

/** Run code as a module of a project that has the package, and return what it prints. */
async function run(wire, code) {
  const source = code.includes("from '@flux/node'") ? code : `import { Flux } from '@flux/node'\n${code}`
  const env = { ...process.env, FLUX_API_URL: wire.url, FLUX_API_KEY: KEY }
  const running = spawn(process.execPath, ['--input-type=module', '--eval', source], { cwd: ROOT, env })
  let said = ''
  for (const stream of [running.stdout, running.stderr]) stream.on('data', (chunk) => (said += chunk))
  await once(running, 'close')
  return said
}

test('a webhook is created and an event published as it stands there', async (t) => {
  const wire = await Wire.start(t)
  wire.replies = [answer(WEBHOOK, 201), answer(EVENT, 202)]
  const code = block('const webhook = await').replace('https://flux.example.com', wire.url).replace('sk_live_…', KEY)
  assert.equal(await run(wire, code), `wh_1 ${SECRET} evt_1\n`)
  assert.deepEqual(JSON.parse(wire.asked[1].body), { type: 'order.completed', data: { order: 7 } })
})

test('an account is named and keys are sent as they stand there', async (t) => {
  const wire = await Wire.start(t)
  wire.replies = [
    answer(EVENT, 202),
    answer(EVENT, 202),
    answer(EVENT, 202),
    answer({ ...LIST, data: [EVENT, EVENT] }, 202),
  ]
  assert.equal(await run(wire, block('ext:cus_42')), '')
  assert.equal(await run(wire, block('publishBatch')), '')
  assert.deepEqual(
    wire.asked.map((each) => each.headers['flux-account']),
    ['ext:cus_43', 'ext:cus_44', undefined, undefined],
  )
  assert.equal(wire.asked[2].headers['idempotency-key'], 'order-7-completed')
})

test('a list is iterated as it stands there', async (t) => {
  const wire = await Wire.start(t)
  wire.replies = [answer({ ...LIST, data: [{ id: 'dlv_1', url: 'https://x' }] })]
  assert.equal(await run(wire, block('for await')), 'dlv_1 https://x\n')
  assert.equal(wire.asked[0].target, '/v1/deliveries?status=failed&limit=100')
})

test('the types are what it says', () => {
  const before =
    "import { Flux } from '@flux/node'\ndeclare const [payload, signature, secret]: string[]\ndeclare const console: { log(amount: number): void }\n"
  assert.equal(
    complaintsOf(before + block('interface Events'), { options: { module: 'ESNext', moduleResolution: 'bundler' } }),
    '',
  )
})

test('the receivers are the examples, which have a test of their own, and every other block is tested here', () => {
  for (const each of EXAMPLES) assert.ok(CODE.includes(readFileSync(`${ROOT}/${each}`, 'utf8')), each)
  assert.equal(CODE.length - EXAMPLES.length, 5)
})

test('the tables name every operation, error and code', () => {
  const listed = [...README.matchAll(/^\| `flux\.(\w+)` \| (.+) \|$/gm)]
  const named = listed.flatMap(([, resource, verbs]) =>
    [...verbs.matchAll(/`(\w+)`/g)].map(([, verb]) => `${resource}.${verb}`),
  )
  assert.deepEqual(named.sort(), [...Object.keys(OPERATIONS), 'webhooks.verify', 'webhooks.verifyAsync'].sort())
  const errors = [...README.matchAll(/^\| `(\w+Error)` \|/gm)].map(([, name]) => name)
  assert.deepEqual(
    [...errors, 'FluxError', 'APIError'].sort(),
    Object.keys(sdk)
      .filter((each) => each.endsWith('Error'))
      .sort(),
  )
  const codes = [
    ...README.split('### What `error.code` says')[1]
      .split('###')[0]
      .matchAll(/^\| `(\w+)` \|/gm),
  ].map(([, code]) => code)
  assert.deepEqual(codes, ['missing_header', 'malformed', 'no_match', 'too_old', 'too_new', 'bad_secret'])
})

test('timeout and retries are as they stand there', () => {
  assert.ok(README.includes(`new Flux({ timeoutSeconds: ${DEFAULT_TIMEOUT_SECONDS}, maxRetries: ${DEFAULT_RETRIES} })`))
})
