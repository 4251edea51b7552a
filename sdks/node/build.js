// Builds the package into dist: the sources as ES modules and as CommonJS, and what `import` gets in Node.

import { spawnSync } from 'node:child_process'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const dist = join(root, 'dist')
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

rmSync(dist, { recursive: true, force: true })
for (const project of ['tsconfig.json', 'tsconfig.cjs.json']) {
  const run = spawnSync(process.execPath, [tsc, '--project', join(root, project)], { stdio: 'inherit' })
  if (run.status !== 0) process.exit(run.status ?? 1)
}
writeFileSync(join(dist, 'cjs', 'package.json'), '{ "type": "commonjs" }\n')
copyFileSync(join(root, 'src', 'node.mjs'), join(dist, 'node.mjs'))
