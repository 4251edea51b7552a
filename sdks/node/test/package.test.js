// The package is the same whoever loads it: import, require, and runtimes that have nothing of Node.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as imported from '@flux/node'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PACKAGE = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8'))
const required = createRequire(import.meta.url)('@flux/node')
const esm = await import('../dist/esm/index.js')

test('import and require get the very same classes, and there is no default', () => {
  assert.equal(imported.default, undefined)
  assert.deepEqual(Object.keys(imported).sort(), Object.keys(required).sort())
  for (const name of Object.keys(required)) assert.equal(imported[name], required[name])
  assert.deepEqual(Object.keys(esm).sort(), Object.keys(required).sort())
})

test('it has no dependencies, and names the version that it tells', () => {
  assert.equal(PACKAGE.dependencies, undefined)
  assert.equal(imported.VERSION, PACKAGE.version)
})

test('every error is a class of this package that has its own name', () => {
  const errors = Object.entries(imported).filter(([name]) => name.endsWith('Error'))
  assert.equal(errors.length, 14)
  for (const [name, kind] of errors) {
    assert.equal(kind.prototype.name, name)
    assert.ok(name === 'FluxError' || kind.prototype instanceof imported.FluxError)
  }
})

test('what runs on the edge names nothing of Node', () => {
  const files = readdirSync(`${ROOT}/dist/esm`, { recursive: true }).filter(
    (each) => each.endsWith('.js') && each !== 'index.js',
  )
  assert.ok(files.length > 20)
  for (const file of files) {
    assert.doesNotMatch(readFileSync(`${ROOT}/dist/esm/${file}`, 'utf8'), /['"]node:|\brequire\(|\bBuffer\./, file)
  }
})

const PROGRAM = `
const { Flux, ConfigurationError } = await import('@flux/node')
for (const name of ['process', 'Buffer', 'global', 'require']) delete globalThis[name]
const flux = new Flux()
const given = ['{"test": 2432232314}', 't=1614265330,v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', { now: 1614265330 }]
const event = await flux.webhooks.verifyAsync(...given)
let message
try { flux.webhooks.verify(...given) } catch (error) { message = error instanceof ConfigurationError && error.message }
const refused = await flux.events.publish('a.b', {}).catch((error) => error.message)
console.log(JSON.stringify([event, message, refused]))
`
for (const condition of ['edge-light', 'workerd']) {
  test(`under the condition ${condition} it verifies with Web Crypto alone`, () => {
    const run = spawnSync(process.execPath, ['--conditions', condition, '--input-type=module', '--eval', PROGRAM], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    assert.equal(run.stderr, '')
    const [event, message, refused] = JSON.parse(run.stdout)
    assert.deepEqual(event, { test: 2432232314 })
    assert.match(message, /use await flux\.webhooks\.verifyAsync/)
    assert.match(refused, /^There is no API key/)
  })
}

test('the first entry that fits each runtime is the one for it', () => {
  const [conditions] = [Object.keys(PACKAGE.exports['.'])]
  assert.deepEqual(conditions, ['edge-light', 'workerd', 'deno', 'bun', 'node', 'import', 'require'])
})
