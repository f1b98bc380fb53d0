"""docs/rows.md, written from the code: every layout of a row that is read, with the tokens that it becomes.

python -m tests.reference_impls.rows_page     writes the page anew; test_rows_page.py says whether it has to be
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import fill
from typing import Any

from posttrain.errors import PosttrainError
from posttrain.first_row import FirstRow
from reference_impls.configs import make_config
from reference_impls.model.demonstrations import encode_demonstrations
from reference_impls.model.templates import Template, make_template
from reference_impls.run.intake import closes_thought, first_row
from reference_impls.tasks.columns import FOR_VERIFIERS, MEDIA, SYSTEM, THOUGHT, TOOLS, row_of
from reference_impls.tasks.row import NoRowError, Task
from tests.reference_impls.chat_templates import tokenizer_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rows.md"
CHATML, QWEN3, R1, BASE = "ChatML, Qwen2.5", "Qwen3", "DeepSeek-R1", "base"
WEATHER = {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {}}}
CALL = {"type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}


@dataclass(frozen=True)
class Layout:
    """A layout of rows, one row of it, and the template that it is shown with."""

    title: str
    row: Mapping[str, Any]
    note: str = ""
    template: str = CHATML
    settings: Mapping[str, Any] = field(default_factory=dict)


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def says(content: object, **more: object) -> dict[str, object]:
    return {"role": "assistant", "content": content, **more}


LAYOUTS = [
    Layout("Prompt and response", {"prompt": "1+1?", "response": "It is 2.", "answer": 2},
           "`answer` is the gold answer; it is not trained on, verifiers compare with it."),
    Layout("The same for a base model", {"prompt": "1+1?", "response": "It is 2."},
           "Without a chat template a separator stands between prompt and response: a line break, or `separator`.",
           BASE),
    Layout("Chat, several turns", {"messages": [user("Hi"), says("Hello."), user("1+1?"), says("2")]},
           "Every turn of the assistant is trained on; `turns=last` trains on the last message alone."),
    Layout("Chat that ends with the user", {"messages": [user("1+1?"), says("2"), user("And 2+2?")], "answer": "4"},
           "A prompt for techniques that sample. Imitation trains on the turns there are."),
    Layout("ShareGPT", {"conversations": [{"from": "system", "value": "Be brief."}, {"from": "human", "value": "1+1?"},
                                          {"from": "gpt", "value": "2"}]}),
    Layout("Weights of turns", {"messages": [user("1+1?"), says("3", weight=0), user("No."), says("2", weight=1)]},
           "A turn of `weight` 0, or `train: false`, is read and not trained on. A row with another weight than 0 or "
           "1 is left out and counted."),
    Layout("Weight of a row", {"prompt": "1+1?", "response": "3", "weight": 0},
           "The row is a prompt without a demonstration, and is counted. So is one whose `label` is false."),
    Layout("Tools", {"messages": [user("Weather in Oslo?"), says(None, tool_calls=[CALL]),
                                  {"role": "tool", "content": "7"}, says("Seven degrees.")], "tools": [WEATHER]},
           "Calls are trained on, results are read, definitions reach the template. Arguments that are JSON text "
           "become an object: a template writes JSON itself. `tools` may be a list or its JSON."),
    Layout("LLaMA-Factory's tools", {"conversations": [
        {"from": "human", "value": "Weather?"},
        {"from": "function_call", "value": "{\"name\": \"weather\", \"arguments\": {}}"},
        {"from": "observation", "value": "7"}, {"from": "gpt", "value": "Seven."}], "tools": json.dumps([WEATHER])}),
    Layout("A call with text", {"messages": [user("Weather?"), says("Let me look.", tool_calls=[CALL])]}),
    Layout("Parts of a content", {"messages": [user([{"type": "text", "text": "1+"}, {"type": "text", "text": "1?"}]),
                                               says([{"type": "text", "text": "2"}])]},
           "Texts are joined. A part that is an image, or a column that is one, leaves the row out by name."),
    Layout("Anthropic's tools", {"messages": [
        user("Weather?"), says([{"type": "tool_use", "id": "t1", "name": "weather", "input": {}}]),
        user([{"type": "tool_result", "tool_use_id": "t1", "content": "7"}]), says("Seven.")]}),
    Layout("Thoughts", {"messages": [user("1+1?"), says("2", reasoning_content="One and one.")]},
           "Also `reasoning` and `thinking`, in a message or as a column. Qwen3:", QWEN3),
    Layout("Thoughts inside the text", {"messages": [user("1+1?"), says("<think>One and one.</think>2")]}, "", QWEN3),
    Layout("Several thoughts", {"messages": [user("1+1?"), says("2", reasoning_content="Easy."), user("2+2?"),
                                             says("4", reasoning_content="Easy too.")]},
           "Qwen3 drops the thoughts of earlier turns. Each such turn is trained on in a sequence of its own, as the "
           "policy would have written it at that time; shown is the last.", QWEN3),
    Layout("Qwen3 without thoughts", {"prompt": "1+1?", "response": "2"},
           "With `--chat-template-kwargs enable_thinking=false`.", QWEN3,
           {"chat_template_kwargs": {"enable_thinking": False}}),
    Layout("A prompt that opens a thought", {"prompt": "1+1?", "response": "2"},
           "DeepSeek-R1 begins every answer with `<think>`. No row has a thought here, so it is closed before each "
           "answer, in training and in scores.", R1),
    Layout("The same with a thought", {"prompt": "1+1?", "thinking": "One and one.", "response": "2"}, "", R1),
    Layout("A thought for a template without", {"messages": [user("1+1?"), says("2", reasoning_content="Easy.")]},
           "A template that would leave out a part of a row refuses the row, with the line and the part."),
    Layout("System column", {"system": "Be brief.", "prompt": "1+1?", "response": "2"},
           "`--system TEXT` does the same for rows that have none."),
    Layout("Prompt template", {"question": "1+1?", "response": "2"},
           "With `--prompt-template 'Question: {prompt}'`.", CHATML, {"prompt_template": "Question: {prompt}"}),
    Layout("Alpaca", {"instruction": "Translate into French.", "input": "cat", "output": "chat"}),
    Layout("Alpaca with history", {"instruction": "2+2?", "output": "4", "history": [["1+1?", "2"]]}),
    Layout("Dolly", {"instruction": "Where is Oslo?", "context": "Oslo is in Norway.", "response": "In Norway."}),
    Layout("Context and question", {"context": "Oslo is in Norway.", "question": "Where is Oslo?", "answer": "Norway"},
           "No response: a prompt for techniques that sample. Also `passage` and `question`, `body` and `question`."),
    Layout("GSM8K", {"question": "1+1?", "answer": "1+1=2\n#### 2"},
           "The way and the number in one column: the gold answer is the number."),
    Layout("A long answer", {"question": "Why?", "answer": "Because it has been so for as long as anyone here "
                                                           "remembers it."},
           "An `answer` of twelve words and more is a demonstration."),
    Layout("Problem and solution", {"problem": "1+1?", "solution": "So \\boxed{2}.", "answer": "2"}),
    Layout("OpenR1", {"problem": "1+1?", "solution": "So \\boxed{2}.", "messages": [user("1+1?"), says("It is two.")]},
           "The chat is the demonstration, and the box of the solution the gold answer."),
    Layout("verl", {"data_source": "gsm8k", "prompt": [user("1+1?")], "ability": "math",
                    "reward_model": {"style": "rule", "ground_truth": "2"}},
           "The ground truth is the gold answer."),
    Layout("Pair", {"prompt": "1+1?", "chosen": "2", "rejected": "3"},
           "The chosen response is the demonstration; both stay in the row for techniques that learn from pairs."),
    Layout("Pair of chats", {"chosen": [user("1+1?"), says("2")], "rejected": [user("1+1?"), says("3")]}),
    Layout("Pair of dialogues", {"chosen": "\n\nHuman: 1+1?\n\nAssistant: 2", "rejected":
                                 "\n\nHuman: 1+1?\n\nAssistant: 3"}, "Anthropic's HH, for a base model.", BASE,
           {"separator": ""}),
    Layout("Choices, ARC", {"question": "Which is red?", "choices": {"text": ["sky", "blood"], "label": ["1", "2"]},
                            "answerKey": "2"}, "Options stand below the question where it does not have them."),
    Layout("Choices, MMLU", {"question": "Which is red?", "choices": ["sky", "blood"], "answer": 1},
           "An index becomes the letter."),
    Layout("MBPP", {"text": "Add one.", "code": "def f(x):\n    return x + 1", "test_list": ["assert f(1) == 2"]}),
    Layout("HumanEval", {"prompt": "def f(x):\n", "canonical_solution": "    return x + 1\n", "entry_point": "f",
                         "test": "def check(c):\n    assert c(1) == 2"}, "", BASE),
    Layout("APPS, TACO", {"question": "Print n + 1.", "solutions": "[\"print(int(input()) + 1)\"]",
                          "input_output": "{\"inputs\": [\"1\\n\"], \"outputs\": [\"2\\n\"]}"},
           "The first program is the demonstration."),
    Layout("CodeContests", {"description": "Print n + 1.", "public_tests": {"input": ["1\n"], "output": ["2\n"]},
                            "solutions": {"language": [2, 3], "solution": ["…", "print(int(input()) + 1)"]}},
           "The first program in Python 3."),
    Layout("Text alone", {"text": "Oslo is the capital of Norway."},
           "Trained on whole, without a template; with other columns `text` is a prompt."),
    Layout("Image", {"messages": [user([{"type": "image", "url": "x.png"}, {"type": "text", "text": "What?"}]),
                                  says("A cat.")]}),
    Layout("A prompt that is no text", {"prompt": 7, "response": "seven"}),
]  # fmt: skip

HEAD = """# Rows: every layout that is read, and the tokens it becomes

