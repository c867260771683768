"""Where the layers may leave `keras.ops` for a measured fast path on the CPU."""

import keras


def accelerator():
    """Whether Keras sees another device than CPUs."""
    return any(not name.startswith("cpu") for name in keras.distribution.list_devices())


def compiled_by_xla():
    """Whether TensorFlow builds a function here that XLA will compile."""
    import tensorflow as tf
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    return GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
