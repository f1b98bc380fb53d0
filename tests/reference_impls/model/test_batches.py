"""Prompts and responses as ids and as batches: what is masked, what is counted, what is refused."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posttrain.errors import PosttrainError
from reference_impls.model.batches import Encoded, collate, micro_batches, spread
from reference_impls.model.demonstrations import encode_demonstrations
from reference_impls.model.templates import Template, encode_prompt
from reference_impls.tasks.row import Row
from tests.reference_impls.small_models import BOS, EOS, PAD, make_tokenizer

CPU = torch.device("cpu")
ids = st.lists(st.integers(4, 40), max_size=9).map(tuple)
sequences = st.lists(st.builds(Encoded, ids.filter(len), ids), min_size=1, max_size=7).filter(
    lambda several: max(map(len, several)) > 1
)


def encode(rows: Sequence[Row], *, chat: bool = False, prompt: int = 99, response: int = 99) -> Any:
    return encode_demonstrations(
        Template(make_tokenizer(chat=chat), chat), rows, max_prompt_tokens=prompt, max_response_tokens=response
    )


@given(sequences)
@settings(max_examples=60)
def test_the_mask_marks_where_the_next_token_is_of_a_response(several: list[Encoded]) -> None:
    """In every row the targets under the mask are the response, its end included, and nothing of the prompt."""
    batch = collate(several, PAD, CPU)
    assert batch.inputs.shape == batch.targets.shape == batch.mask.shape == (len(several), max(map(len, several)) - 1)
    for number, one in enumerate(several):
        assert tuple(batch.targets[number][batch.mask[number]].tolist()) == one.response
        assert tuple(batch.ids[number, : len(one)].tolist()) == one.prompt + one.response
        assert (batch.ids[number, len(one) :] == PAD).all()
    assert int(batch.mask.sum()) == sum(len(one.response) for one in several)


def test_the_end_is_learnt_even_where_padding_is_the_same_token() -> None:
    """A tokenizer may pad with its end-of-sequence token: it is masked by place, not by value."""
    batch = collate([Encoded((5, 6), (7, EOS)), Encoded((5,), (7, 8, 9, EOS))], EOS, CPU)
    assert batch.targets[batch.mask].tolist() == [7, EOS, 7, 8, 9, EOS]
    assert batch.mask.tolist() == [[False, True, True, False], [True, True, True, True]]


def test_an_empty_response_has_no_place_in_the_mask() -> None:
    """Such a row stands in the batch and is asked nothing."""
    batch = collate([Encoded((5, 6, 7), ()), Encoded((5,), (8, EOS))], PAD, CPU)
    assert batch.mask.tolist() == [[False, False], [True, True]]


@given(sequences)
@settings(max_examples=60)
def test_values_of_tokens_come_back_to_their_places(several: list[Encoded]) -> None:
    """What was written down for each token of a response lies under the mask in the same order, and 0 elsewhere."""
    batch = collate(several, PAD, CPU)
    values = [torch.rand(len(one.response)) for one in several]
    laid = spread(values, batch)
    assert all(torch.equal(row[mask], own) for row, mask, own in zip(laid, batch.mask, values, strict=True))
    assert not laid[~batch.mask].any()


@given(sequences, st.integers(1, 8))
def test_micro_batches_hold_every_sequence_once_and_like_lengths(several: list[Encoded], size: int) -> None:
    """None is longer than the size, and no sequence is shorter than one of an earlier micro-batch."""
    found = micro_batches(several, size)
    assert sorted(place for part in found for place in part) == list(range(len(several)))
    assert [len(part) for part in found[:-1]] == [size] * (len(found) - 1)
    lengths = [len(several[place]) for part in found for place in part]
    assert lengths == sorted(lengths)
    assert all(collate([several[place] for place in part], PAD, CPU).shared is None for part in found if part)


def tokens_read(several: Sequence[Encoded], parts: list[list[int]]) -> int:
    """How many tokens a model reads, padding included."""
    batches = [collate([several[place] for place in part], PAD, CPU, share=True) for part in parts]
    return sum(
        one.shared.prompts.numel() + one.shared.responses.numel() if one.shared else one.inputs.numel()
        for one in batches
    )


@given(st.lists(ids.filter(len), min_size=1, max_size=4), st.lists(ids, min_size=1, max_size=9), st.integers(1, 9))
@settings(max_examples=60)
def test_prompts_are_shared_where_that_leaves_less_to_read(prompts: Any, responses: Any, size: int) -> None:
    """Every sequence once; never more than with like lengths together; the shared layout says the same as the whole."""
    several = [Encoded(prompt, (*response, EOS)) for prompt in prompts for response in responses]
    found = micro_batches(several, size, share=True)
    assert sorted(place for part in found for place in part) == list(range(len(several)))
    assert tokens_read(several, found) <= tokens_read(several, micro_batches(several, size))
    for part in found:
        if shared := collate([several[place] for place in part], PAD, CPU, share=True).shared:
            assert len(set(map(tuple, shared.prompts.tolist()))) == len(shared.prompts)
            for row, place in enumerate(part):
                owner, length = int(shared.owner[row]), len(several[place].response)
                assert tuple(shared.prompts[owner, shared.padding[owner] :].tolist()) == several[place].prompt
                assert tuple(shared.responses[row, : length - 1].tolist()) == several[place].response[:-1]
                assert shared.mask[row].tolist() == [column < length for column in range(shared.mask.shape[1])]


def test_rollouts_of_a_prompt_stand_together_where_prompts_are_long_and_not_where_they_are_short() -> None:
    """Groups of unlike lengths: sharing them saves their prompts and costs padding."""
    for prompt, together in ((40, True), (2, False)):
        several = [Encoded((4 + group,) * prompt, (9,) * long) for group in range(4) for long in (2, 9, 30, 31)]
        parts = micro_batches(several, 4, share=True)
        assert all((len({several[place].prompt for place in part}) == 1) == together for part in parts)
        shared = [collate([several[place] for place in part], PAD, CPU, share=True).shared for part in parts]
        assert all((one is not None) == together for one in shared)


def test_what_becomes_of_every_row_is_counted() -> None:
    """Kept, without a response, and with a prompt that is too long: cut, it would ask another question."""
    rows = [Row("1+1=", "2"), Row("2+2="), Row("2+2=", ""), Row("1+1+1+1+1=", "5"), Row("3=", "3")]
    encoded, intake = encode(rows, prompt=4)
    assert [len(one.prompt) for one in encoded] == [4, 2]
    assert intake.as_dict() == {
        "kept": 2, "truncated": 0, "no_eos": 0, "dropped": {"no response": 2, "prompt too long": 1},
        "sequences": 2, "turns_trained": 2, "turns_masked": 0, "tokens_trained": 4, "tokens_masked": 6,
    }  # fmt: skip


def test_a_whole_response_ends_with_the_end_of_sequence() -> None:
    """Prompt and response are encoded apart, as they are when the policy answers; a prompt gets no end."""
    (one,), _ = encode([Row("12=", "21")])
    assert one == Encoded((5, 6, 18), (6, 5, EOS))


@pytest.mark.parametrize(("long", "refused"), [(0, False), (5, False), (6, True), (100, True)])
def test_at_most_one_in_twenty_responses_may_be_cut_off(long: int, refused: bool) -> None:
    """A policy that never sees an end does not learn to stop; what was cut has lost its end."""
    rows = [Row("1=", "1234567" if number < long else "1") for number in range(100)]
    if refused:
        with pytest.raises(
            PosttrainError, match=rf"{long} of 100 responses are longer than max_response_tokens"
        ) as raised:
            encode(rows, response=4)
        assert "raise max_response_tokens" in raised.value.hint
    else:
        encoded, intake = encode(rows, response=4)
        assert (intake.truncated, intake.kept) == (long, 100)
        assert sum(one.response[-1] != EOS for one in encoded) == long
        assert max(len(one.response) for one in encoded) <= 4


def test_a_response_that_just_fits_is_whole() -> None:
    """Its end-of-sequence token counts."""
    for limit, truncated in ((4, 0), (3, 1)):
        rows = [Row("1=", "123"), *[Row("1=", "1")] * 30]
        assert encode(rows, response=limit)[1].truncated == truncated


@pytest.mark.parametrize(
    ("rows", "message"),
    [([], "there are none"), ([Row("1=")], "'no response': 1"), ([Row("1" * 9, "1")], "'prompt too long': 1")],
)
def test_nothing_to_train_on_is_an_error_that_counts_why(rows: list[Row], message: str) -> None:
    """Found, expected, and what to do."""
    with pytest.raises(PosttrainError, match=message) as raised:
        encode(rows, prompt=5)
    assert "max_prompt_tokens" in raised.value.hint


def test_a_chat_tokenizer_gets_its_template() -> None:
    """Text becomes a message of the user, messages are taken as they are, both up to where the answer begins."""
    tokenizer = make_tokenizer(chat=True)
    text = encode_prompt(tokenizer, "12", chat=True)
    assert text == (BOS, 5, 6, 18)
    assert encode_prompt(tokenizer, ({"role": "user", "content": "12"},), chat=True) == text
    two = ({"role": "system", "content": "1"}, {"role": "user", "content": "2"})
    assert encode_prompt(tokenizer, two, chat=True) == (BOS, 5, BOS, 6, 18)
    assert encode_prompt(tokenizer, "12", chat=False) == (5, 6)


def test_messages_without_a_template_are_refused() -> None:
    """The tokenizer cannot say where a turn ends."""
    with pytest.raises(PosttrainError, match="the tokenizer has no chat template") as raised:
        encode_prompt(make_tokenizer(), ({"role": "user", "content": "12"},), chat=False)
    assert "write prompts as text" in raised.value.hint
