/** The alert channels of an account: where people are told of failures. */

import { CHANGED, CREATED } from '../alert-channel-checks.js'
import { pathId } from '../checks.js'
import type { AlertChannel, AlertChannelTest } from '../models.js'
import type { AccountOptions } from '../options.js'
import type { PageOf } from '../pages.js'
import type { AlertChannelBody, AlertChannelPatch, Paging } from '../params.js'
import { Resource } from './resource.js'

/** Alert channels. */
export class AlertChannels extends Resource {
  /** Create a channel, which is told of what happens from now on; its URL is never shown again. */
  async create(fields: AlertChannelBody, options?: AccountOptions): Promise<AlertChannel> {
    const given = { fields: { given: fields, shape: CREATED }, options }
    return this.one<AlertChannel>('alertChannels.create', 'alert_channel', given)
  }

  /** List channels, and whether messages to them arrive. */
  list(query?: Paging, options?: AccountOptions): PageOf<AlertChannel> {
    return this.listed<AlertChannel>('alertChannels.list', query, options)
  }

  /** Return a channel, and whether messages to it arrive. */
  async get(id: string, options?: AccountOptions): Promise<AlertChannel> {
    return this.one<AlertChannel>('alertChannels.get', 'alert_channel', { path: pathOf(id), options })
  }

  /** Change what is given; each value takes the place of the whole one before. */
  async update(id: string, fields: AlertChannelPatch, options?: AccountOptions): Promise<AlertChannel> {
    const given = { path: pathOf(id), fields: { given: fields, shape: CHANGED }, options }
    return this.one<AlertChannel>('alertChannels.update', 'alert_channel', given)
  }

  /** Delete a channel; what it was yet to be told is not sent. */
  async delete(id: string, options?: AccountOptions): Promise<void> {
    return this.nothing('alertChannels.delete', { path: pathOf(id), options })
  }

  /** Send a test, and return whether its service took it, and else why not. */
  async test(id: string, options?: AccountOptions): Promise<AlertChannelTest> {
    return this.one<AlertChannelTest>('alertChannels.test', 'alert_channel_test', { path: pathOf(id), options })
  }
}

function pathOf(id: string): { id: string } {
  return { id: pathId(id, 'chan') }
}
