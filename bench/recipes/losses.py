"""How far the student's images are from the teacher's of the same inputs; every term is without a unit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_SMALL = 1e-8
_FLOOR = 0.1
"""Share of a map's mean variance that no channel's counts as less than: a channel that hardly fires
would weigh without bound."""


def relative_error(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared error over the variance of the teacher's values, of any equal shapes."""
    return (student - teacher).square().mean() / teacher.var().clamp_min(_SMALL)


def mean_error(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """:func:`relative_error` averaged over pairs of maps."""
    pairs = zip(student, teacher, strict=True)
    return torch.stack([relative_error(mine, theirs) for mine, theirs in pairs]).mean()


def moment_error(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """Squared differences of each channel's mean and deviation, in variances of the teacher's channel.

    Squared errors alone are least for images of too little contrast; this term sees that. Maps are
    [N, C, H, W]; a channel's moments go over N, H and W. A variance counts as a tenth of the mean of
    the map's channels at least.
    """
    terms = []
    for mine, theirs in zip(student, teacher, strict=True):
        variance, mean = torch.var_mean(theirs, dim=(0, 2, 3))
        own_variance, own_mean = torch.var_mean(mine, dim=(0, 2, 3))
        shift = (own_mean - mean).square()
        spread = ((own_variance + _SMALL).sqrt() - (variance + _SMALL).sqrt()).square()
        floor = (_FLOOR * variance.mean()).clamp_min(_SMALL)
        terms.append(((shift + spread) / torch.maximum(variance, floor)).mean())
    return torch.stack(terms).mean()
