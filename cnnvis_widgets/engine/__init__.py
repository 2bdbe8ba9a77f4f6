"""Networks, traces, objectives and results: torch, torchvision, numpy and Pillow; no widget, nothing printed."""
