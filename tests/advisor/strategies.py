"""Random traits that do not contradict each other."""

from hypothesis import strategies as st

from advisor.advice.rules import telling_values
from advisor.task.traits import TRAITS, Traits


@st.composite
def traits(draw: st.DrawFn) -> Traits:
    """Traits of which some are unknown; a value that contradicts what was drawn before is left unknown."""
    known = Traits({})
    for trait in draw(st.permutations(TRAITS)):
        values = telling_values(trait.name) or (0.5, 3)
        value = draw(st.sampled_from([None, *values]))
        changed = known.replaced(**{trait.name: value})
        if changed.contradiction() is None:
            known = changed
    return known
