/** What stands in the traits that are lists and dicts. Bytes arrive as DataView. */

/** One layer, in the order of execution: a block stands before its parts. Height and width are 0 without positions. */
export interface LayerInfo {
  name: string;
  kind: string;
  channels: number;
  height: number;
  width: number;
  parent: string;
  container: boolean;
  field: [size: number, jump: number, start: number] | null;
}

/** A picture at the network's input size, as PNG or JPEG; scores are float32 probabilities, or no bytes at all. */
export interface Picture {
  name: string;
  width: number;
  height: number;
  data: DataView;
  scores: DataView;
}

export interface NoticeAction {
  label: string;
  set: Record<string, unknown>;
}

/** What happened, why, what to do; `detail` is a traceback. */
export interface Notice {
  kind: "" | "warn" | "fail";
  title: string;
  text: string;
  actions: NoticeAction[];
  detail: string;
}

/**
 * All maps of a layer. The value of a level is `lo + level / 255 * (hi - lo)`; `lo` is NaN where a map is not made of numbers.
 * lo, hi, mean and zeros are float32 (channels,), peak int32 (channels,) counts in `full`, data uint8 (channels, height, width).
 */
export interface Maps {
  image: number;
  layer: string;
  channels: number;
  height: number;
  width: number;
  full: [height: number, width: number];
  lo: DataView;
  hi: DataView;
  mean: DataView;
  zeros: DataView;
  peak: DataView;
  data: DataView;
}

/** One map as it is, float32 (height, width), and the channels most like it. */
export interface Unit {
  image: number;
  layer: string;
  channel: number;
  height: number;
  width: number;
  data: DataView;
  similar: number[];
}

/** For each layer uint8 (24,): how many activations are small, how many large, on a log scale. */
export interface Activity {
  image: number;
  bins: Record<string, DataView>;
}

/** Signed values of one class at one layer, float32 (height, width); `why` says why there is nothing to see. */
export interface HeatmapInfo {
  image: number;
  layer: string;
  target: number;
  height: number;
  width: number;
  data: DataView;
  why: string;
}

/** A dict while there is nothing to tell. */
export type Empty = Record<string, never>;

/** What a page without Python can show; the entries are those of the widget. */
export interface Archive<Entry = unknown> {
  kind: string;
  entries: Record<string, Entry>;
}
