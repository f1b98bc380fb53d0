"""Rows as the model sees them: the tokens of public chat templates, what is trained on, what is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from posttrain.errors import PosttrainError
from reference_impls.configs import make_config
from reference_impls.model.batches import Encoded
from reference_impls.model.demonstrations import demonstration_of, encode_demonstrations
from reference_impls.model.templates import RowRefusedError, Template, make_template, opens_thought, specials_in
from reference_impls.tasks.columns import row_of
from reference_impls.tasks.row import Row
from tests.reference_impls.chat_templates import PUBLIC, tokenizer_of

ASK = {"role": "user", "content": "What is the weather in Oslo?"}
ANSWER = {"role": "assistant", "content": "It is seven degrees."}
AGAIN = {"role": "user", "content": "And in Rome?"}
SECOND = {"role": "assistant", "content": "Twenty, and sunny."}
SYSTEM = {"role": "system", "content": "Be brief."}
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"type": "function", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}
]}  # fmt: skip
RESULT = {"role": "tool", "content": '{"degrees": 7}'}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": {}}}]
THOUGHT = {"role": "assistant", "content": "Seven.", "reasoning_content": "Oslo is cold."}
OPENING = ("DeepSeek-R1", "Qwen3 2507 thinking")  # their prompts open a thought
KEEPING = [name for name in PUBLIC if name not in (*OPENING, "Qwen3")]  # write a turn the same wherever it stands


def template_of(name: str, **settings: Any) -> Template:
    """The template of a public model, as a run makes it."""
    tokenizer = tokenizer_of(name)
    config = make_config({"technique": "sft", **settings})
    return make_template(tokenizer, config, frozenset({tokenizer.eos_token_id}), len(tokenizer))


def row(messages: Sequence[Mapping[str, object]], **columns: Any) -> Row:
    return row_of({"messages": list(messages), **columns})[0]


def rendered(name: str, messages: Sequence[Mapping[str, object]], **arguments: Any) -> list[int]:
    """What apply_chat_template gives: the oracle of every test here."""
    encoded = tokenizer_of(name).apply_chat_template(list(messages), tokenize=True, return_dict=True, **arguments)
    return list(encoded["input_ids"])


def trained_texts(name: str, sequence: Encoded) -> list[str]:
    """The texts of a sequence that are trained on, one for each turn."""
    texts: list[list[int]] = [[]]
    for token, trained in zip(sequence.response, sequence.trained or [True] * len(sequence.response), strict=True):
        if trained:
            texts[-1].append(token)
        elif texts[-1]:
            texts.append([])
    return [tokenizer_of(name).decode(ids, skip_special_tokens=False) for ids in texts if ids]


def ids_of(sequence: Encoded) -> list[int]:
    return [*sequence.prompt, *sequence.response]


def end_of(name: str) -> str:
    return PUBLIC[name].end or PUBLIC[name].eos


@pytest.mark.parametrize("name", PUBLIC)
def test_the_prompt_is_what_the_chat_template_gives(name: str) -> None:
    """Text or messages, one turn or several, with the beginning of an answer at its end."""
    template = template_of(name)
    text, _ = row_of({"prompt": ASK["content"]})
    assert list(template.prompt_ids(text)) == rendered(name, [ASK], add_generation_prompt=True)
    several = row([ASK, ANSWER, AGAIN])
    assert list(template.prompt_ids(several)) == rendered(name, [ASK, ANSWER, AGAIN], add_generation_prompt=True)


@pytest.mark.parametrize("name", [name for name in PUBLIC if name not in OPENING])
@pytest.mark.parametrize("chat", [[ASK, ANSWER], [SYSTEM, ASK, ANSWER], [ASK, ANSWER, AGAIN, SECOND]], ids=len)
def test_a_chat_is_the_tokens_of_its_chat_template(name: str, chat: list[dict[str, str]]) -> None:
    """All of apply_chat_template up to the token that ends the last answer, which is trained on."""
    template = template_of(name)
    if chat[0] is SYSTEM and not PUBLIC[name].has_system:
        with pytest.raises(RowRefusedError, match="System role not supported"):
            demonstration_of(template, row(chat))
        return
    whole = demonstration_of(template, row(chat))[0]
    expected = rendered(name, chat)
    assert ids_of(whole) == expected[: len(ids_of(whole))]
    after = tokenizer_of(name).decode(expected[len(ids_of(whole)) :], skip_special_tokens=False)
    assert after in ("", "\n", "\n<|endoftext|>")
    assert whole.response[-1] == template.end == tokenizer_of(name).convert_tokens_to_ids(end_of(name))


@pytest.mark.parametrize("name", KEEPING)
def test_every_turn_of_the_assistant_is_trained_on_and_nothing_else(name: str) -> None:
    """With the token that ends it, in one sequence; the last alone as a setting."""
    template, chat = template_of(name), row([ASK, ANSWER, AGAIN, SECOND])
    (whole,) = demonstration_of(template, chat)
    texts = [text.strip().replace(f" {end_of(name)}", end_of(name)) for text in trained_texts(name, whole)]
    assert texts == [f"{ANSWER['content']}{end_of(name)}", f"{SECOND['content']}{end_of(name)}"]
    (last,) = demonstration_of(template, chat, "last")
    assert trained_texts(name, last) == trained_texts(name, whole)[1:]
    assert ids_of(last) == ids_of(whole)


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_trained_on_follows_the_prompt_that_the_policy_is_given(name: str) -> None:
    """Sampling begins where training begins: at each turn the tokens before it are those of its prompt."""
    template = template_of(name)
    template = replace(template, closes_thought=opens_thought(template))
    sequences = demonstration_of(template, row([ASK, ANSWER, AGAIN, SECOND]))
    starts = []
    for sequence in sequences:
        mask = [False] * len(sequence.prompt) + list(sequence.trained or [True] * len(sequence.response))
        starts += [ids_of(sequence)[:at] for at in range(1, len(mask)) if mask[at] and not mask[at - 1]]
    prompts = [list(template.prompt_ids(row(chat))) for chat in ([ASK], [ASK, ANSWER, AGAIN])]
    assert sorted(starts) == sorted(prompts)


def test_a_token_across_the_beginning_of_an_answer_is_divided_as_the_policy_sees_it() -> None:
    """GPT-2 reads two line breaks before a word as two tokens, and as one where the prompt ends with them."""
    tokenizer = tokenizer_of("Llama 3", like_gpt2=True)
    template = make_template(tokenizer, make_config({"technique": "sft"}), frozenset({tokenizer.eos_token_id}))
    (sequence,) = demonstration_of(template, row([ASK, ANSWER]))
    prompt = tokenizer.apply_chat_template([ASK], tokenize=True, add_generation_prompt=True)["input_ids"]
    whole = tokenizer.apply_chat_template([ASK, ANSWER], tokenize=True)["input_ids"]
    assert whole[: len(prompt)] != prompt == list(sequence.prompt)
    assert tokenizer.decode(ids_of(sequence)) == tokenizer.decode(whole)


def test_a_thought_that_later_turns_remove_is_trained_on_in_a_sequence_of_its_own() -> None:
    """Qwen3 keeps thoughts after the last question and drops earlier ones."""
    template = template_of("Qwen3")
    earlier = {**THOUGHT, "reasoning_content": "Rome is warm."}
    last, first = demonstration_of(template, row([AGAIN, earlier, ASK, THOUGHT]))
    assert trained_texts("Qwen3", first) == ["<think>\nRome is warm.\n</think>\n\nSeven.<|im_end|>"]
    assert trained_texts("Qwen3", last) == ["<think>\nOslo is cold.\n</think>\n\nSeven.<|im_end|>"]
    assert ids_of(first) == rendered("Qwen3", [AGAIN, earlier])[: len(ids_of(first))]
    assert "Rome is warm" not in tokenizer_of("Qwen3").decode(ids_of(last))


def test_arguments_of_the_template_reach_prompt_and_demonstration() -> None:
    """`enable_thinking=false` puts an empty thought into the prompt, so that it is not trained on."""
    for given in ("enable_thinking=false", {"enable_thinking": False}):
        template = template_of("Qwen3", chat_template_kwargs=given)
        expected = rendered("Qwen3", [ASK], add_generation_prompt=True, enable_thinking=False)
        assert list(template.prompt_ids(row([ASK, ANSWER]))) == expected
        (sequence,) = demonstration_of(template, row([ASK, ANSWER]))
        assert trained_texts("Qwen3", sequence) == ["It is seven degrees.<|im_end|>"]
    own, _ = row_of({"prompt": "q", "response": "r", "chat_template_kwargs": {"enable_thinking": False}})
    assert trained_texts("Qwen3", demonstration_of(template_of("Qwen3"), own)[0]) == ["r<|im_end|>"]


@pytest.mark.parametrize("name", OPENING)
def test_a_thought_that_the_prompt_opens_is_written_or_closed(name: str) -> None:
    """A row's thought goes where the prompt opens one; without one it is closed before the answer."""
    template = template_of(name)
    assert opens_thought(template)
    inline = {"role": "assistant", "content": "<think>Oslo is cold.</think>\n\nSeven."}
    begun = rendered(name, [ASK], add_generation_prompt=True)
    for message in (THOUGHT, inline):
        (sequence,) = demonstration_of(template, row([ASK, message]))
        assert list(sequence.prompt) == begun
        assert trained_texts(name, sequence) == [f"Oslo is cold.\n</think>\n\nSeven.{end_of(name)}"]
    (closed,) = demonstration_of(template, row([ASK, ANSWER]))
    assert trained_texts(name, closed) == [f"It is seven degrees.{end_of(name)}"]
    assert closed.prompt == replace(template, closes_thought=True).prompt_ids(row([ASK]))
    assert tokenizer_of(name).decode(closed.prompt).endswith("<think>\n\n</think>\n\n")


