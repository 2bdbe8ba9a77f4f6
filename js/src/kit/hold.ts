/** A press, and where the pointer goes while it is held. */

/** `at` gets pixels from the left edge; without leave of `may` a press does nothing. */
export function onHold(element: HTMLElement, at: (x: number) => void, may = () => true): void {
  let held = false;
  const point = (event: PointerEvent) => at(event.clientX - element.getBoundingClientRect().left);
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !may()) return;
    held = true;
    element.setPointerCapture?.(event.pointerId);
    point(event);
  });
  element.addEventListener("pointermove", (event) => { if (held) point(event); });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) element.addEventListener(end, () => (held = false));
}
