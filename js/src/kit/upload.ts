/** Pictures on their way to Python, in parts small enough for the server's websocket. */

import { claim } from "./controls";

export const PART = 4_000_000;

export interface UploadPart {
  content: { type: "upload"; id: string; name: string; part: number; parts: number };
  buffer: ArrayBuffer;
}

/** `part` counts from 0. An empty file is one empty part, so that Python can say what is wrong with it. */
export function partsOf(name: string, data: ArrayBuffer, id: string, size = PART): UploadPart[] {
  const parts = Math.max(1, Math.ceil(data.byteLength / size));
  return Array.from({ length: parts }, (_, part) => ({
    content: { type: "upload", id, name, part, parts },
    buffer: data.slice(part * size, (part + 1) * size),
  }));
}

type Send = (content: object, buffers: ArrayBuffer[]) => void;

/** Send files one after the other. */
export async function upload(files: Iterable<File>, send: Send): Promise<void> {
  for (const file of files) {
    const data = await file.arrayBuffer();
    for (const { content, buffer } of partsOf(file.name || "pasted", data, freshId())) send(content, [buffer]);
  }
}

const freshId = () => Math.random().toString(36).slice(2) + Date.now().toString(36);

/** Files in what was dropped or pasted. */
export function filesIn(transfer: DataTransfer | null): File[] {
  return [...(transfer?.files ?? [])];
}

/** Drops and pastes anywhere on `root` become uploads; `root` carries data-drop while something hangs over it. */
export function acceptFiles(root: HTMLElement, allowed: () => boolean, take: (files: File[]) => void): void {
  const carries = (event: DragEvent) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const mark = (on: boolean) => (on ? (root.dataset.drop = "") : delete root.dataset.drop);
  root.addEventListener("dragover", (event) => {
    if (!carries(event) || !allowed()) return;
    claim(event);
    mark(true);
  });
  root.addEventListener("dragleave", (event) => { if (!root.contains(event.relatedTarget as Node | null)) mark(false); });
  root.addEventListener("drop", (event) => {
    mark(false);
    if (!carries(event) || !allowed()) return;
    claim(event);
    take(filesIn(event.dataTransfer));
  });
  root.addEventListener("paste", (event) => {
    const files = filesIn(event.clipboardData);
    if (!files.length || !allowed()) return;
    claim(event);
    take(files);
  });
}
