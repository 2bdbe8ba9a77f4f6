// Written by `make traits` from the widget classes: change the Python, not this file.

import type { Activity, AloneInfo, Archive, AttributionInfo, AttributionMethod, Brush, CoverAnswer, DreamFilm, DreamPlan, DreamSays, Empty, FilterCells, FilterUnit, FilterWall, FilterWeights, HeatmapInfo, LabFrame, LabPreset, LabRecipe, LabReference, LabRun, LabStudy, LayerInfo, LiveFrame, Maps, MethodInfo, Notice, OcclusionInfo, Picture, PullCurves, RankTable, RegionsInfo, SceneInfo, TrustMap, Uncovered, Unit, Walk } from "./wire";

export type * from "./wire";

export interface ViewerTraits {
  archive: Archive | Empty;
  channel: number;
  image: number;
  labels: string[];
  layer: string;
  layers: LayerInfo[];
  message: string;
  notice: Notice | Empty;
  pictures: Picture[];
  progress: number;
  status: "empty" | "busy" | "ready" | "failed";
  subject: string;
  target: number;
}

export interface DreamCanvasTraits extends ViewerTraits {
  alone: Record<string, AloneInfo>;
  curves: PullCurves | Empty;
  film: DreamFilm | Empty;
  guide: number;
  jitter: number;
  levels: number;
  live: LiveFrame | Empty;
  mix: Record<string, number>;
  octaves: number;
  plan: DreamPlan | Empty;
  rate: number;
  ratio: number;
  rows: string[];
  saving: string;
  says: DreamSays | Empty;
  seed: number;
  shown: number;
  size: number;
  speed: number;
  steps: number;
  view: "dream" | "split" | "photo";
  wanted: string[];
  zoom: number;
}

export interface FeatureLabTraits extends ViewerTraits {
  film_a: LabFrame[];
  film_b: LabFrame[];
  presets: LabPreset[];
  ranges: Record<string, [number, number]>;
  recipe_a: LabRecipe;
  recipe_b: LabRecipe;
  reference: LabReference | Empty;
  run_a: LabRun | Empty;
  run_b: LabRun | Empty;
  seed: number;
  side: "A" | "B";
  size: number;
  study: LabStudy | Empty;
  view: "one" | "both";
}

export interface FilterGalleryTraits extends ViewerTraits {
  cells: FilterCells | Empty;
  mode: "weights" | "synthesized" | "patches";
  only: string;
  recipe: Record<string, unknown>;
  seed: number;
  size: number;
  sort: "channel" | "response" | "activation" | "frequency" | "likeness";
  steps: number;
  unit: FilterUnit | Empty;
  viewport: number[];
  wall: FilterWall | Empty;
  weights: FilterWeights | Empty;
  whole: boolean;
}

export interface GradCAMViewerTraits extends ViewerTraits {
  colormap: "tide" | "viridis" | "gray";
  compare: number;
  contrast: boolean;
  fused: string[];
  heatmaps: HeatmapInfo[];
  method: "grad_cam" | "grad_cam_plus_plus" | "hires_cam" | "layer_cam" | "xgrad_cam" | "eigen_cam" | "cam" | "score_cam" | "ablation_cam";
  opacity: number;
  place: number[];
  regions: RegionsInfo[];
  same_scale: boolean;
  signed: boolean;
  threshold: number;
}

export interface LayerExplorerTraits extends ViewerTraits {
  activity: Activity | Empty;
  colormap: "tide" | "viridis" | "gray";
  maps: Maps | Empty;
  unit: Unit | Empty;
}

export interface OcclusionSliderTraits extends ViewerTraits {
  answer: CoverAnswer | Empty;
  brush: Brush | Empty;
  compare: number;
  compare_fill: string;
  exact: boolean;
  fill: string;
  held: boolean;
  maps: OcclusionInfo[];
  measure: "probability" | "score";
  mode: "cover" | "brush";
  opacity: number;
  place: number[];
  shape: "square" | "circle";
  stride: number;
  uncovered: Uncovered | Empty;
  window: number;
}

export interface SaliencyViewerTraits extends ViewerTraits {
  heatmaps: AttributionInfo[];
  method: string;
  methods: AttributionMethod[];
  mode: "compare" | "steps";
  partial: AttributionInfo | Empty;
  shown: string[];
  signed: boolean;
  sort: "family" | "agreement" | "cost";
  stages: Walk | Empty;
  step: number;
  unit: string;
  zoom: number;
}

export interface TrustBoardTraits extends ViewerTraits {
  heatmaps: TrustMap[];
  kept: Record<string, TrustMap>;
  measure: string;
  method: string;
  methods: MethodInfo[];
  scenes: SceneInfo[];
  table: RankTable | Empty;
  view: "overlay" | "map" | "picture";
  worst_first: boolean;
}
