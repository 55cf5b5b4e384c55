"""What each method does, in a few sentences. The references stand with the methods themselves."""

from __future__ import annotations

from collections.abc import Mapping

_MINMAX = (
    "A range reaches from the smallest to the largest value seen in calibration, so nothing is clipped. "
    "One stray value widens the range, and every other value is rounded more coarsely for it."
)
_LARGEST = (
    "A range reaches to the largest magnitude seen in calibration, the same on both sides of zero. "
    "Nothing is clipped; a single stray value makes the steps coarser for all others."
)
_AVERAGE = (
    "The smallest and largest value of every calibration batch enter a running average, so a stray value in "
    "one batch moves the range only a little. What lies beyond the average is clipped."
)
_PERCENTILE = (
    "The most extreme thousandths of a percent of the values are clipped, and the range reaches to what is "
    "left. A few values are sacrificed for finer steps everywhere else."
)
_MSE = (
    "Among many candidate ranges, the one with the least mean squared rounding error is taken: it weighs "
    "what clipping loses against what finer steps win."
)
_HISTOGRAM = (
    "Calibration values are collected in a histogram, and the range is narrowed step by step as long as the "
    "squared error that the histogram predicts falls."
)
_ENTROPY = (
    "Calibration magnitudes are collected in a histogram, and the clip is taken whose quantized histogram "
    "differs least from the original by the Kullback-Leibler divergence. It was made for activations of "
    "classifiers, where the shape of the distribution matters more than its tails."
)
_BIAS = (
    "Rounding shifts the mean of a layer's output. The shift is measured on the calibration inputs and "
    "subtracted from the layer's bias, which costs nothing when the model runs."
)
_TENSOR = (
    "All output channels of a layer share one step instead of having one each. The cheapest hardware asks "
    "for it; channels with small weights pay for those with large ones."
)
_SMOOTH = (
    "Activations have channels with far larger values than the rest. Each input channel is divided by a "
    "factor and the weights are multiplied by it, so that the product is the same but both are spread more "
    "evenly over their steps."
)
_GPTQ = (
    "The columns of a weight matrix are rounded one after the other, and the error of each is made up for by "
    "the columns that are not rounded yet, as the second derivative of the layer's output error says."
)
_GPFQ = (
    "Weights are rounded one after the other, greedily, so that the running sum of the layer's output stays "
    "as near as possible to the path that full precision takes on the calibration inputs."
)
_QRONOS = (
    "Like GPTQ, columns are rounded in turn and later ones make up for earlier ones. It also corrects what "
    "the quantized layers before have already done to the layer's input."
)
_ADAROUND = (
    "Nearest is not the best way to round: the errors of a layer's weights can be made to cancel. Every "
    "weight learns on the calibration inputs whether it goes up or down, so that the layer's output changes "
    "least."
)
_BRECQ = (
    "Rounding directions and activation steps are learned for a whole block of layers at once, so that "
    "errors may cancel inside it. The block's output error is weighed by how strongly it reaches the image."
)
_QDROP = (
    "Blocks are reconstructed as in BRECQ, and while they learn, a random half of the activations stays "
    "unquantized. The rounding that is found depends less on the exact calibration inputs."
)
_STRAIGHT = (
    "Weights and activations are rounded in the forward pass, and the gradient passes as if they were not. "
    "Training then moves the weights to where rounding hurts less."
)
_LSQ = (
    "The step of every quantizer is a parameter, trained together with the weights by a gradient that knows "
    "how a value moves between steps and at the clip."
)
_LSQ_PLUS = (
    "As LSQ, and activations also learn an offset, so that a range need not be centred or start at zero. "
    "That suits activations with a short negative tail."
)
_PACT = (
    "Each activation has a clip that is trained together with the weights: wide enough for the signal, "
    "narrow enough for fine steps."
)
_DOREFA = (
    "Trained weights pass through a hyperbolic tangent before they are rounded, which bounds them to a fixed "
    "range; activations are clipped to a fixed range too."
)
_EWGS = (
    "The gradient of a rounded value is made larger or smaller by the distance to where it was rounded to, "
    "so that values near the edge of a step move more readily than with a gradient that ignores rounding."
)
_DYNAMIC = (
    "Ranges of activations are taken anew from every sample while the model runs, instead of once in "
    "calibration. It is here as a control that shows what fixed ranges cost."
)
_INDUCTOR = (
    "What torchao prepares for the integer kernels of inductor on x86 processors, as it comes. Those have no "
    "transposed convolution, so such layers stay in full precision."
)
_SEVEN = (
    "Only half of the 256 levels of weights is used. On processors whose instructions add two products of "
    "8 bits up in 16 bits, the sum may overflow and is cut off; with 7 bits it can't."
)
_OUTPUTS = (
    "The result of each product is rounded as well as its operands, as integer kernels of convolutions want "
    "it: they take integers and hand integers on."
)
_PRODUCTS = (
    "Only what products multiply is rounded. Sums on residual paths stay in floating point, where a second "
    "rounding would cost more than it saves."
)
_MIXED = (
    "Each layer alone is narrowed to four bits first, and the error of the images noted. Then layers are "
    "narrowed in the order of error per bit operation saved, until the budget in the method's name is met."
)
_ENDS = (
    "The first and the last layers keep 8-bit weights: errors made there reach everything or are seen at "
    "once, and these layers are small. Every row names them."
)
_EVEN = (
    "Channels of unequal size are evened out by scales that go into the weights. Images differ as much, so "
    "each is brought to a root mean square of 1 before a convolution, and its size is given back behind it: "
    "one factor per image and layer, taken in floating point as the generator runs, as instance norms do. "
    "Without rounding both change nothing."
)
_FULL = "Nothing is quantized. Every other row is compared with its images, item by item."