def test_a_thought_inside_the_text_survives_a_template_that_cuts_it() -> None:
    """It stands in the answer as the file has it, where the template would leave it out."""
    cutting = tokenizer_of("DeepSeek-R1")
    template = template_of("DeepSeek-R1")
    plain = cutting.chat_template.replace("<|Assistant|><think>\n", "<|Assistant|>")
    inline = row([ASK, {"role": "assistant", "content": "<think>cold</think>7"}])
    kept = cutting.chat_template
    try:
        cutting.chat_template = plain
        assert not opens_thought(template)
        (sequence,) = demonstration_of(template, inline)
        assert trained_texts("DeepSeek-R1", sequence) == ["<think>cold</think>7<|end_of_sentence|>"]
    finally:
        cutting.chat_template = kept


@pytest.mark.parametrize("name", ["ChatML, Qwen2.5", "Qwen3", "Llama 3.1"])
def test_tools_and_their_calls_are_rendered_and_calls_are_trained_on(name: str) -> None:
    """Definitions reach the template; results of tools are read, calls are written by the policy."""
    chat = [ASK, CALL, RESULT, ANSWER]
    sequences = demonstration_of(template_of(name), row(chat, tools=TOOLS))
    whole = sequences[0]
    assert ids_of(whole) == rendered(name, chat, tools=TOOLS)[: len(ids_of(whole))]
    texts = [text for sequence in sequences for text in trained_texts(name, sequence)]
    assert sum('"weather"' in text for text in texts) == 1 and sum("seven degrees" in text for text in texts) == 1
    assert not any('degrees": 7' in text for text in texts)
    assert "Weather of a city." in tokenizer_of(name).decode(whole.prompt)


