"""Layers that are made of other layers."""

import keras


class Composite:
    """What a layer needs that is made of parts, beside `keras.layers.Layer`.

    `model.quantize` changes the parts one by one, so each may have another policy than
    the whole. The config says which, and a saved model is built with the same weights.

    Args:
        parts: Dictionary from the name of a quantized part to its own settings, as
            `get_config` writes it.
    """

    def __init__(self, *, parts=None, **kwargs):
        super().__init__(**kwargs)
        self._settings = dict(parts or {})

    def part(self, kind, *arguments, name, **kwargs):
        """Make a part, a layer of class `kind`, under the policy of the whole."""
        own = self._settings.get(name, {})
        own = {key: keras.saving.deserialize_keras_object(own[key]) for key in own}
        policy = {"dtype": self.dtype_policy, **own}
        return kind(*arguments, name=name, **kwargs, **policy)

    def get_config(self):
        config = super().get_config()
        parts = {
            part.name: settings_of(part)
            for part in self._flatten_layers(include_self=False, recursive=False)
            if part.dtype_policy.quantization_mode
        }
        return {**config, "parts": parts} if parts else config


def settings_of(part):
    """The arguments of a quantized layer that say how its weights are stored."""
    config = part.get_config()
    return {
        name: config[name]
        for name in ("dtype", "quantization_config")
        if config.get(name) is not None
    }
