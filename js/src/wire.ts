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

/**
 * Signed values of one class at one layer (or several, joined by " + "), float32 (height, width); `why` says why there is nothing to see.
 * `against` is the class that the class is seen against, or -1; `place` a box or pixel, as the trait; `done` the share computed.
 */
export interface HeatmapInfo {
  image: number;
  layer: string;
  target: number;
  against: number;
  method: string;
  place: number[];
  height: number;
  width: number;
  data: DataView;
  why: string;
  done: number;
}

/**
 * The places of a picture that can be asked about. Boxes are float32 (count, 4): left, top, right, bottom in pixels of the picture;
 * segments are the class of each pixel, uint16 (height, width), deflated.
 */
export interface RegionsInfo {
  image: number;
  kind: "boxes" | "segments";
  height: number;
  width: number;
  boxes: DataView;
  labels: number[];
  scores: number[];
  classes: DataView;
}

/** What is known of a picture: its class (-1: not known), and the mask as bits, row by row; height 0 without one. */
export interface SceneInfo {
  label: number;
  background: string;
  height: number;
  width: number;
  mask: DataView;
}

export interface MethodInfo {
  key: string;
  title: string;
  layered: boolean;
}

/** A column of a ranking; `top` is the end of its scale, 0 where it has none. */
export interface MeasureInfo {
  key: string;
  title: string;
  better: "high" | "low";
  reference: boolean;
  how: string;
  hit: boolean;
  top: number;
}

/**
 * A ranking as far as it is computed: float32 values (rows, measures, scenes), mean, low and high (rows, measures), curves
 * (rows, 2, scenes, points); NaN where there is nothing. weak and lead are one byte an entry, (rows, measures).
 * The last row is the random map. Scene k is picture images[k]; `part` is the share of the scene at work that is done.
 */
export interface RankTable {
  layer: string;
  target: number;
  images: number[];
  rows: string[];
  left_out: { title: string; why: string }[];
  measures: MeasureInfo[];
  done: number;
  part: number;
  points: number;
  values: DataView;
  mean: DataView;
  low: DataView;
  high: DataView;
  curves: DataView;
  weak: DataView;
  lead: DataView;
}

/**
 * A map of a method on a picture, under `picture|layer|method|class`. The value of a level is `low + level / 255 * (high - low)`;
 * data uint8 (height, width), full is its own size in cells.
 */
export interface TrustMap {
  key: string;
  layer: string;
  height: number;
  width: number;
  full: [height: number, width: number];
  low: number;
  high: number;
  /** The strongest place, as shares of the picture's height and width. */
  peak: number[];
  data: DataView;
  why: string;
}

/** A field as `scale` times float16 numbers of size up to 1: right to three digits. */
export interface PackedField {
  height: number;
  width: number;
  scale: number;
  data: DataView;
}

/** One attribution method; `passes` are forward and backward passes of one picture, or nothing where that is not known. */
export interface AttributionMethod {
  key: string;
  title: string;
  short: string;
  family: string;
  how: string;
  unit: string;
  layered: boolean;
  passes: number[];
  listed: boolean;
}

/**
 * The map of one method for one picture and class. What is counted of it is exact: low, high, sum, the share of positive
 * values and the share of places that hold half of its strength. `rho` has its rank correlations with maps that were there
 * before it, by `image|layer|target|method`. `failed` says why there is no map.
 */
export interface AttributionInfo extends PackedField {
  image: number;
  target: number;
  method: string;
  layer: string;
  low: number | null;
  high: number | null;
  sum: number | null;
  positive: number | null;
  half: number | null;
  why: string;
  done: number;
  total: number;
  ms: number;
  relus: number | null;
  error: number | null;
  notes: string[];
  where: string;
  failed: string;
  rho: Record<string, number | null>;
}

/** Winners of an unpooling, int32 (height, width): each as row * across + column of the plane it is put into. */
export interface Winners {
  height: number;
  width: number;
  across: number;
  data: DataView;
}

/** One stage of a DeconvNet; `before` where it is not what left the stage before it. */
export interface StageInfo {
  layer: string;
  deed: string;
  text: string;
  shape: number[];
  alive: number;
  zeros: number | null;
  positive: number | null;
  high: number | null;
  signal: PackedField;
  before: (PackedField & { shape: number[] }) | Empty;
  switches: Winners | Empty;
}

/** A DeconvNet stage by stage, from a class or from one unit. */
export interface Walk {
  image: number;
  target: number;
  unit: string;
  called: string;
  relus: number;
  failed: string;
  rows: StageInfo[];
  pixels: PackedField | Empty;
}

/** What is drawn over a picture: its pixels as bits, row by row, as `numpy.packbits` has them. `stroke` counts what is drawn. */
export interface Brush {
  image: number;
  height: number;
  width: number;
  data: DataView;
  stroke: number;
}

/**
 * What the network says with one place covered, float32 (classes,) each. It is the answer for the cover with its upper left corner
 * at row, column; or, with `brush`, for what was drawn at that `stroke`.
 */
export interface CoverAnswer {
  image: number;
  row: number;
  column: number;
  window: number;
  fill: string;
  shape: string;
  brush: boolean;
  stroke: number;
  probabilities: DataView;
  logits: DataView;
  /** Milliseconds the network took. */
  took: number;
}

/** The scores of a picture as it is, float32 (classes,). */
export interface Uncovered {
  image: number;
  logits: DataView;
}

/**
 * What the network says with each of P places covered, as far as it is computed. `boxes` are int32 (P, 4): top, left, bottom, right,
 * the last two excluded; row by row of a grid (rows, columns). Of the classes in `classes` there are probabilities and logits,
 * float32 (P, classes) (in an archive float16), NaN where not computed, and `uncovered`, their float32 logits with nothing covered.
 * `best` is the most probable of all classes, int32 (P,), or -1. `done` is the share computed, `left` the seconds still to go or -1.
 */
export interface OcclusionInfo {
  image: number;
  fill: string;
  shape: string;
  window: number;
  stride: number;
  rows: number;
  columns: number;
  boxes: DataView;
  classes: number[];
  probabilities: DataView;
  logits: DataView;
  uncovered: DataView;
  best: DataView;
  done: number;
  left: number;
  exact: boolean;
  /** How far approximate values are off, or why the network had to see every picture whole. */
  note: string;
}

/** A dict while there is nothing to tell. */
export type Empty = Record<string, never>;

/** What a page without Python can show; the entries are those of the widget. */
export interface Archive<Entry = unknown> {
  kind: string;
  entries: Record<string, Entry>;
}
