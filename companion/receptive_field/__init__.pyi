# Which file defines each public name: `__init__.py` imports it on first use.
from .chains import compose as compose
from .effective import GaussianFit as GaussianFit
from .effective import effective_receptive_field as effective_receptive_field
from .effective import gaussian_fit as gaussian_fit
from .fields import AxisFields as AxisFields
from .fields import Box as Box
from .fields import ReceptiveField as ReceptiveField
from .fields import Region as Region
from .probing import Probe as Probe
from .probing import probe_receptive_field as probe_receptive_field
from .rules import element_wise as element_wise
from .rules import kernel_geometry as kernel_geometry
from .rules import local_geometry as local_geometry
from .tables import receptive_field as receptive_field
from .tables import receptive_field_table as receptive_field_table
from .windows import Window as Window
