"""What a network costs: parameters, multiply-adds, operations, activations, memory.

"MAC" names two different things in the papers of this course:

- multiply-accumulate, the multiply-add ``s = s + w * x``: ``count_macs``. Many
  papers print this number as "FLOPs", others print twice as many.
- memory access cost, the values that a layer reads and writes: ShuffleNetV2 writes
  it MAC as well. Here it is spelled out: ``memory_access_cost``.

Counted are the multiply-adds of one image, products with padding zeros included: of
convolutions, dense and recurrent layers, and of products of two activations, as in
attention. Bias, normalization, activation, pooling, interpolation and element-wise work
count nothing; ``count_operations`` counts them too. Work on the weights alone, which is
the same for every image, counts nothing.

A layer or operation is counted by its rule, or is known to need no multiply-adds, or
the calls that it makes itself are counted; anything else is refused by name.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