def test_a_call_ends_with_the_token_that_the_template_writes_after_it() -> None:
    """Llama 3.1 ends a call that waits for its result with `<|eom_id|>` and nothing more."""
    (sequence,) = demonstration_of(template_of("Llama 3.1"), row([ASK, CALL]))
    assert trained_texts("Llama 3.1", sequence)[0].endswith('{"city": "Oslo"}}<|eom_id|>')


def test_arguments_of_a_call_that_are_json_text_are_not_quoted_twice() -> None:
    """OpenAI writes them as text, and templates write JSON themselves."""
    function = {"name": "weather", "arguments": '{"city": "Oslo"}'}
    as_text = {**CALL, "tool_calls": [{"type": "function", "function": function}]}
    for name in ("ChatML, Qwen2.5", "Llama 3.1"):
        pair = [demonstration_of(template_of(name), row([ASK, call]))[0] for call in (CALL, as_text)]
        assert pair[0] == pair[1]


@pytest.mark.parametrize(
    ("name", "chat", "columns", "reason"),
    [
        ("Zephyr", [ASK, CALL], {}, "leaves out a tool call"),
        ("Zephyr", [ASK, ANSWER], {"tools": TOOLS}, "leaves out the definitions of tools"),
        ("Zephyr", [ASK, THOUGHT], {}, "leaves out the thought"),
        ("Llama 3", [ASK, {**ANSWER, "reasoning_content": "seven"}], {}, "leaves out the thought"),
        ("Vicuna", [ASK, RESULT, ANSWER], {}, "leaves out a message of the role 'tool'"),
        ("ChatML, Qwen2.5", [{"role": "developer", "content": "d"}, ASK, ANSWER], {}, "of the role 'developer'"),
        ("ChatML, Qwen2.5", [ASK, {"role": "ipython", "content": "7"}, ANSWER], {}, "of the role 'ipython'"),
        ("Gemma", [SYSTEM, ASK, ANSWER], {}, "refuses it: System role not supported"),
        ("Mistral", [ASK, ANSWER, SECOND], {}, "refuses it: After the optional system message"),
        ("Llama 2", [SYSTEM, ANSWER], {}, "refuses it: Conversation roles must alternate"),
    ],
)
def test_what_a_template_leaves_out_or_refuses_is_a_sentence_with_the_row(
    name: str, chat: list[dict[str, str]], columns: dict[str, Any], reason: str
) -> None:
    """Alone it ends the run with its line; as one of many it is left out and counted."""
    bad, good = replace(row(chat, **columns), line=7), row([ASK, ANSWER])
    template = template_of(name)
    limits = {"max_prompt_tokens": 999, "max_response_tokens": 99}
    with pytest.raises(PosttrainError, match=rf"^row 7: the chat template .*{reason}") as raised:
        encode_demonstrations(template, [bad], **limits)
    assert raised.value.hint
    with pytest.raises(PosttrainError, match=r"^row 8: the chat template "):
        encode_demonstrations(template, [good, bad, replace(bad, line=8)], **limits)
    assert encode_demonstrations(template, [good, bad], **limits)[1].kept == 1
    encoded, intake = encode_demonstrations(template, [bad, *[good] * 29], **limits)
    assert (len(encoded), intake.kept) == (29, 29)
    ((counted, count),) = intake.dropped.items()
    assert reason in counted and count == 1


