"""ganqbench: how few bits can a GAN generator run on before anyone can see it?"""

__version__ = "0.1.0"
