"""Write development data for the harness: SqueezeNet 1.1 in the shapes of the widgets' traits.

usage: python dev/export_squeezenet.py WEIGHTS LABELS OUTPUT PICTURE [PICTURE ...]

OUTPUT (a folder outside the repository) gets layer_explorer.json and grad_cam_viewer.json. Not shipped.
"""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torchvision.models import squeezenet1_1

MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
TILE = 64
TOP = 12


def coded(array, dtype=None):
    data = array if isinstance(array, bytes) else np.ascontiguousarray(array, dtype).tobytes()
    return {"$bytes": base64.b64encode(data).decode()}


def network(weights):
    model = squeezenet1_1()
    model.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return model.eval()


def fitted(path):
    picture = Image.open(path).convert("RGB")
    scale = 224 / min(picture.size)
    picture = picture.resize([max(224, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS)
    left, top = ((side - 224) // 2 for side in picture.size)
    return picture.crop((left, top, left + 224, top + 224))


def encoded(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def record(model, image):
    names, kept = {}, {}
    for name, module in model.named_modules():
        if name:
            names[name] = module
            module.register_forward_hook(lambda _, __, out, name=name: kept.__setitem__(name, out))
    logits = model(((image - MEAN) / STD)[None])
    for module in names.values():
        module._forward_hooks.clear()
    return logits, kept, names


def rows(model, kept, names):
    """Name, kind and shape of every layer; a block stands before its parts. Receptive fields are for the top rows."""
    out, field = [], (1, 1, 0.5)
    fields = {}
    for name, module in names.items():
        if name.startswith("features."):
            if name.count(".") == 1:
                before = field
            if isinstance(module, (torch.nn.Conv2d, torch.nn.MaxPool2d)):
                size = module.kernel_size if isinstance(module.kernel_size, int) else module.kernel_size[0]
                stride = module.stride if isinstance(module.stride, int) else module.stride[0]
                pad = module.padding if isinstance(module.padding, int) else module.padding[0]
                base = before if "expand1x1" in name else field
                if name.endswith("expand3x3"):
                    base = fields[name.replace("expand3x3", "squeeze")]
                field = (base[0] + (size - 1) * base[1], base[1] * stride, base[2] + ((size - 1) / 2 - pad) * base[1])
            fields[name] = field
    for name in names:
        if type(names[name]).__name__ == "Fire":
            fields[name] = fields[name + ".expand3x3"]
    for name, module in names.items():
        value = kept[name]
        container = type(module) is torch.nn.Sequential
        height, width = value.shape[2:] if value.ndim == 4 else (0, 0)
        out.append({
            "name": name, "kind": type(module).__name__, "channels": value.shape[1], "height": height, "width": width,
            "parent": name.rpartition(".")[0], "container": container, "field": fields.get(name),
        })
    return out


def tiles(image, name, value):
    value = value[0].detach()
    if value.ndim == 1:
        value = value[:, None, None]
    channels, full = value.shape[0], value.shape[1:]
    flat = value.flatten(1)
    small = F.adaptive_avg_pool2d(value[None], [min(TILE, -(-side // -(-side // TILE))) for side in full])[0]
    low, high = small.flatten(1).amin(1), small.flatten(1).amax(1)
    span = torch.where(high > low, high - low, torch.ones_like(high))
    data = ((small - low[:, None, None]) / span[:, None, None] * 255).round().numpy()
    return {
        "image": image, "layer": name, "channels": channels, "height": small.shape[1], "width": small.shape[2],
        "full": list(full), "lo": coded(low, "f4"), "hi": coded(high, "f4"), "mean": coded(flat.mean(1), "f4"),
        "zeros": coded((flat == 0).float().mean(1), "f4"), "peak": coded(flat.argmax(1), "i4"), "data": coded(data, "u1"),
    }


def activity(kept):
    bins = {}
    for name, value in kept.items():
        size = value.detach().abs().flatten().numpy()
        top = size.max() or 1
        counts, _ = np.histogram(np.log10(np.maximum(size / top, 1e-4)), 24, (-4, 0))
        bins[name] = coded(np.sqrt(counts / counts.max()) * 255, "u1")
    return bins


def grad_cams(model, image, targets, names):
    out = {}
    for name in names:
        kept = {}
        handle = names[name].register_forward_hook(lambda _, __, out: kept.update(value=out))
        logits = model(((image - MEAN) / STD)[None].requires_grad_())
        handle.remove()
        for target in targets:
            slope = torch.autograd.grad(logits[0, target], kept["value"], retain_graph=True)[0]
            value = kept["value"]
            if value.ndim < 4:
                out[name, target] = np.zeros((1, 1), "f4")
                continue
            out[name, target] = (slope.mean((2, 3), keepdim=True) * value).sum(1)[0].detach().numpy()
    return out


def main(weights, labels, output, *paths):
    model, output = network(weights), Path(output)
    output.mkdir(parents=True, exist_ok=True)
    named = json.loads(Path(labels).read_text())
    labels = [named[str(k)][1].replace("_", " ") for k in range(len(named))]
    pictures, maps, cams, bins = [], {}, {}, {}
    for index, path in enumerate(paths):
        picture = fitted(path)
        image = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
        logits, kept, names = record(model, image)
        scores = logits.softmax(1)[0].detach().numpy()
        pictures.append({"name": Path(path).name, "width": 224, "height": 224, "data": coded(encoded(picture)), "scores": coded(scores, "f4")})
        layers = rows(model, kept, names)
        bins[index] = activity(kept)
        with torch.no_grad():
            for name, value in kept.items():
                if index < 2 or name.count(".") == 1:
                    maps[f"{index}|{name}"] = tiles(index, name, value)
        tops = {name: module for name, module in names.items() if name.count(".") == 1}
        for (name, target), value in grad_cams(model, image, scores.argsort()[::-1][:TOP].tolist(), tops).items():
            why = "" if value.shape[0] > 1 else "one position only"
            cams[f"{index}|{name}|{target}"] = {"image": index, "layer": name, "target": target, "height": value.shape[0], "width": value.shape[1], "data": coded(value, "f4"), "why": why}
    common = {
        "subject": "squeezenet1_1", "status": "ready", "progress": -1, "message": f"Recorded {len(layers)} layers for {pictures[0]['name']} in 31 ms on cpu", "notice": {},
        "layers": layers, "pictures": pictures, "labels": labels, "image": 0, "archive": {}, "target": -1,
    }
    save(output / "layer_explorer.json", {**common, "layer": "features.7", "channel": 66, "maps": maps["0|features.7"], "unit": {}, "activity": {"image": 0, "bins": bins[0]}}, {"maps": maps, "activity": bins})
    best = np.frombuffer(base64.b64decode(pictures[0]["scores"]["$bytes"]), "f4").argsort()[::-1]
    pair = [int(best[0]), int(best[5])]
    save(output / "grad_cam_viewer.json", {
        **common, "message": "2 maps in 24 ms on cpu", "layer": "features.12", "channel": -1, "target": pair[0], "compare": pair[1], "signed": False, "opacity": 0.8,
        "colormap": "tide", "same_scale": False, "heatmaps": [cams[f"0|features.12|{k}"] for k in pair],
    }, {"heatmaps": cams})


def save(path, state, answers):
    path.write_text(json.dumps({"state": state, "answers": answers}))
    print(path, round(path.stat().st_size / 1e6, 1), "MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