def test_a_token_that_the_model_does_not_have_is_a_sentence_with_the_row() -> None:
    """A tokenizer may have more tokens than the model has embeddings."""
    template = replace(template_of("ChatML, Qwen2.5"), vocabulary=300)
    with pytest.raises(PosttrainError, match=r"row 4: the tokenizer is larger than the model: token \d+ "):
        encode_demonstrations(
            template, [replace(row([ASK, ANSWER]), line=4)], max_prompt_tokens=999, max_response_tokens=99
        )


@pytest.mark.parametrize("name", PUBLIC)
def test_the_token_that_ends_a_turn_is_found_in_the_template(name: str) -> None:
    """Not in `eos_token` alone: generation stops at either."""
    template = template_of(name)
    tokenizer = tokenizer_of(name)
    assert template.end == tokenizer.convert_tokens_to_ids(end_of(name))
    assert template.stop_ids == {tokenizer.eos_token_id, template.end}


def test_turns_of_weight_0_are_read_and_not_trained_on() -> None:
    """A bad answer that a user corrects teaches by what follows."""
    for mark in ({"weight": 0}, {"weight": 0.0}, {"train": False}):
        chat = row([ASK, {**ANSWER, **mark}, AGAIN, SECOND])
        (sequence,) = demonstration_of(template_of("ChatML, Qwen2.5"), chat)
        assert trained_texts("ChatML, Qwen2.5", sequence) == ["Twenty, and sunny.<|im_end|>"]
        assert ids_of(sequence) == rendered("ChatML, Qwen2.5", [ASK, ANSWER, AGAIN, SECOND])[:-1]
    last = row([ASK, ANSWER, AGAIN, {**SECOND, "weight": 0}])
    assert last.response is None  # it is no gold answer either
    (sequence,) = demonstration_of(template_of("ChatML, Qwen2.5"), last)
    assert trained_texts("ChatML, Qwen2.5", sequence) == ["It is seven degrees.<|im_end|>"]


def test_the_system_setting_is_for_rows_that_have_none() -> None:
    """A row's own system message or column stays."""
    template = template_of("Zephyr", system="Be brief.")
    assert list(template.prompt_ids(row([ASK]))) == rendered("Zephyr", [SYSTEM, ASK], add_generation_prompt=True)
    own = {"role": "system", "content": "Be long."}
    assert list(template.prompt_ids(row([own, ASK]))) == rendered("Zephyr", [own, ASK], add_generation_prompt=True)
    column, _ = row_of({"system": "Be long.", "prompt": ASK["content"], "response": "r"})
    assert list(template.prompt_ids(column)) == rendered("Zephyr", [own, ASK], add_generation_prompt=True)


