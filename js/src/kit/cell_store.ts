/** Pictures of cells, wherever they come from: messages while Python computes, the saved state, a page of its own. */

import type { FilterCells, FilterGalleryTraits, FilterUnit, FilterWall, FilterWeights } from "../traits";
import { Cache } from "./cache";
import { readWall, type Wall } from "./filter_wall";
import { filled, listen, type Model } from "./model";

export interface CellPicture {
  done: number;
  file: DataView;
}

export interface CellStore {
  wall(layer: string): Wall | null;
  weights(layer: string): FilterWeights | null;
  /** The picture of a unit as it is now. */
  picture(wall: Wall, channel: number): CellPicture | null;
  /** Its sheet of strongest patches. */
  patches(wall: Wall, channel: number): DataView | null;
  unit(wall: Wall, channel: number): FilterUnit | null;
  /** Layers that can be shown without Python. */
  layers(): string[];
}

interface Entry {
  wall: FilterWall;
  weights: FilterWeights;
  cells: FilterCells;
  units: Record<string, FilterUnit>;
}

/** A parcel of pictures from Python. */
interface Parcel {
  type: "cells";
  kind: "synthesized" | "patches";
  layer: string;
  key: string;
  channels: number[];
  done: number[];
  scores?: (number | null)[];
  notes?: Record<string, string>;
}

const MEMORY = 64e6;

/** `changed` is told which channels have another picture; null: anything. */
export function cellStore(model: Model<FilterGalleryTraits>, changed: (channels: number[] | null) => void, signal: AbortSignal): CellStore {
  const pictures = new Cache<CellPicture>(MEMORY);
  const sheets = new Cache<DataView>(MEMORY / 2);
  const units = new Cache<FilterUnit>(MEMORY / 4);
  const walls = new Map<string, Wall>();
  const entries = () => (filled(model.get("archive"))?.entries ?? {}) as Record<string, Entry>;
  const address = (key: string, channel: number) => `${key}|${channel}`;

  const put = (key: string, channel: number, done: number, file: DataView) => {
    const known = pictures.get(address(key, channel));
    if (!known || known.done <= done) pictures.set(address(key, channel), { done, file }, file.byteLength);
  };
  const readCells = (cells: FilterCells | null) => {
    cells?.channels.forEach((channel, k) => put(cells.key, channel, cells.done[k], cells.data[k]));
    cells?.patched.forEach((channel, k) => sheets.set(address(cells.key, channel), cells.patches[k], cells.patches[k].byteLength));
  };
  const keepUnit = (unit: FilterUnit | null) => { if (unit) units.set(address(unit.key, unit.channel), unit, unit.film.data.reduce((sum, file) => sum + file.byteLength, 4000)); };
  const readTrait = () => {
    const told = filled<FilterWall>(model.get("wall") as FilterWall);
    if (told) walls.set(told.layer, readWall(told, walls.get(told.layer)));
  };
  const receive = (content: Parcel, buffers: DataView[] = []) => {
    if (content?.type !== "cells") return;
    const wall = walls.get(content.layer);
    content.channels.forEach((channel, k) => {
      if (content.kind === "patches") sheets.set(address(content.key, channel), buffers[k], buffers[k].byteLength);
      else put(content.key, channel, content.done[k], buffers[k]);
      if (wall?.key === content.key && content.kind === "synthesized") note(wall, content, channel, k);
    });
    changed(content.channels);
  };
  const note = (wall: Wall, { done, scores, notes }: Parcel, channel: number, k: number) => {
    wall.done[channel] = Math.max(wall.done[channel], done[k]);
    wall.score[channel] = scores?.[k] ?? NaN;
    if (notes?.[channel]) wall.notes.set(channel, notes[channel]);
  };
  const readArchive = () => {
    for (const entry of Object.values(entries())) {
      if (!walls.has(entry.wall.layer)) walls.set(entry.wall.layer, readWall(entry.wall, undefined));
      readCells(entry.cells);
    }
  };

  listen(model, "msg:custom", receive, signal);
  listen(model, "change:wall", () => { readTrait(); changed(null); }, signal);
  listen(model, "change:cells", () => { readCells(filled<FilterCells>(model.get("cells") as FilterCells)); changed(null); }, signal);
  listen(model, "change:unit", () => { keepUnit(filled<FilterUnit>(model.get("unit") as FilterUnit)); changed(null); }, signal);
  listen(model, "change:weights", () => changed(null), signal);
  readTrait();
  readCells(filled<FilterCells>(model.get("cells") as FilterCells));
  keepUnit(filled<FilterUnit>(model.get("unit") as FilterUnit));
  readArchive();

  const weights = (layer: string) => {
    const told = filled<FilterWeights>(model.get("weights") as FilterWeights);
    return told?.layer === layer ? told : (entries()[layer]?.weights ?? null);
  };
  return {
    weights,
    wall: (layer) => walls.get(layer) ?? null,
    picture: (wall, channel) => pictures.get(address(wall.key, channel)) ?? null,
    patches: (wall, channel) => sheets.get(address(wall.key, channel)) ?? null,
    unit: (wall, channel) => units.get(address(wall.key, channel)) ?? entries()[wall.layer]?.units[channel] ?? null,
    layers: () => [...walls.keys()],
  };
}
