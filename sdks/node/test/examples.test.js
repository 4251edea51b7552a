// The examples run as they stand: receivers believe what was signed, and nothing else.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const BODY = '{"id":"evt_1","type":"order.completed","created":"2024-01-15T10:30:00Z","data":{"order":7}}'
const SEEN = 'evt_1 order.completed { order: 7 }\n'

function signed(body) {
  const time = Math.floor(Date.now() / 1000)
  const digest = createHmac('sha256', SECRET).update(`${time}.${body}`).digest('hex')
  return { 'content-type': 'application/json', 'flux-signature': `t=${time},v1=${digest}` }
}

/** Run a receiver, and return its URL, what it has said, and how to end it. */
async function receiver(t, framework, secret) {
  const port = await freePort()
  const example = `${ROOT}/examples/${framework}-receiver.js`
  const env = { ...process.env, WEBHOOK_SECRET: secret, PORT: String(port) }
  const running = spawn(process.execPath, [example], { cwd: ROOT, env })
  t.after(() => running.kill())
  let said = ''
  running.stdout.on('data', (chunk) => (said += chunk))
  running.stderr.on('data', (chunk) => (said += chunk))
  await listening(port, running, () => said)
  return { url: `http://127.0.0.1:${port}/webhooks/flux`, said: () => said }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function listening(port, running, said) {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline && running.exitCode === null; ) {
    const answered = await fetch(`http://127.0.0.1:${port}/`).catch(() => null)
    if (answered !== null) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.fail(`it does not listen: ${said()}`)
}

async function check(post, said) {
  assert.equal((await post(BODY, signed(BODY))).status, 204)
  for (const [body, headers, code] of [
    [`${BODY} `, signed(BODY), 'no_match'],
    [BODY, {}, 'missing_header'],
  ]) {
    const refused = await post(body, headers)
    assert.deepEqual([refused.status, await refused.text()], [400, code])
  }
  assert.equal(said().split(SEEN).length, 2)
}

for (const framework of ['express', 'fastify']) {
  test(`with ${framework}`, async (t) => {
    const { url, said } = await receiver(t, framework, SECRET)
    await check((body, headers) => fetch(url, { method: 'POST', body, headers }), said)
  })

  test(`with ${framework} and a secret that is none the delivery is tried again`, async (t) => {
    const { url } = await receiver(t, framework, 'none')
    const refused = await fetch(url, { method: 'POST', body: BODY, headers: signed(BODY) })
    assert.deepEqual([refused.status, await refused.text()], [500, 'bad_secret'])
  })
}

test('with Next.js, whose route handlers take a Request and return a Response', async (t) => {
  const { POST } = await import('../examples/next/app/webhooks/flux/route.js')
  const lines = []
  t.mock.method(console, 'log', (...words) => lines.push(words))
  t.mock.method(console, 'error', () => {})
  process.env.WEBHOOK_SECRET = SECRET
  const post = (body, headers) => POST(new Request('http://localhost/webhooks/flux', { method: 'POST', body, headers }))
  await check(post, () => (lines.length === 1 ? SEEN : ''))
  assert.deepEqual(lines, [['evt_1', 'order.completed', { order: 7 }]])
  process.env.WEBHOOK_SECRET = 'none'
  assert.equal((await post(BODY, signed(BODY))).status, 500)
})

// the user's page, word for word, with what it takes for granted
const SEED = `
import express from 'express';
import { Flux } from '@flux/node';
const flux = new Flux();
const app = express();
const webhookSecret = process.env.WEBHOOK_SECRET;
const handleOrderCompleted = (data) => console.log('completed', data.orderId);
const handleUserSignup = (data) => console.log('signup', data.userId);
app.use(PARSER);

app.post('/webhooks/flux', (req, res) => {
  const signature = req.headers['flux-signature'];
  const payload = req.body;
  try {
    const event = flux.webhooks.verify(payload, signature, webhookSecret);
    switch (event.type) {
      case 'order.completed':
        handleOrderCompleted(event.data);
        break;
      case 'user.signup':
        handleUserSignup(event.data);
        break;
    }
    res.status(200).send('OK');
  } catch (err) {
    console.error('Invalid signature');
    res.status(400).send('Invalid signature');
  }
});

const server = app.listen(0, '127.0.0.1', async () => {
  for (const [body, headers] of JSON.parse(process.env.REQUESTS)) {
    const answer = await fetch('http://127.0.0.1:' + server.address().port + '/webhooks/flux', { method: 'POST', body, headers });
    console.log(answer.status, await answer.text());
  }
  server.close();
});
`
for (const [parser, said] of [
  ["express.raw({ type: '*/*' })", 'completed ord_8x7kj2\n200 OK\nsignup usr_1\n200 OK\n400 Invalid signature\n'],
  ['express.json()', '400 Invalid signature\n'.repeat(3)],
]) {
  test(`the page's handler runs as written, behind ${parser}`, async () => {
    const events = [
      { id: 'evt_1', type: 'order.completed', created: '2024-01-15T10:30:00Z', data: { orderId: 'ord_8x7kj2' } },
      { id: 'evt_2', type: 'user.signup', created: '2024-01-15T10:30:00Z', data: { userId: 'usr_1' } },
    ].map((each) => JSON.stringify(each))
    const requests = [...events.map((each) => [each, signed(each)]), [events[0], signed(events[1])]]
    const source = SEED.replace('PARSER', parser)
    const env = { ...process.env, WEBHOOK_SECRET: SECRET, REQUESTS: JSON.stringify(requests) }
    const run = spawn(process.execPath, ['--input-type=module', '--eval', source], { cwd: ROOT, env })
    let output = ''
    run.stdout.on('data', (chunk) => (output += chunk))
    await once(run, 'close')
    assert.equal(output, said)
  })
}
