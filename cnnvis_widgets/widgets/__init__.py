"""One file, one widget: traits and a method, with a front-end of the same name in js/src/widgets."""

from .dream_canvas import DreamCanvas
from .feature_lab import FeatureLab
from .filter_gallery import FilterGallery
from .grad_cam_viewer import GradCAMViewer
from .layer_explorer import LayerExplorer
from .occlusion_slider import OcclusionSlider
from .saliency_viewer import SaliencyViewer
from .trust_board import TrustBoard

__all__ = [
    "DreamCanvas",
    "FeatureLab",
    "FilterGallery",
    "GradCAMViewer",
    "LayerExplorer",
    "OcclusionSlider",
    "SaliencyViewer",
    "TrustBoard",
]
