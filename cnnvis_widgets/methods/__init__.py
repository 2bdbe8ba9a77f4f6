"""One file, one method, one public function: what is asked of a network, as a result that shows itself."""

from .ablation_cam import ablation_cam
from .activation_maps import activation_maps
from .activation_maximization import activation_maximization
from .cam import cam
from .caricature import caricature
from .class_maximization import class_maximization
from .deconvnet import deconvnet
from .deconvnet_steps import deconvnet_steps
from .deepdream import deepdream
from .eigen_cam import eigen_cam
from .evaluation import (
    average_drop,
    deletion,
    insertion,
    mask_overlap,
    max_sensitivity,
    pointing_game,
    randomization_check,
)
from .feature_inversion import feature_inversion
from .filters import filters
from .grad_cam import grad_cam
from .grad_cam_plus_plus import grad_cam_plus_plus
from .guided_backprop import guided_backprop
from .guided_grad_cam import guided_grad_cam
from .hires_cam import hires_cam
from .input_x_gradient import input_x_gradient
from .integrated_gradients import integrated_gradients
from .layer_cam import layer_cam
from .occlusion import occlusion
from .occlusion_of_objects import occlusion_of_objects
from .perceptual_distance import perceptual_distance
from .rank_methods import rank_methods
from .regularization_study import regularization_study
from .rise import rise
from .saliency import saliency
from .score_cam import score_cam
from .sensitivity_to import sensitivity_to
from .smooth_grad import smooth_grad
from .unit_occlusion import unit_occlusion
from .xgrad_cam import xgrad_cam

__all__ = [
    "ablation_cam",
    "activation_maps",
    "activation_maximization",
    "average_drop",
    "cam",
    "caricature",
    "class_maximization",
    "deconvnet",
    "deconvnet_steps",
    "deepdream",
    "deletion",
    "eigen_cam",
    "feature_inversion",
    "filters",
    "grad_cam",
    "grad_cam_plus_plus",
    "guided_backprop",
    "guided_grad_cam",
    "hires_cam",
    "input_x_gradient",
    "insertion",
    "integrated_gradients",
    "layer_cam",
    "mask_overlap",
    "max_sensitivity",
    "occlusion",
    "occlusion_of_objects",
    "perceptual_distance",
    "pointing_game",
    "randomization_check",
    "rank_methods",
    "regularization_study",
    "rise",
    "saliency",
    "score_cam",
    "sensitivity_to",
    "smooth_grad",
    "unit_occlusion",
    "xgrad_cam",
]
