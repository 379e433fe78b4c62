"""Find what is wrong with a data set, a recipe or a trained model before it costs a training run.

from augfuse import doctor

checkup = doctor.examine("photos", recipe="recipe.yaml", model="model.keras")
"""

from __future__ import annotations

from augfuse.doctor.codes import CODES as CODES
from augfuse.doctor.examine import examine as examine
from augfuse.doctor.findings import Finding as Finding
from augfuse.doctor.preprocessing.trials import Trial as Trial
from augfuse.doctor.result import Checkup as Checkup
