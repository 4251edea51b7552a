// Receives events with Next.js, in its Node or its edge runtime, and believes those that Flux Dispatch signed.

import { Flux } from '@flux/node'

const flux = new Flux()

export async function POST(request) {
  // the raw body: parsed, it no longer has the bytes that were signed
  const payload = await request.text()
  const signature = request.headers.get('flux-signature')
  let event
  try {
    event = await flux.webhooks.verifyAsync(payload, signature, process.env.WEBHOOK_SECRET)
  } catch (error) {
    console.error(error.message)
    // a secret that is none is our own mistake: have the delivery tried again
    return new Response(error.code, { status: error.code === 'bad_secret' ? 500 : 400 })
  }
  console.log(event.id, event.type, event.data)
  return new Response(null, { status: 204 })
}
