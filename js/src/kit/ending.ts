/** The end of a view: what it holds is let go. */

export function onEnd(signal: AbortSignal, deed: () => void): void {
  signal.addEventListener("abort", deed, { once: true });
}
