"""Integer models as bytes: written, run by the runtimes of deployment, and measured.

A model here is a serialised ONNX graph whose products take integers: QuantizeLinear and
DequantizeLinear around each operand, weights stored as integers. `session` runs one, `export`
writes one from a fake-quantized module, `ganqbench.audit.integer` reads one.
"""
