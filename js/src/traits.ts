/** The synced traits of the Python widgets. Bytes arrive as DataView. */

export interface Layer {
  name: string;
  kind: string;
  channels: number;
  height: number;
  width: number;
  parent: string;
  container: boolean;
  field: [size: number, jump: number, start: number] | null;
}

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

export interface Notice {
  kind: "" | "warn" | "fail";
  title: string;
  text: string;
  actions: NoticeAction[];
  detail: string;
}

export interface MapsReply {
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

export interface UnitReply {
  image: number;
  layer: string;
  channel: number;
  height: number;
  width: number;
  data: DataView;
  similar: number[];
}

export interface Activity {
  image: number;
  bins: Record<string, DataView>;
}

export interface Heatmap {
  image: number;
  layer: string;
  target: number;
  height: number;
  width: number;
  data: DataView;
  why: string;
}

export type Nothing = Record<string, never>;

export interface Archive<Entry> {
  kind: string;
  entries: Record<string, Entry>;
}

export interface ViewerTraits {
  subject: string;
  status: "empty" | "busy" | "ready" | "failed";
  progress: number;
  message: string;
  notice: Notice | Nothing;
  layers: Layer[];
  pictures: Picture[];
  labels: string[];
  image: number;
  layer: string;
  channel: number;
  target: number;
}

export interface LayerExplorerTraits extends ViewerTraits {
  maps: MapsReply | Nothing;
  unit: UnitReply | Nothing;
  activity: Activity | Nothing;
  archive: Archive<MapsReply> | Nothing;
}

export interface GradCAMViewerTraits extends ViewerTraits {
  compare: number;
  signed: boolean;
  opacity: number;
  colormap: "tide" | "viridis" | "gray";
  same_scale: boolean;
  heatmaps: Heatmap[];
  archive: Archive<Heatmap> | Nothing;
}
