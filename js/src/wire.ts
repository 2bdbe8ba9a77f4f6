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

/** How a picture is climbed, as the sliders of the laboratory have it. `preset` and `base` are the recipe it began as; weights are multiples of the response. */
export interface LabRecipe {
  preset: string;
  base: Record<string, unknown>;
  objective: string;
  painted: string;
  climber: string;
  rate: number;
  steps: number;
  pad: number;
  jitter: number;
  scale: [low: number, high: number];
  rotate: number;
  settle: number;
  octaves: number;
  ratio: number;
  /** Whether parts of the picture may be transparent. */
  alpha: boolean;
  l2: number;
  l1: number;
  tv: number;
  blur: number;
}

export interface LabPreset {
  key: string;
  title: string;
  recipe: LabRecipe;
}

/**
 * One ascent as far as it is. At `steps`, int32, there are responses and distances, float32, NaN where not measured; `changes` are
 * the steps from which on another recipe held. `recipe` is the one of the last step, `note` says why there is little to see.
 * `mattered`: with MaCo, how much each part of the picture did.
 */
export interface LabRun {
  unit: string;
  done: number;
  total: number;
  height: number;
  width: number;
  picture: DataView;
  mattered: LabLevels | Empty;
  steps: DataView;
  responses: DataView;
  distances: DataView;
  changes: number[];
  recipe: LabRecipe;
  note: string;
  code: string;
}

/** A map of 8-bit levels, from nothing to the most. */
export interface LabLevels {
  height: number;
  width: number;
  data: DataView;
}

/** A picture of the film; no bytes where it is not computed yet. */
export interface LabFrame {
  step: number;
  data: DataView;
}

/** What the unit answers to most, or a picture given in its place. `response` is NaN-free: null where not known. */
export interface LabReference {
  kind: "patch" | "picture";
  name: string;
  data: DataView;
  response: number | null;
  about: string;
  distance: string;
}

/** An octave or a zoom of a dream: its steps from the first to the last, and its size in pixels. */
export interface DreamSection {
  kind: "octave" | "zoom";
  number: number;
  first: number;
  last: number;
  height: number;
  width: number;
}

/** What a dream was asked for, by the names of the traits; `pulls` is the mix. */
export interface DreamAsked {
  pulls: Record<string, number>;
  [name: string]: unknown;
}

/**
 * Where a dream is: `step` steps of `total` that are planned, by octaves and zooms; `kept` are the steps whose frames Python has.
 * A dream that starts again from the photo has another number as its `reel`.
 */
export interface DreamPlan {
  reel: number;
  image: number;
  height: number;
  width: number;
  step: number;
  total: number;
  sections: DreamSection[];
  kept: number[];
  asked: DreamAsked;
}

/** The picture after a step, as PNG or JPEG. */
export interface DreamFrame {
  step: number;
  data: DataView;
}

export interface LiveFrame extends DreamFrame {
  reel: number;
}

/** All frames; told when a dream ends or is stopped, as until then each was a `LiveFrame`. */
export interface DreamFilm {
  reel: number;
  image: number;
  frames: DreamFrame[];
}

/**
 * Activity of each unit over the steps: int32 (steps,), float32 (units, steps), NaN where it was not pulled. The photo's own is 1; the
 * units in `silent` have none in the photo, and their activity stands as it is.
 */
export interface PullCurves {
  reel: number;
  units: string[];
  silent: string[];
  steps: DataView;
  values: DataView;
}

/** What one unit alone makes of a picture, as a small JPEG; or why it makes nothing. */
export interface AloneInfo {
  data: DataView;
  why: string;
}

/** What the network says of the picture after a step: float32 probabilities. */
export interface DreamSays {
  reel: number;
  step: number;
  scores: DataView;
}

/**
 * All units of a layer. `key` stands for everything that decides the pictures. done is int32 (channels,), steps taken; score, peak and
 * frequency float32 (channels,), NaN or no bytes where not known. `notes` say of a channel why nothing came. `profile` is int8
 * (channels, answers): the cosine of two rows says how alike two units are, as told by `probe`.
 */
export interface FilterWall {
  layer: string;
  key: string;
  channels: number;
  size: number[];
  steps: number;
  /** After which steps a film has a frame. */
  marks: number[];
  seed: number;
  recipe: string;
  /** How many pictures the data set has, and how many of them have been looked at. */
  pictures: number;
  seen: number;
  /** Files among them that are no pictures, and why they were not looked through to their end. */
  unreadable: string[];
  unread: string;
  done: DataView;
  score: DataView;
  notes: Record<string, string>;
  peak: DataView;
  frequency: DataView;
  profile: DataView;
  probe: string;
}

/**
 * The filters of a layer, or `why` there are none and which convolutions are `near`. Of each filter the inputs in `chosen`, int32
 * (channels, shown), as int8 levels (channels, shown, height, width): 127 is the filter's `bound`, float32 (channels,).
 */
export interface FilterWeights {
  layer: string;
  why: string;
  near: string[];
  rgb: boolean;
  inputs: number;
  shown: number;
  height: number;
  width: number;
  dead: number[];
  chosen: DataView;
  bound: DataView;
  data: DataView;
}

/** Pictures of cells as JPEG files, after so many steps; sheets of three by three patches of those in `patched`. */
export interface FilterCells {
  layer: string;
  key: string;
  channels: number[];
  done: number[];
  data: DataView[];
  patched: number[];
  patches: DataView[];
}

/** Pictures that were asked for of one unit, as far as they are. */
export interface FilterStudy {
  done: number;
  steps: number;
  size: number[];
  data: DataView[];
  /** The unit at the other end of a way. */
  other?: number;
}

/** All about one unit: the film of its ascent, the score at each step (float32), and what was asked for besides. */
export interface FilterUnit {
  layer: string;
  key: string;
  channel: number;
  done: number;
  note: string;
  film: { steps: number[]; data: DataView[] };
  history: DataView;
  sharp: FilterStudy | Empty;
  variants: FilterStudy | Empty;
  between: FilterStudy | Empty;
  patches: { value: number; name: string; box: number[] }[];
  sheet: DataView;
}

/** A recipe of a study with its pictures, a number and a picture a channel; null where there is none. Improvements are in %. */
export interface LabStudyRow {
  title: string;
  recipe: LabRecipe;
  distances: (number | null)[];
  improvements: (number | null)[];
  responses: (number | null)[];
  mean: number | null;
  low: number | null;
  high: number | null;
  /** Whether its pictures excite most channels less than real ones do. */
  faint: boolean;
  pictures: DataView[];
}

/** Recipes compared by how close their pictures come to real ones; the first has no regularization. */
export interface LabStudy {
  layer: string;
  channels: number[];
  measure: string;
  seeds: number;
  done: number;
  total: number;
  references: DataView[];
  rows: LabStudyRow[];
}

/** A dict while there is nothing to tell. */
export type Empty = Record<string, never>;

/** What a page without Python can show; the entries are those of the widget. */
export interface Archive<Entry = unknown> {
  kind: string;
  entries: Record<string, Entry>;
}
