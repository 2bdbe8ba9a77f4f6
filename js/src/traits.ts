// Written by `make traits` from the widget classes: change the Python, not this file.

import type { Activity, Archive, AttributionInfo, AttributionMethod, Brush, CoverAnswer, Empty, HeatmapInfo, LayerInfo, Maps, MethodInfo, Notice, OcclusionInfo, Picture, RankTable, RegionsInfo, SceneInfo, TrustMap, Uncovered, Unit, Walk } from "./wire";

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
