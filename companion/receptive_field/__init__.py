"""Receptive fields of Keras models: computed, probed and measured.

The receptive field of a unit is the part of the input image that can change it.
Three numbers describe the fields of a layer (Araujo, Norris and Sim, "Computing
Receptive Fields of Convolutional Neural Networks", Distill 2019,
doi 10.23915/distill.00021):

* size: the side of the field in pixels, zero padding included;
* stride: the distance in pixels between the fields of neighbouring units;
* offset: the first pixel of the field of unit 0. It is negative where the field
  begins in the padding: offset = -(effective padding).

A layer with kernel k, stride s, dilation d and left padding p turns size r, stride j
and offset o into r + (k - 1) d j, j s and o - p j. `compose` is this recursion.
`receptive_field` follows the graph of a model, branches included, and
`probe_receptive_field` asks the model itself. `effective_receptive_field` measures
how much each pixel of the field counts (Luo, Li, Urtasun and Zemel, "Understanding
the Effective Receptive Field in Deep Convolutional Neural Networks", NIPS 2016).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
