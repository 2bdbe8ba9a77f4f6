"""One file, one method, one public function: what is asked of a network, as a result that shows itself."""

from .activation_maps import activation_maps
from .filters import filters
from .grad_cam import grad_cam

__all__ = ["activation_maps", "filters", "grad_cam"]
