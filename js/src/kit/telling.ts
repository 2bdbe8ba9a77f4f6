/** Signs for benchmarks in the browser's performance timeline: only the last of a name is kept. */

export function tell(name: string, detail: Record<string, unknown>): void {
  performance.clearMarks?.(name);
  performance.mark?.(name, { detail });
}

/** The same for something that took from `start` until now. */
export function tellDuration(name: string, start: number, detail: Record<string, unknown>): void {
  performance.clearMeasures?.(name);
  performance.measure?.(name, { start, detail });
}
