/** How texts are measured, and how messages name what they were given, as the API does it. */

/** Printable characters of any script, and the space. */
export const PRINTABLE = /^(?:[^\p{C}\p{Z}]| )*$/u

/** Return what kind of thing a value is, with its article, like `an array`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object') return `a ${typeof value}`
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `a ${name}` : 'an object'
}

/** Return a text in quotes, as the API quotes it. */
export function quoted(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'"
  const inner = text
    .replace(/\\/gu, '\\\\')
    .replaceAll(mark, `\\${mark}`)
    .replace(/[^\P{C}]|(?! )\p{Z}/gu, (each) => ESCAPES[each] ?? escaped(each))
  return mark + inner + mark
}

/** Return the first characters of a text; one beyond the BMP counts once. */
export function first(count: number, text: string): string {
  return [...text.slice(0, 2 * count)].slice(0, count).join('')
}

/** Return how many characters a text has; one beyond the BMP counts once. */
export function lengthOf(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}

export function isPadded(text: string): boolean {
  return text.startsWith(' ') || text.endsWith(' ')
}

const ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escaped(character: string): string {
  const code = character.codePointAt(0) as number
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`
}
