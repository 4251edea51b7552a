/** The passing of time, and chance, in one place that tests put something else into. */

export const clock = {
  wait: (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
  random: (): number => Math.random(),
}
