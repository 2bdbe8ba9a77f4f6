/** The family of class activation maps: how each is called, and what tells it from the others. */

import type { GradCAMViewerTraits } from "../traits";

export type CamMethodName = GradCAMViewerTraits["method"];

export interface CamMethod {
  title: string;
  /** How the layer's channels come to one map, after a colon. */
  says: string;
  /** It does without a gradient: nothing that cuts the gradient off matters to it. */
  gradient: boolean;
  /** The map of a difference of two scores is the difference of their maps. */
  linear: boolean;
}

const method = (title: string, says: string, { gradient = true, linear = false } = {}): CamMethod => ({ title, says, gradient, linear });

export const CAM_METHODS: Record<CamMethodName, CamMethod> = {
  grad_cam: method("Grad-CAM", "each channel weighted by the mean of its gradient", { linear: true }),
  grad_cam_plus_plus: method("Grad-CAM++", "each channel weighted by its positive gradients alone, so that each of several objects counts"),
  hires_cam: method("HiResCAM", "each position weighted by its own gradient", { linear: true }),
  layer_cam: method("LayerCAM", "each position weighted by its own gradient, where that is positive"),
  xgrad_cam: method("XGrad-CAM", "each channel weighted by its gradient where it is active", { linear: true }),
  eigen_cam: method("Eigen-CAM", "what the channels have most in common, whatever the class", { gradient: false }),
  cam: method("CAM", "each channel weighted as the linear head weights it", { gradient: false, linear: true }),
  score_cam: method("Score-CAM", "each channel weighted by the score of the picture seen through it; many passes, no gradient", { gradient: false }),
  ablation_cam: method("Ablation-CAM", "each channel weighted by what the score loses without it; many passes, no gradient", { gradient: false }),
};

export const CAM_NAMES = Object.keys(CAM_METHODS) as CamMethodName[];
