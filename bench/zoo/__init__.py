"""GANs: architectures, weights and input samplers behind one signature."""

from ganqbench.zoo.registry import entry, load, names

__all__ = ["entry", "load", "names"]
