"""Decision: the labels of one paper, as `survey label` decides them and the warehouse keeps them."""

from dataclasses import dataclass

from survey.labels.readings import DataSource, Method


@dataclass(frozen=True)
class Decision:
    """Method and data sources of one paper, with the method of each of the two routes."""

    method: Method
    probability: float
    by_cues: Method
    by_classifier: Method
    sources: tuple[DataSource, ...]  # the primary source first; empty where the work trains nothing
    source_probability: float  # of the primary source
