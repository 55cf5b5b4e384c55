"""GANs: architectures, weights and input samplers behind one signature."""

from ganqbench.zoo.checkpoint import OfficialCheckpoint, read_official
from ganqbench.zoo.official import from_official
from ganqbench.zoo.registry import entry, load, names

__all__ = ["OfficialCheckpoint", "entry", "from_official", "load", "names", "read_official"]
