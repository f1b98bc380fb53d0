"""Tasks: rows to train and to be judged on, from a file of the user or from a generated family.

A task is examples and a verifier that judges responses to them. Nothing here needs torch.
"""

from reference_impls.tasks.families import FAMILIES
from reference_impls.tasks.generated import Family
from reference_impls.tasks.load import load_task
from reference_impls.tasks.row import Prompt, Row, Task, split_of

__all__ = ["FAMILIES", "Family", "Prompt", "Row", "Task", "load_task", "split_of"]
