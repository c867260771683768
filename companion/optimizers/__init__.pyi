# Which file defines each public name: `__init__.py` imports it on first use.
from .adabound import AdaBound as AdaBound
from .adadelta import AdaDelta as AdaDelta
from .adagrad import AdaGrad as AdaGrad
from .adam import Adam as Adam
from .adamax import AdaMax as AdaMax
from .adamw import AdamW as AdamW
from .amsgrad import AMSGrad as AMSGrad
from .keras_adabound import KerasAdaBound as KerasAdaBound
from .minimization import minimize as minimize
from .momentum import Momentum as Momentum
from .nadam import Nadam as Nadam
from .nesterov import Nesterov as Nesterov
from .rmsprop import RMSProp as RMSProp
from .sgd import SGD as SGD
