/** Every operation of the API, by the name of the method that does it. */

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/** One operation; one that is repeatable comes to the same when its request is sent twice. */
export interface Operation {
  readonly method: Method
  readonly path: string
  readonly isRepeatable: boolean
}

const get = (path: string): Operation => ({ method: 'GET', path, isRepeatable: true })
const post = (path: string): Operation => ({ method: 'POST', path, isRepeatable: false })
const postAgain = (path: string): Operation => ({ method: 'POST', path, isRepeatable: true })
// each value takes the place of the whole one before, so twice is once
const patch = (path: string): Operation => ({ method: 'PATCH', path, isRepeatable: true })
const remove = (path: string): Operation => ({ method: 'DELETE', path, isRepeatable: true })

export const OPERATIONS = {
  'accounts.create': post('/v1/accounts'),
  'accounts.delete': remove('/v1/accounts/{id}'),
  'accounts.get': get('/v1/accounts/{id}'),
  'accounts.list': get('/v1/accounts'),
  'accounts.update': patch('/v1/accounts/{id}'),
  'alertChannels.create': post('/v1/alert-channels'),
  'alertChannels.delete': remove('/v1/alert-channels/{id}'),
  'alertChannels.get': get('/v1/alert-channels/{id}'),
  'alertChannels.list': get('/v1/alert-channels'),
  'alertChannels.test': post('/v1/alert-channels/{id}/test'),
  'alertChannels.update': patch('/v1/alert-channels/{id}'),
  'alerts.acknowledge': postAgain('/v1/alerts/{id}/acknowledge'),
  'alerts.list': get('/v1/alerts'),
  'apiKeys.create': post('/v1/api-keys'),
  'apiKeys.list': get('/v1/api-keys'),
  'apiKeys.revoke': remove('/v1/api-keys/{id}'),
  'auditLog.export': get('/v1/audit-log/export'),
  'auditLog.list': get('/v1/audit-log'),
  'deliveries.get': get('/v1/deliveries/{id}'),
  'deliveries.list': get('/v1/deliveries'),
  'deliveries.retry': post('/v1/deliveries/{id}/retry'),
  'eventTypes.archive': remove('/v1/event-types/{name}'),
  'eventTypes.create': post('/v1/event-types'),
  'eventTypes.get': get('/v1/event-types/{name}'),
  'eventTypes.list': get('/v1/event-types'),
  'eventTypes.update': patch('/v1/event-types/{name}'),
  'events.deliveries': get('/v1/events/{id}/deliveries'),
  'events.get': get('/v1/events/{id}'),
  'events.list': get('/v1/events'),
  // each event has an idempotency key
  'events.publish': postAgain('/v1/events'),
  'events.publishBatch': postAgain('/v1/events/batch'),
  'events.resend': post('/v1/events/{id}/resend'),
  'listenSessions.create': post('/v1/listen'),
  'listenSessions.end': remove('/v1/listen/{id}'),
  'listenSessions.get': get('/v1/listen/{id}'),
  'listenSessions.list': get('/v1/listen'),
  'portalLinks.create': post('/v1/portal-links'),
  'recoveries.cancel': postAgain('/v1/recoveries/{id}/cancel'),
  'recoveries.get': get('/v1/recoveries/{id}'),
  'recoveries.list': get('/v1/recoveries'),
  'webhooks.create': post('/v1/webhooks'),
  'webhooks.delete': remove('/v1/webhooks/{id}'),
  'webhooks.deliveries': get('/v1/webhooks/{id}/deliveries'),
  'webhooks.get': get('/v1/webhooks/{id}'),
  'webhooks.list': get('/v1/webhooks'),
  'webhooks.recover': post('/v1/webhooks/{id}/recover'),
  'webhooks.rotateSecret': post('/v1/webhooks/{id}/secret/rotate'),
  'webhooks.secret': get('/v1/webhooks/{id}/secret'),
  'webhooks.stats': get('/v1/webhooks/{id}/stats'),
  'webhooks.test': post('/v1/webhooks/{id}/test'),
  'webhooks.update': patch('/v1/webhooks/{id}'),
} as const satisfies Record<string, Operation>

export type OperationName = keyof typeof OPERATIONS
