// Written by `make traits` from the widget classes: change the Python, not this file.

import type { Activity, Archive, Empty, HeatmapInfo, LayerInfo, Maps, Notice, Picture, Unit } from "./wire";

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
  heatmaps: HeatmapInfo[];
  opacity: number;
  same_scale: boolean;
  signed: boolean;
}

export interface LayerExplorerTraits extends ViewerTraits {
  activity: Activity | Empty;
  colormap: "tide" | "viridis" | "gray";
  maps: Maps | Empty;
  unit: Unit | Empty;
}
