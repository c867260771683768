"""AdaBound for Keras models: Luo, Xiong, Liu, Sun (2019)."""

import keras
from keras import ops

from companion.optimizers.arguments import decay_rate, not_negative, positive


@keras.saving.register_keras_serializable(package="companion")
class KerasAdaBound(keras.optimizers.Optimizer):
    """AdaBound and AMSBound, which Keras lacks, as an optimizer to compile with.

    The rule is that of `companion.optimizers.AdaBound`, which is that of the authors'
    package: Adam whose step sizes are clipped between two bounds that meet at a final
    step size.

    The final step size is given as a multiple of the learning rate: the authors' 0.1
    at a learning rate of 0.001 is `final_ratio=100.0`. Both bounds therefore follow
    every schedule. (The authors' package scales its `final_lr` by the learning rate
    over its first value, which fails for a warm-up from zero.)

    Args:
        learning_rate: Float >= 0, schedule or callable: the step size of the beginning.
        beta_1: Float, decay rate of the mean of gradients, at least 0 and below 1.
        beta_2: Float, decay rate of the mean square, likewise.
        epsilon: Float > 0, added to the root of the mean square.
        final_ratio: Float > 0, final step size over learning rate.
        gamma: Float > 0, speed of the bounds.
        amsbound: Boolean, whether to divide by the largest mean square so far.
        **kwargs: As for every `keras.optimizers.Optimizer`: `weight_decay`, `clipnorm`,
            `use_ema`, `name` and so on.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import keras
    >>> weight = keras.Variable([1.0, 1.0])
    >>> optimizer = KerasAdaBound(learning_rate=0.1)
    >>> optimizer.apply([keras.ops.array([1.0, -0.001])], [weight])
    >>> [round(float(value), 4) for value in weight.value]
    [0.9, 1.1]

    Reference: Luo, Xiong, Liu, Sun 2019, arXiv 1902.09843; the authors' package
    `adabound` 0.0.5.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        final_ratio=100.0,
        gamma=0.001,
        amsbound=False,
        name="adabound",
        **kwargs,
    ):
        schedule = keras.optimizers.schedules.LearningRateSchedule
        if not isinstance(learning_rate, schedule) and not callable(learning_rate):
            learning_rate = float(not_negative("learning_rate", learning_rate))
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1 = decay_rate("beta_1", beta_1)
        self.beta_2 = decay_rate("beta_2", beta_2)
        self.epsilon = positive("epsilon", epsilon)
        self.final_ratio = positive("final_ratio", final_ratio)
        self.gamma = positive("gamma", gamma)
        self.amsbound = amsbound

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._m, self._v = self.add_optimizer_variables(variables, ["m", "v"])
        if self.amsbound:
            self._v_hat = self.add_optimizer_variables(variables, "v_hat")

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        index = self._get_variable_index(variable)
        m, v = self._m[index], self._v[index]
        g = ops.cast(gradient, dtype)
        alpha = ops.cast(learning_rate, dtype)
        t = ops.cast(self.iterations + 1, dtype)
        self.assign_add(m, ops.multiply(ops.subtract(g, m), 1 - self.beta_1))
        self.assign_add(
            v, ops.multiply(ops.subtract(ops.square(g), v), 1 - self.beta_2)
        )
        if self.amsbound:
            v_hat = self._v_hat[index]
            self.assign(v_hat, ops.maximum(v_hat, v))
            v = v_hat
        correction_1 = 1 - ops.power(ops.cast(self.beta_1, dtype), t)
        correction_2 = 1 - ops.power(ops.cast(self.beta_2, dtype), t)
        alpha_t = alpha * ops.sqrt(correction_2) / correction_1
        alpha_star = self.final_ratio * alpha
        lower = alpha_star * (self.gamma * t / (self.gamma * t + 1))
        upper = alpha_star * (1 + 1 / (self.gamma * t))
        eta = alpha_t / (ops.sqrt(v) + self.epsilon)
        eta = ops.minimum(ops.maximum(eta, lower), upper)
        self.assign_sub(variable, eta * m)

    def get_config(self):
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "final_ratio": self.final_ratio,
            "gamma": self.gamma,
            "amsbound": self.amsbound,
        }
