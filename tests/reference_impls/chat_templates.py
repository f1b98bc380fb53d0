"""Chat templates of fourteen public models, written after their documentation, each with a small tokenizer.

A template here has the rules that the documentation states: which roles there are, what is trimmed, where a system
message goes, what becomes of thoughts and of tools. The tokenizer is a byte-level BPE that was trained on a few lines,
so that it joins line breaks and words as large ones do.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

TEXT = (
    "What is the weather in Oslo today? It is seven degrees.\n\nLet me think about it.\n</think>\n\nThe answer is 42. "
    "USER: ASSISTANT: [INST] [/INST] system user assistant tool function name arguments \n\n\n  indent"
)


@dataclass(frozen=True)
class Public:
    """A public chat template, and the tokens of its own."""

    template: str
    special: tuple[str, ...]
    eos: str
    bos: str | None = None
    end: str | None = None
    """The token after an answer, where it is not the end of sequence."""
    has_system: bool = True
    alternates: bool = False
    """Whether it refuses roles out of turn."""


CHATML = Public(
    "{%- if messages[0].role == 'system' %}{{- '<|im_start|>system\n' + messages[0].content }}"
    "{%- else %}{{- '<|im_start|>system\nYou are a helpful assistant.' }}{%- endif %}"
    "{%- if tools %}{{- '\n\n# Tools\n\n<tools>' }}{%- for tool in tools %}{{- '\n' }}{{- tool | tojson }}{%- endfor %}"
    "{{- '\n</tools>' }}{%- endif %}{{- '<|im_end|>\n' }}"
    "{%- for message in messages %}"
    "{%- if message.role == 'user' or (message.role == 'system' and not loop.first)"
    " or (message.role == 'assistant' and not message.tool_calls) %}"
    "{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{%- elif message.role == 'assistant' %}{{- '<|im_start|>assistant' }}"
    "{%- if message.content %}{{- '\n' + message.content }}{%- endif %}"
    "{%- for call in message.tool_calls %}{%- set call = call.function %}"
    "{{- '\n<tool_call>\n{\"name\": \"' + call.name + '\", \"arguments\": ' }}{{- call.arguments | tojson }}"
    "{{- '}\n</tool_call>' }}{%- endfor %}{{- '<|im_end|>\n' }}"
    "{%- elif message.role == 'tool' %}"
    "{{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}"
    "{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}",
    ("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<tool_call>", "</tool_call>"), "<|endoftext|>", end="<|im_end|>",
)  # fmt: skip

# the thought stays in the turns after the last question of the user, and goes from those before it
QWEN3 = Public(
    "{%- if tools %}{{- '<|im_start|>system\n' }}"
    "{%- if messages[0].role == 'system' %}{{- messages[0].content + '\n\n' }}{%- endif %}"
    "{{- '# Tools\n\n<tools>' }}{%- for tool in tools %}{{- '\n' }}{{- tool | tojson }}{%- endfor %}"
    "{{- '\n</tools><|im_end|>\n' }}"
    "{%- elif messages[0].role == 'system' %}{{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}"
    "{%- endif %}{%- set ns = namespace(last=-1) %}"
    "{%- for message in messages %}{%- if message.role == 'user' %}{%- set ns.last = loop.index0 %}{%- endif %}"
    "{%- endfor %}"
    "{%- for message in messages %}"
    "{%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}"
    "{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{%- elif message.role == 'assistant' %}"
    "{%- set content = message.content or '' %}{%- set thought = '' %}"
    "{%- if message.reasoning_content is string %}{%- set thought = message.reasoning_content %}"
    "{%- elif '</think>' in content %}"
    "{%- set thought = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}"
    "{%- set content = content.split('</think>')[-1].lstrip('\n') %}{%- endif %}"
    "{{- '<|im_start|>assistant\n' }}"
    "{%- if loop.index0 > ns.last and (loop.last or thought) %}"
    "{{- '<think>\n' + thought.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}"
    "{%- else %}{{- content }}{%- endif %}"
    "{%- for call in message.tool_calls or [] %}{%- set call = call.function %}"
    "{{- '\n<tool_call>\n{\"name\": \"' + call.name + '\", \"arguments\": ' }}"
    "{%- if call.arguments is string %}{{- call.arguments }}{%- else %}{{- call.arguments | tojson }}{%- endif %}"
    "{{- '}\n</tool_call>' }}{%- endfor %}{{- '<|im_end|>\n' }}"
    "{%- elif message.role == 'tool' %}"
    "{{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}"
    "{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"
    "{%- endif %}",
    ("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>", "<tool_call>", "</tool_call>"),
    "<|im_end|>",
)  # fmt: skip

LLAMA_2 = Public(
    "{%- if messages[0]['role'] == 'system' %}{%- set rest = messages[1:] %}{%- set system = messages[0]['content'] %}"
    "{%- else %}{%- set rest = messages %}{%- set system = false %}{%- endif %}"
    "{%- for message in rest %}"
    "{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{%- endif %}"
    "{%- set content = message['content'] %}"
    "{%- if loop.index0 == 0 and system %}{%- set content = '<<SYS>>\n' + system + '\n<</SYS>>\n\n' + content %}"
    "{%- endif %}"
    "{%- if message['role'] == 'user' %}{{- bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{%- else %}{{- ' ' + content.strip() + ' ' + eos_token }}{%- endif %}{%- endfor %}",
    ("<s>", "</s>"), "</s>", "<s>", alternates=True,
)  # fmt: skip

LLAMA_3 = Public(
    "{%- for message in messages %}"
    "{%- set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim "
    "+ '<|eot_id|>' %}"
    "{%- if loop.index0 == 0 %}{%- set content = bos_token + content %}{%- endif %}{{- content }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}",
    ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    "<|end_of_text|>", "<|begin_of_text|>", end="<|eot_id|>",
)  # fmt: skip

LLAMA_31 = Public(
    "{{- bos_token }}{%- if tools %}{{- '<|start_header_id|>user<|end_header_id|>\n\nFunctions:\n\n' }}"
    "{%- for tool in tools %}{{- tool | tojson(indent=4) }}{{- '\n\n' }}{%- endfor %}{{- '<|eot_id|>' }}{%- endif %}"
    "{%- for message in messages %}"
    "{%- if message.role in ('tool', 'ipython') %}"
    "{{- '<|start_header_id|>ipython<|end_header_id|>\n\n' + message.content + '<|eot_id|>' }}"
    "{%- elif message.tool_calls %}{%- set call = message.tool_calls[0].function %}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\n\n{\"name\": \"' + call.name + '\", \"parameters\": ' }}"
    "{{- call.arguments | tojson }}{{- '}<|eom_id|>' }}"
    "{%- else %}{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content | trim "
    "+ '<|eot_id|>' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}",
    ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>"),
    "<|eot_id|>", "<|begin_of_text|>",
)  # fmt: skip

MISTRAL = Public(
    "{{- bos_token }}{%- if messages[0].role == 'system' %}{%- set rest = messages[1:] %}"
    "{%- set system = messages[0].content %}{%- else %}{%- set rest = messages %}{%- set system = '' %}{%- endif %}"
    "{%- for message in rest %}"
    "{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{- raise_exception('After the optional system message, conversation roles must alternate') }}{%- endif %}"
    "{%- if message.role == 'user' %}"
    "{%- if loop.last and system %}{{- '[INST] ' + system + '\n\n' + message.content + '[/INST]' }}"
    "{%- elif loop.first and system %}{{- '[INST] ' + system + '\n\n' + message.content + '[/INST]' }}"
    "{%- else %}{{- '[INST] ' + message.content + '[/INST]' }}{%- endif %}"
    "{%- else %}{{- ' ' + message.content + eos_token }}{%- endif %}{%- endfor %}",
    ("<s>", "</s>", "[INST]", "[/INST]"), "</s>", "<s>", alternates=True,
)  # fmt: skip

GEMMA = Public(
    "{{- bos_token }}{%- if messages[0]['role'] == 'system' %}{{- raise_exception('System role not supported') }}"
    "{%- endif %}{%- for message in messages %}"
    "{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{%- endif %}"
    "{%- set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{- '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<start_of_turn>model\n' }}{%- endif %}",
    ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"), "<eos>", "<bos>", end="<end_of_turn>", has_system=False,
    alternates=True,
)  # fmt: skip

PHI_3 = Public(
    "{%- for message in messages %}{{- '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|assistant|>\n' }}{%- else %}{{- eos_token }}{%- endif %}",
    ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>"), "<|endoftext|>", end="<|end|>",
)  # fmt: skip

# the prompt opens the thought, and no answer keeps its own
DEEPSEEK_R1 = Public(
    "{{- bos_token }}{%- for message in messages %}"
    "{%- if message['role'] == 'system' %}{{- message['content'] }}"
    "{%- elif message['role'] == 'user' %}{{- '<|User|>' + message['content'] }}"
    "{%- elif message['role'] == 'assistant' and message['content'] is not none %}"
    "{%- set content = message['content'] %}"
    "{%- if '</think>' in content %}{%- set content = content.split('</think>')[-1] %}{%- endif %}"
    "{{- '<|Assistant|>' + content + '<|end_of_sentence|>' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|Assistant|><think>\n' }}{%- endif %}",
    ("<|begin_of_sentence|>", "<|end_of_sentence|>", "<|User|>", "<|Assistant|>"),
    "<|end_of_sentence|>", "<|begin_of_sentence|>",
)  # fmt: skip

ZEPHYR = Public(
    "{%- for message in messages %}{{- '<|' + message['role'] + '|>\n' + message['content'] + eos_token + '\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|assistant|>\n' }}{%- endif %}",
    ("<s>", "</s>"), "</s>", "<s>",
)  # fmt: skip

VICUNA = Public(
    "{%- if messages[0]['role'] == 'system' %}{%- set rest = messages[1:] %}{{- messages[0]['content'] + ' ' }}"
    "{%- else %}{%- set rest = messages %}{{- 'A chat between a curious user and an assistant. ' }}{%- endif %}"
    "{%- for message in rest %}"
    "{%- if message['role'] == 'user' %}{{- 'USER: ' + message['content'] + ' ' }}"
    "{%- elif message['role'] == 'assistant' %}{{- 'ASSISTANT: ' + message['content'] + '</s>' }}{%- endif %}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- 'ASSISTANT:' }}{%- endif %}",
    ("<s>", "</s>"), "</s>", "<s>",
)  # fmt: skip

COMMAND_R = Public(
    "{{- bos_token }}{%- for message in messages %}"
    "{%- if message['role'] == 'system' %}{%- set speaker = '<|SYSTEM_TOKEN|>' %}"
    "{%- elif message['role'] == 'user' %}{%- set speaker = '<|USER_TOKEN|>' %}"
    "{%- else %}{%- set speaker = '<|CHATBOT_TOKEN|>' %}{%- endif %}"
    "{{- '<|START_OF_TURN_TOKEN|>' + speaker + message['content'].strip() + '<|END_OF_TURN_TOKEN|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{%- endif %}",
    ("<BOS_TOKEN>", "<EOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|SYSTEM_TOKEN|>",
     "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>"),
    "<EOS_TOKEN>", "<BOS_TOKEN>", end="<|END_OF_TURN_TOKEN|>",
)  # fmt: skip

# a line break ends an answer that is followed by another turn, and the end of sequence the last
TULU = Public(
    "{%- for message in messages %}"
    "{%- if message['role'] == 'assistant' %}"
    "{%- if loop.last %}{{- '<|assistant|>\n' + message['content'] + eos_token }}"
    "{%- else %}{{- '<|assistant|>\n' + message['content'] + eos_token + '\n' }}{%- endif %}"
    "{%- else %}{{- '<|' + message['role'] + '|>\n' + message['content'] + '\n' }}{%- endif %}"
    "{%- if loop.last and add_generation_prompt %}{{- '<|assistant|>\n' }}{%- endif %}{%- endfor %}",
    ("<|endoftext|>",), "<|endoftext|>",
)  # fmt: skip

# Qwen3 of July 2025: always thinks, and the prompt opens the thought
QWEN3_THINKING = Public(
    QWEN3.template.replace(
        "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}",
        "{{- '<think>\n' }}",
    ),
    QWEN3.special, QWEN3.eos,
)  # fmt: skip

PUBLIC = {
    "ChatML, Qwen2.5": CHATML, "Qwen3": QWEN3, "Qwen3 2507 thinking": QWEN3_THINKING, "Llama 2": LLAMA_2,
    "Llama 3": LLAMA_3, "Llama 3.1": LLAMA_31, "Mistral": MISTRAL, "Gemma": GEMMA, "Phi-3": PHI_3,
    "DeepSeek-R1": DEEPSEEK_R1, "Zephyr": ZEPHYR, "Vicuna": VICUNA, "Command R": COMMAND_R, "Tulu, OLMo": TULU,
}  # fmt: skip


# how Llama 3 and Qwen divide a text into words: line breaks stay together, whatever follows them
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


@cache
def tokenizer_of(name: str, *, like_gpt2: bool = False) -> Any:
    """Return a tokenizer with a public chat template; `base` has none.

    like_gpt2: words are divided as in GPT-2, where two line breaks are one token at the end and two before a word.
    """
    from transformers import PreTrainedTokenizerFast

    public = PUBLIC.get(name) or Public("", ("<|endoftext|>",), "<|endoftext|>")
    inner = Tokenizer(models.BPE())
    split, to_bytes = pre_tokenizers.Split(Regex(WORDS), "isolated"), pre_tokenizers.ByteLevel
    inner.pre_tokenizer = to_bytes(add_prefix_space=False)
    if not like_gpt2:
        inner.pre_tokenizer = pre_tokenizers.Sequence([split, to_bytes(add_prefix_space=False, use_regex=False)])
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    inner.train_from_iterator([TEXT.replace(" ", "\n\n", 2), *[TEXT] * 8], trainer)
    inner.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in public.special])
    named = {"bos_token": public.bos} if public.bos else {}
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=public.eos, **named)
    made.chat_template = public.template or None
    return made
