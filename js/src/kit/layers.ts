/** The layers of a network as rows folded by block. */

import type { LayerInfo } from "../traits";
import { extent } from "./numbers";

export interface Row {
  layer: LayerInfo;
  /** Name of the row it is a part of, "" at the top. */
  parent: string;
  depth: number;
  parts: Row[];
  /** The name without that of the enclosing block. */
  label: string;
}

/** Rows in execution order. Containers have none: their parts move up to where they stand. */
export function fold(layers: LayerInfo[]): Row[] {
  const listed = new Map(layers.map((layer) => [layer.name, layer]));
  const rows = new Map<string, Row>();
  const top: Row[] = [];
  for (const layer of layers) if (!layer.container) rows.set(layer.name, row(layer, drawnParent(layer, listed)));
  for (const each of rows.values()) (rows.get(each.parent)?.parts ?? top).push(each);
  const setDepth = (list: Row[], depth: number) => list.forEach((each) => ((each.depth = depth), setDepth(each.parts, depth + 1)));
  setDepth(top, 0);
  return top;
}

function row(layer: LayerInfo, parent: string): Row {
  const label = parent && layer.name.startsWith(`${parent}.`) ? layer.name.slice(parent.length + 1) : layer.name;
  return { layer, parent, depth: 0, parts: [], label };
}

function drawnParent(layer: LayerInfo, listed: Map<string, LayerInfo>): string {
  let parent = listed.get(layer.parent);
  for (let steps = 0; parent?.container && steps < listed.size; steps++) parent = listed.get(parent.parent);
  return parent && !parent.container && parent !== layer ? parent.name : "";
}

/** From the top row down to the named one; empty if it has no row. */
export function path(rows: Row[], name: string): Row[] {
  for (const each of rows) {
    if (each.layer.name === name) return [each];
    const below = path(each.parts, name);
    if (below.length) return [each, ...below];
  }
  return [];
}

/** Top rows, with the parts of the blocks that enclose the named layer. */
export function opened(rows: Row[], name: string): Row[] {
  const open = new Set(path(rows, name));
  const walk = (list: Row[]): Row[] => list.flatMap((each) => (open.has(each) ? [each, ...walk(each.parts)] : [each]));
  return walk(rows);
}

/** All rows below the given one, in order. */
export function within(row: Row): Row[] {
  return row.parts.flatMap((part) => [part, ...within(part)]);
}

const QUIET = /relu|elu\b|gelu|silu|swish|sigmoid|tanh|softmax|mish|pool|drop|flatten|identity/i;

/** Activations, pooling and dropout: drawn lighter. */
export function quiet(kind: string): boolean {
  return QUIET.test(kind);
}

export function spatial(layer: LayerInfo): boolean {
  return layer.height > 0 && layer.width > 0;
}

/** `512 × 13 × 13`, or `1000` without spatial axes. */
export function shape(layer: LayerInfo): string {
  return spatial(layer) ? extent(layer.channels, layer.height, layer.width) : extent(layer.channels);
}

export function spoken(layer: LayerInfo): string {
  const size = spatial(layer) ? `${layer.channels} channels of ${layer.height} by ${layer.width}` : `${layer.channels} values`;
  return `${layer.name}, ${layer.kind}, ${size}`;
}

/** Names of a few letters for the skyline: `7` for features.7, `c1` for classifier.1, `1.0` for layer1.0. */
export function shortNames(names: string[]): string[] {
  const stem = commonStem(names);
  return names.map((name) => {
    const tokens = name.split(".");
    const dropped = stem !== null && tokens.length > 1 && letters(tokens[0]) === stem;
    if (dropped) tokens[0] = tokens[0].slice(stem.length);
    return join(tokens.filter(Boolean).map(abbreviate));
  });
}

function commonStem(names: string[]): string | null {
  const counts = new Map<string, number>();
  for (const name of names) {
    if (name.includes(".")) counts.set(letters(name), (counts.get(letters(name)) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null;
}

const letters = (name: string) => /^[^\d.]*/.exec(name)![0];

function abbreviate(token: string): string {
  const [, word, digits] = /^(.*?)(\d*)$/s.exec(token)!;
  return (word.length <= 2 ? word : word[0]) + digits;
}

function join(tokens: string[]): string {
  return tokens.reduce((text, token) => text + (/\d$/.test(text) || !/^\d/.test(token) ? (text ? "." : "") : "") + token, "");
}
