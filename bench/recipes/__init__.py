"""Fine-tuning strategies of the harness, applied to the fake-quantized module of any trainable method.

So backend, quantizer and recipe vary independently: a recipe sees an `nn.Module` whose parameters
reach gradients, and the full-precision generator it came from.
"""
