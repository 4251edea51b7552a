// Receives events with Express, and believes those that Flux Dispatch signed.

import express from 'express'
import { Flux } from '@flux/node'

const flux = new Flux()
const app = express()

// the raw body: parsed, it no longer has the bytes that were signed
app.post('/webhooks/flux', express.raw({ type: '*/*' }), (req, res) => {
  let event
  try {
    event = flux.webhooks.verify(req.body, req.headers['flux-signature'], process.env.WEBHOOK_SECRET)
  } catch (error) {
    console.error(error.message)
    // a secret that is none is our own mistake: have the delivery tried again
    return res.status(error.code === 'bad_secret' ? 500 : 400).send(error.code)
  }
  console.log(event.id, event.type, event.data)
  res.sendStatus(204)
})

// all other routes may parse, as long as this comes after it
app.use(express.json())

app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
