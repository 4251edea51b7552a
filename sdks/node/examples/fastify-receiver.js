// Receives events with Fastify, and believes those that Flux Dispatch signed.

import Fastify from 'fastify'
import { Flux } from '@flux/node'

const flux = new Flux()
const app = Fastify()

app.register(async (webhooks) => {
  // the raw body, for the routes in here: parsed, it no longer has the bytes that were signed
  webhooks.removeAllContentTypeParsers()
  webhooks.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))

  webhooks.post('/webhooks/flux', (request, reply) => {
    let event
    try {
      event = flux.webhooks.verify(request.body, request.headers['flux-signature'], process.env.WEBHOOK_SECRET)
    } catch (error) {
      console.error(error.message)
      // a secret that is none is our own mistake: have the delivery tried again
      return reply.code(error.code === 'bad_secret' ? 500 : 400).send(error.code)
    }
    console.log(event.id, event.type, event.data)
    return reply.code(204).send()
  })
})

await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' })
