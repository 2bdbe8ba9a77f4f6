"""See what a convolutional network does: widgets for notebooks, on a small PyTorch engine.

>>> import cnnvis_widgets as cw
>>> network = cw.demo()
>>> cw.LayerExplorer(network, cw.scenes(1)[0].image)  # doctest: +SKIP
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine.ascent import Ascent as Ascent
    from .engine.curves import Curves as Curves
    from .engine.datasets import folder as folder
    from .engine.errors import AscentError as AscentError
    from .engine.errors import CnnvisError as CnnvisError
    from .engine.errors import EvaluationError as EvaluationError
    from .engine.errors import GradientError as GradientError
    from .engine.errors import ImageError as ImageError
    from .engine.errors import LayerError as LayerError
    from .engine.errors import ModelError as ModelError
    from .engine.errors import TargetError as TargetError
    from .engine.errors import WeightsError as WeightsError
    from .engine.feature_objectives import activation_match as activation_match
    from .engine.feature_objectives import alignment as alignment
    from .engine.feature_objectives import channels as channels
    from .engine.feature_objectives import diversity as diversity
    from .engine.feature_objectives import each_its_own as each_its_own
    from .engine.feature_objectives import layer_energy as layer_energy
    from .engine.models import demo as demo
    from .engine.models import load as load
    from .engine.network import Network as Network
    from .engine.object_falls import ObjectFalls as ObjectFalls
    from .engine.objectives import Objective as Objective
    from .engine.objectives import box_score as box_score
    from .engine.objectives import channel as channel
    from .engine.objectives import class_probability as class_probability
    from .engine.objectives import class_score as class_score
    from .engine.objectives import direction as direction
    from .engine.objectives import neuron as neuron
    from .engine.objectives import pixel_score as pixel_score
    from .engine.objectives import unit as unit
    from .engine.parameterization import Fourier as Fourier
    from .engine.parameterization import Laplacian as Laplacian
    from .engine.parameterization import MaCo as MaCo
    from .engine.parameterization import Pixels as Pixels
    from .engine.parameterization import color_matrix as color_matrix
    from .engine.parameterization import spectrum_of as spectrum_of
    from .engine.perception import Distances as Distances
    from .engine.place_fills import patch_fill as patch_fill
    from .engine.preprocess import Preprocess as Preprocess
    from .engine.ranking import Ranking as Ranking
    from .engine.recipe import LBFGS as LBFGS
    from .engine.recipe import Adam as Adam
    from .engine.recipe import Octaves as Octaves
    from .engine.recipe import Plain as Plain
    from .engine.recipe import Recipe as Recipe
    from .engine.regularizers import L1 as L1
    from .engine.regularizers import L2 as L2
    from .engine.regularizers import Blur as Blur
    from .engine.regularizers import TotalVariation as TotalVariation
    from .engine.results import Gallery as Gallery
    from .engine.results import Heatmap as Heatmap
    from .engine.results import Predictions as Predictions
    from .engine.scenes import scenes as scenes
    from .engine.stages import Stage as Stage
    from .engine.stages import Stages as Stages
    from .engine.steps import Step as Step
    from .engine.steps import Steps as Steps
    from .engine.strongest import Strongest as Strongest
    from .engine.strongest import strongest_patches as strongest_patches
    from .engine.study import RegularizationStudy as RegularizationStudy
    from .engine.superpixels import superpixels as superpixels
    from .engine.synthesis import Synthesis as Synthesis
    from .engine.transforms import Transforms as Transforms
    from .engine.unit_ranking import UnitRanking as UnitRanking
    from .methods.ablation_cam import ablation_cam as ablation_cam
    from .methods.activation_maps import activation_maps as activation_maps
    from .methods.activation_maximization import activation_maximization as activation_maximization
    from .methods.cam import cam as cam
    from .methods.caricature import caricature as caricature
    from .methods.class_maximization import class_maximization as class_maximization
    from .methods.deconvnet import deconvnet as deconvnet
    from .methods.deconvnet_steps import deconvnet_steps as deconvnet_steps
    from .methods.deepdream import deepdream as deepdream
    from .methods.eigen_cam import eigen_cam as eigen_cam
    from .methods.evaluation import average_drop as average_drop
    from .methods.evaluation import deletion as deletion
    from .methods.evaluation import insertion as insertion
    from .methods.evaluation import mask_overlap as mask_overlap
    from .methods.evaluation import max_sensitivity as max_sensitivity
    from .methods.evaluation import pointing_game as pointing_game
    from .methods.evaluation import randomization_check as randomization_check
    from .methods.feature_inversion import feature_inversion as feature_inversion
    from .methods.filters import filters as filters
    from .methods.grad_cam import grad_cam as grad_cam
    from .methods.grad_cam_plus_plus import grad_cam_plus_plus as grad_cam_plus_plus
    from .methods.guided_backprop import guided_backprop as guided_backprop
    from .methods.guided_grad_cam import guided_grad_cam as guided_grad_cam
    from .methods.hires_cam import hires_cam as hires_cam
    from .methods.input_x_gradient import input_x_gradient as input_x_gradient
    from .methods.integrated_gradients import integrated_gradients as integrated_gradients
    from .methods.layer_cam import layer_cam as layer_cam
    from .methods.occlusion import occlusion as occlusion
    from .methods.occlusion_of_objects import occlusion_of_objects as occlusion_of_objects
    from .methods.perceptual_distance import perceptual_distance as perceptual_distance
    from .methods.rank_methods import rank_methods as rank_methods
    from .methods.regularization_study import regularization_study as regularization_study
    from .methods.rise import rise as rise
    from .methods.saliency import saliency as saliency
    from .methods.score_cam import score_cam as score_cam
    from .methods.sensitivity_to import sensitivity_to as sensitivity_to
    from .methods.smooth_grad import smooth_grad as smooth_grad
    from .methods.unit_occlusion import unit_occlusion as unit_occlusion
    from .methods.xgrad_cam import xgrad_cam as xgrad_cam
    from .widgets.dream_canvas import DreamCanvas as DreamCanvas
    from .widgets.feature_lab import FeatureLab as FeatureLab
    from .widgets.filter_gallery import FilterGallery as FilterGallery
    from .widgets.grad_cam_viewer import GradCAMViewer as GradCAMViewer
    from .widgets.layer_explorer import LayerExplorer as LayerExplorer
    from .widgets.occlusion_slider import OcclusionSlider as OcclusionSlider
    from .widgets.saliency_viewer import SaliencyViewer as SaliencyViewer
    from .widgets.trust_board import TrustBoard as TrustBoard

__version__ = "0.1.0"

# Where each public name lives. They are fetched when first used, so that importing the package does not import torch.
_HOMES = {
    "Adam": "engine.recipe",
    "Ascent": "engine.ascent",
    "AscentError": "engine.errors",
    "Blur": "engine.regularizers",
    "CnnvisError": "engine.errors",
    "Curves": "engine.curves",
    "Distances": "engine.perception",
    "DreamCanvas": "widgets.dream_canvas",
    "EvaluationError": "engine.errors",
    "FeatureLab": "widgets.feature_lab",
    "FilterGallery": "widgets.filter_gallery",
    "Fourier": "engine.parameterization",
    "Gallery": "engine.results",
    "GradCAMViewer": "widgets.grad_cam_viewer",
    "GradientError": "engine.errors",
    "Heatmap": "engine.results",
    "ImageError": "engine.errors",
    "L1": "engine.regularizers",
    "L2": "engine.regularizers",
    "LBFGS": "engine.recipe",
    "Laplacian": "engine.parameterization",
    "LayerError": "engine.errors",
    "LayerExplorer": "widgets.layer_explorer",
    "MaCo": "engine.parameterization",
    "ModelError": "engine.errors",
    "Network": "engine.network",
    "ObjectFalls": "engine.object_falls",
    "Objective": "engine.objectives",
    "OcclusionSlider": "widgets.occlusion_slider",
    "Octaves": "engine.recipe",
    "Pixels": "engine.parameterization",
    "Plain": "engine.recipe",
    "Predictions": "engine.results",
    "Preprocess": "engine.preprocess",
    "Ranking": "engine.ranking",
    "Recipe": "engine.recipe",
    "RegularizationStudy": "engine.study",
    "SaliencyViewer": "widgets.saliency_viewer",
    "Stage": "engine.stages",
    "Stages": "engine.stages",
    "Step": "engine.steps",
    "Steps": "engine.steps",
    "Strongest": "engine.strongest",
    "Synthesis": "engine.synthesis",
    "TargetError": "engine.errors",
    "TotalVariation": "engine.regularizers",
    "Transforms": "engine.transforms",
    "TrustBoard": "widgets.trust_board",
    "UnitRanking": "engine.unit_ranking",
    "WeightsError": "engine.errors",
    "ablation_cam": "methods.ablation_cam",
    "activation_maps": "methods.activation_maps",
    "activation_match": "engine.feature_objectives",
    "activation_maximization": "methods.activation_maximization",
    "alignment": "engine.feature_objectives",
    "average_drop": "methods.evaluation",
    "box_score": "engine.objectives",
    "cam": "methods.cam",
    "caricature": "methods.caricature",
    "channel": "engine.objectives",
    "channels": "engine.feature_objectives",
    "class_maximization": "methods.class_maximization",
    "class_probability": "engine.objectives",
    "class_score": "engine.objectives",
    "color_matrix": "engine.parameterization",
    "deconvnet": "methods.deconvnet",
    "deconvnet_steps": "methods.deconvnet_steps",
    "deepdream": "methods.deepdream",
    "deletion": "methods.evaluation",
    "demo": "engine.models",
    "direction": "engine.objectives",
    "diversity": "engine.feature_objectives",
    "each_its_own": "engine.feature_objectives",
    "eigen_cam": "methods.eigen_cam",
    "feature_inversion": "methods.feature_inversion",
    "filters": "methods.filters",
    "folder": "engine.datasets",
    "grad_cam": "methods.grad_cam",
    "grad_cam_plus_plus": "methods.grad_cam_plus_plus",
    "guided_backprop": "methods.guided_backprop",
    "guided_grad_cam": "methods.guided_grad_cam",
    "hires_cam": "methods.hires_cam",
    "input_x_gradient": "methods.input_x_gradient",
    "insertion": "methods.evaluation",
    "integrated_gradients": "methods.integrated_gradients",
    "layer_cam": "methods.layer_cam",
    "layer_energy": "engine.feature_objectives",
    "load": "engine.models",
    "mask_overlap": "methods.evaluation",
    "max_sensitivity": "methods.evaluation",
    "neuron": "engine.objectives",
    "occlusion": "methods.occlusion",
    "occlusion_of_objects": "methods.occlusion_of_objects",
    "patch_fill": "engine.place_fills",
    "perceptual_distance": "methods.perceptual_distance",
    "pixel_score": "engine.objectives",
    "pointing_game": "methods.evaluation",
    "randomization_check": "methods.evaluation",
    "rank_methods": "methods.rank_methods",
    "regularization_study": "methods.regularization_study",
    "rise": "methods.rise",
    "saliency": "methods.saliency",
    "scenes": "engine.scenes",
    "score_cam": "methods.score_cam",
    "sensitivity_to": "methods.sensitivity_to",
    "smooth_grad": "methods.smooth_grad",
    "spectrum_of": "engine.parameterization",
    "strongest_patches": "engine.strongest",
    "superpixels": "engine.superpixels",
    "unit": "engine.objectives",
    "unit_occlusion": "methods.unit_occlusion",
    "xgrad_cam": "methods.xgrad_cam",
}

__all__ = [*_HOMES]  # noqa: PLE0604 (strings, sorted, kept so by a test)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
