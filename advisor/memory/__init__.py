"""Peak memory of a run by phase and part, before anything is loaded; what does not fit, and the cheapest change.

`estimate_for` answers the command. No torch is loaded here: a model that is not well known is counted in a separate
process (reference_impls.model.memory).
"""

from advisor.memory.answer import Answer, estimate_for

__all__ = ["Answer", "estimate_for"]
