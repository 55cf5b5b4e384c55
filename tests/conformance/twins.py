"""Methods that are the same as another until a recipe trains them; no import, since schedulers read it."""

TWINS = {
    "brevitas.qat-lsq": "brevitas.ptq-mse",
    "brevitas.qat-minmax": "brevitas.ptq-minmax",
    "modelopt.qat-max": "modelopt.ptq-max",
    "pytorch_quantization.qat-max": "pytorch_quantization.ptq-max",
    "torch_ao.qat-minmax": "torch_ao.ptq-minmax",
}
"""What is quantized and audited under the name of what; that both give the same is a test of its own."""