A file of rows is JSON Lines or a JSON array. Each row below is shown as a model sees it: tokens between ⟦ and ⟧ are
trained on by `sft` and `dft`, all others are read. `advisor probe`, `advisor plan`, every run and the app show the
first row of your file in the same way, with what was left out; `result.json` counts all of it
([training.md](training.md#resultjson-key-by-key)).

Tokens are those of `tokenizer.apply_chat_template`, up to the token that ends the last answer. What follows the end of
an earlier answer (a line break, mostly) is read and not trained on. Where a template refuses a row, or leaves a part of
it out (a role, a tool call, a thought), the row is left out, counted and named; where that is more than 5 % of the
rows, the run ends with a sentence that has the line.

The end of a turn is found in the template: `<|im_end|>` of ChatML, also where the tokenizer's end of sequence is
`<|endoftext|>`. Sampling stops at either, and at those of the model's generation config.

"""


def tail() -> str:
    """Return the last section: columns by their use."""
    names = {
        "system message": SYSTEM, "tools": TOOLS, "thought next to a response": THOUGHT,
        "left out by name, only text is trained on": MEDIA, "read by verifiers": FOR_VERIFIERS,
    }  # fmt: skip
    rows = [f"| {use} | {', '.join(f'`{name}`' for name in columns)} |" for use, columns in names.items()]
    return "\n".join([
        "## Columns by their use", "",
        "Prompts, responses and answers are listed in [training.md](training.md#tasks). A column in none of the lists "
        "is named as not used.", "", "| use | columns |", "|---|---|", *rows, "",
    ])  # fmt: skip


def shown(layout: Layout) -> str:
    """Return the section of a layout."""
    lines = [f"## {layout.title}", ""]
    lines += [fill(layout.note, 120), ""] if layout.note else []
    return "\n".join([*lines, "```json", json.dumps(layout.row, ensure_ascii=False), "```", "", *_become(layout), ""])


def _become(layout: Layout) -> list[str]:
    try:
        row, flaw = row_of(layout.row)
    except NoRowError as reason:
        return [f"Left out: {reason}."]
    row = replace(row, line=1)
    config = make_config({"technique": "sft", **layout.settings})
    tokenizer = tokenizer_of(layout.template)
    template = make_template(tokenizer, config, frozenset({tokenizer.eos_token_id}))
    task = Task("rows.jsonl", (row,), None, {flaw: 1} if flaw else {})
    if closes_thought(template, config, task):
        template = replace(template, closes_thought=True)
    view = first_row(template, task, config)
    refusal = _refusal(template, task)
    if view is None:
        return [f"Refused: {refusal}."]
    facts = [f"Gold answer: `{row.answer}`."] if row.answer is not None else []
    facts += [f"Not used: {', '.join(f'`{name}`' for name in view.unused)}."] if view.unused else []
    facts += [f"Counted: {flaw}."] if flaw else []
    facts += [f"Imitation: {refusal}."] if refusal else []
    return ["```text", _text(view), "```", *(["", " ".join(facts)] if facts else [])]


def _refusal(template: Template, task: Task) -> str:
    try:
        encode_demonstrations(template, task.rows, max_prompt_tokens=999, max_response_tokens=999)
    except PosttrainError as error:
        return error.message
    return ""


def _text(view: FirstRow) -> str:
    return "\n".join(view.lines(colour=False)[1 : -len(view.facts())])


def page() -> str:
    """Return the whole page."""
    return HEAD + "\n".join([*map(shown, LAYOUTS), tail()])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
