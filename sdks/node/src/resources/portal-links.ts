/** Links that sign a customer in to their own settings. */

import { invalid, text, whole } from '../checks.js'
import { nullable, optional } from '../fields.js'
import type { PortalLink } from '../models.js'
import type { AccountOptions } from '../options.js'
import type { PortalLinkBody } from '../params.js'
import { Resource } from './resource.js'

const SHORTEST_SECONDS = 60
const LONGEST_SECONDS = 86_400
const SHAPE = { account: nullable(text), expires_in: optional(lifetime) }

/** Portal links. */
export class PortalLinks extends Resource {
  /** Create a link that works once, within `expires_in` seconds (60 to 86,400; 900 unless given). */
  async create(fields?: PortalLinkBody, options?: AccountOptions): Promise<PortalLink> {
    return this.one<PortalLink>('portalLinks.create', 'portal_link', {
      fields: { given: fields, shape: SHAPE },
      options,
    })
  }
}

function lifetime(value: unknown, param: string): number {
  const seconds = whole(value, param)
  if (seconds < SHORTEST_SECONDS || seconds > LONGEST_SECONDS) {
    throw invalid(`expires_in is a number of seconds from ${SHORTEST_SECONDS} to ${LONGEST_SECONDS}.`, param)
  }
  return seconds
}