IDEAS: Mapping[str, tuple[str, ...]] = {
    "baseline": (_FULL,),
    "ptq-minmax": (_MINMAX,),
    "ptq-minmax-bias": (_MINMAX, _BIAS),
    "ptq-minmax-tensor": (_MINMAX, _TENSOR),
    "ptq-minmax-per-tensor": (_MINMAX, _TENSOR),
    "ptq-minmax-7bit": (_MINMAX, _SEVEN),
    "ptq-minmax-outputs": (_MINMAX, _OUTPUTS),
    "ptq-minmax-products": (_MINMAX, _PRODUCTS),
    "mixed-75": (_MSE, _MIXED),
    "mixed-60": (_MSE, _MIXED),
    "pt2e-minmax": (_MINMAX,),
    "ptq-max": (_LARGEST,),
    "ptq-max-tensor": (_LARGEST, _TENSOR),
    "ptq-moving-average": (_AVERAGE,),
    "pt2e-moving-average": (_AVERAGE,),
    "ptq-percentile": (_PERCENTILE,),
    "ptq-mse": (_MSE,),
    "ptq-mse-bias": (_MSE, _BIAS),
    "ptq-mse-weights": (_MSE,),
    "ptq-mse-per-tensor": (_MSE, _TENSOR),
    "ptq-histogram": (_HISTOGRAM,),
    "pt2e-histogram": (_HISTOGRAM,),
    "ptq-entropy": (_ENTROPY,),
    "ptq-dynamic": (_DYNAMIC,),
    "smoothquant": (_SMOOTH,),
    "smoothquant-mse": (_SMOOTH, _MSE),
    "smooth": (_SMOOTH, _MSE),
    "qat-smooth-lsq": (_SMOOTH, _STRAIGHT, _LSQ_PLUS),
    "smooth-gptq": (_SMOOTH, _GPTQ),
    "smooth-gptq-ends8": (_SMOOTH, _GPTQ, _ENDS),
    "qat-smooth-gptq": (_SMOOTH, _GPTQ, _STRAIGHT, _LSQ_PLUS),
    "qat-smooth-gptq-ends8": (_SMOOTH, _GPTQ, _STRAIGHT, _LSQ_PLUS, _ENDS),
    "even": (_EVEN, _MSE),
    "even-gptq": (_EVEN, _GPTQ),
    "even-gptq-ends8": (_EVEN, _GPTQ, _ENDS),
    "qat-even-gptq": (_EVEN, _GPTQ, _STRAIGHT, _LSQ_PLUS),
    "qat-even-gptq-ends8": (_EVEN, _GPTQ, _STRAIGHT, _LSQ_PLUS, _ENDS),
    "gptq": (_GPTQ,),
    "gpfq": (_GPFQ,),
    "qronos": (_QRONOS,),
    "adaround": (_ADAROUND,),
    "brecq": (_BRECQ,),
    "qdrop": (_QDROP,),
    "qat-minmax": (_STRAIGHT, _MINMAX),
    "qat-max": (_STRAIGHT, _LARGEST),
    "qat-lsq": (_STRAIGHT, _LSQ),
    "qat-learn-amax": (_STRAIGHT, _PACT),
    "lsq": (_STRAIGHT, _LSQ),
    "lsq-plus": (_STRAIGHT, _LSQ_PLUS),
    "pact": (_STRAIGHT, _PACT),
    "dorefa": (_STRAIGHT, _DOREFA),
    "ewgs": (_STRAIGHT, _LSQ, _EWGS),
    "x86-inductor": (_INDUCTOR, _HISTOGRAM),
}
"""Method -> its paragraphs. Backends mean the same by the same name."""
KINDS: Mapping[str, str] = {
    "ptq": "Post-training quantization: ranges are set from a few calibration inputs; nothing is trained.",
    "reconstruction": "Reconstruction: rounding is chosen piece by piece to keep each piece's output.",
    "qat": "Quantization-aware: quantizers let gradients through, so that training can adapt the weights.",
    "baseline": "The reference.",
}
