"""DINOv2, whose features agree with people more than Inception's, from the weights' file at hand.

Stein et al., "Exposing flaws of generative model evaluation metrics and their unfair treatment of
diffusion models" (2023), compare feature networks; they use the class token of ViT-L/14. The architecture
comes from the package timm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from ganqbench.metrics.checks import MetricError
from ganqbench.metrics.extractors import Extractor
from ganqbench.metrics.weights_file import read_state


@dataclass(frozen=True)
class DinoModel:
    """A published network: its file, where to get it, timm's name for it and options beside that."""

    file: str
    url: str
    architecture: str
    options: Mapping[str, Any] = field(default_factory=dict)


VIT_L14 = DinoModel(
    "dinov2_vitl14_pretrain.pth",
    "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth",
    "vit_large_patch14_dinov2",
)


class DinoV2Extractor(Extractor):
    """DINOv2's class token; images are resized to 224 x 224 by Pillow's bicubic filter.

    No hash is published for the file. That of the file at hand is part of the features' identity, so
    that numbers of different files never meet.
    """

    name = "dinov2"
    size = 224
    resizer = "pil-bicubic-224"

    def __init__(self, directory: Path, model: DinoModel = VIT_L14) -> None:
        """Loads the model's file in ``directory``; raises MetricError if it or timm is missing."""
        try:
            import timm
            from timm.models.vision_transformer import checkpoint_filter_fn
        except ImportError as error:
            raise MetricError("dinov2 needs timm: pip install ganqbench[extractors]") from error
        state, self.weights = read_state(directory / model.file, model.url)
        with torch.random.fork_rng(devices=[]):  # its layers are drawn at random before they are loaded
            network = timm.create_model(
                model.architecture, pretrained=False, num_classes=0, img_size=self.size, **model.options
            )
        try:
            network.load_state_dict(checkpoint_filter_fn(state, network))
        except (RuntimeError, KeyError, ValueError) as error:
            raise MetricError(
                f"{directory / model.file} holds other weights than {model.architecture}'s; "
                f"get it from {model.url}"
            ) from error
        self.network = network.eval()
        self.dim = int(network.num_features)
        self._mean, self._sd = (
            torch.tensor(values)[:, None, None] * 255
            for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        )

    def _forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.network((images - self._mean) / self._sd))
