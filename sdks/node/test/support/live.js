// A real API to call, named by the environment; tests that need one are skipped where there is none.

export const API_URL = process.env.FLUX_API_URL
export const API_KEY = process.env.FLUX_API_KEY
export const PLATFORM_KEY = process.env.FLUX_PLATFORM_KEY

const isThere = API_URL !== undefined && API_KEY !== undefined && PLATFORM_KEY !== undefined

/** Options of a test that needs the API. */
export const LIVE = isThere ? {} : { skip: 'there is no FLUX_API_URL, FLUX_API_KEY and FLUX_PLATFORM_KEY' }

/** Return the method of a client that does an operation. */
export function methodOf(flux, operation) {
  const [resource, verb] = operation.split('.')
  return (...given) => flux[resource][verb](...given)
}
