// Compiles TypeScript against the package, as a user's project would.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TSC = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

/** Return what a strict compiler says of a program; '' if nothing. No library but that of the language is there. */
export function complaintsOf(program, { name = 'program.ts', options = {} } = {}) {
  // within the package, which finds itself by its own name
  const folder = mkdtempSync(join(ROOT, 'test', 'compiled-'))
  try {
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: 'ES2022',
      lib: ['ES2022'],
      types: [],
      module: 'NodeNext',
      moduleResolution: 'NodeNext',
      skipLibCheck: false,
      ...options,
    }
    writeFileSync(join(folder, name), program)
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [name] }))
    const run = spawnSync(process.execPath, [TSC, '--project', folder], { encoding: 'utf8' })
    return run.status === 0 ? '' : run.stdout + run.stderr
  } finally {
    rmSync(folder, { recursive: true })
  }
}