def test_the_prompt_template_stands_around_the_last_question() -> None:
    """{prompt} and columns of the row; other braces stay as they are."""
    asked, _ = row_of({"prompt": "1+1?", "topic": "sums", "response": "2"})
    template = template_of("Zephyr", prompt_template=r"About {topic}: {prompt} Use \boxed{}, not {x}.")
    wrapped = {"role": "user", "content": r"About sums: 1+1? Use \boxed{}, not {x}."}
    assert list(template.prompt_ids(asked)) == rendered("Zephyr", [wrapped], add_generation_prompt=True)
    (sequence,) = demonstration_of(template, asked)
    assert ids_of(sequence) == rendered("Zephyr", [wrapped, {"role": "assistant", "content": "2"}])[:-1]
    with pytest.raises(PosttrainError, match=r"expected a text with \{prompt\} in it"):
        template_of("Zephyr", prompt_template="no name")


@pytest.mark.parametrize(
    ("settings", "prompt", "expected"),
    [
        ({}, "1+1=", "1+1=\n"),
        ({}, "1+1=\n", "1+1=\n"),
        ({}, "1+1= ", "1+1= "),
        ({"separator": ""}, "1+1=", "1+1="),
        ({"separator": " -> "}, "1+1=", "1+1= -> "),
        ({"system": "S"}, "1+1=", "S\n\n1+1=\n"),
        ({"prompt_template": "Q: {prompt}\nA:"}, "1+1=", "Q: 1+1=\nA:\n"),
    ],
)
def test_a_base_model_gets_a_separator_between_prompt_and_response(
    settings: dict[str, str], prompt: str, expected: str
) -> None:
    """A line break by default, and none behind white space; the response ends with the end of sequence."""
    tokenizer, template = tokenizer_of("base"), template_of("base", **settings)
    asked, _ = row_of({"prompt": prompt, "response": "2"})
    (sequence,) = demonstration_of(template, asked)
    assert template.prompt_ids(asked) == sequence.prompt
    assert tokenizer.decode(sequence.prompt) == expected
    assert tokenizer.decode(sequence.response) == "2<|endoftext|>"


def test_text_alone_is_trained_on_whole_and_without_a_template() -> None:
    """All tokens but the first, which nothing predicts, and the end of a document, not of a turn."""
    text, _ = row_of({"text": "Oslo is cold."})
    tokenizer = tokenizer_of("ChatML, Qwen2.5")
    (sequence,) = demonstration_of(template_of("ChatML, Qwen2.5"), text)
    assert ids_of(sequence) == [*tokenizer("Oslo is cold.")["input_ids"], tokenizer.eos_token_id]
    assert len(sequence.prompt) == 1 and sequence.trained == ()


def test_a_special_token_in_a_text_is_named() -> None:
    """A tokenizer reads it as the end of a turn, wherever it stands."""
    template = template_of("ChatML, Qwen2.5")
    assert (
        specials_in(row([{"role": "user", "content": "Ignore <|im_end|> and go on"}, ANSWER]), template) == "<|im_end|>"
    )
    assert specials_in(row([ASK, ANSWER]), template) == ""


def test_names_of_speakers_are_written_or_not() -> None:
    """ChatML has no place for them; a template that has one writes them."""
    spoken = row([{**ASK, "name": "Ada"}, ANSWER])
    assert not template_of("ChatML, Qwen2.5").writes_names(spoken)
    tokenizer = tokenizer_of("base", like_gpt2=True)
    tokenizer.chat_template = "{% for m in messages %}{{ m.name }}: {{ m.content }}\n{% endfor %}"
    assert Template(tokenizer, True).writes_names(spoken)


def test_a_long_last_answer_is_cut_and_earlier_turns_count_as_its_prompt() -> None:
    """What is cut has lost its end; a chat whose earlier turns do not fit is dropped."""
    template, chat = template_of("Zephyr"), row([ASK, ANSWER, AGAIN, SECOND])
    (whole,) = demonstration_of(template, chat)
    before = len(whole) - len([*tokenizer_of("Zephyr")(str(SECOND["content"]))["input_ids"], template.end])
    encoded, intake = encode_demonstrations(
        template, [chat, *[row([ASK, ANSWER])] * 30], max_prompt_tokens=before, max_response_tokens=len(whole) - before
    )
    assert encoded[0] == whole and intake.truncated == 0 and intake.turns_trained == 32
    with pytest.raises(PosttrainError, match="'prompt too long': 1"):
        encode_demonstrations(template, [chat], max_prompt_tokens=before - 1, max_response_tokens=99)
    cut, intake = encode_demonstrations(
        template, [chat, *[row([{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}])] * 30],
        max_prompt_tokens=before, max_response_tokens=2,
    )  # fmt: skip
    assert intake.truncated == 1 and ids_of(cut[0]) == ids_of(whole)[: before + 2]
