"""A small config of every architecture of transformers: the fields that its class has, with values of a toy model."""

from typing import Any

from tests.reference_impls.small_models import BOS, EOS, PAD, VOCABULARY

LAYERS = 4  # hybrids have three layers of one kind and the fourth of another
# By the names that configs have for the same thing; a config takes those that it knows.
SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY, "pad_token_id": PAD, "eos_token_id": EOS, "bos_token_id": BOS,
    "hidden_size": 32, "d_model": 32, "n_embd": 32, "dim": 32, "emb_dim": 32, "embedding_size": 32, "embed_dim": 32,
    "word_embed_proj_dim": 32, "model_dim": 32, "n_embed": 32, "attention_hidden_size": 32,
    "num_hidden_layers": LAYERS, "n_layer": LAYERS, "n_layers": LAYERS, "num_layers": LAYERS,
    "decoder_layers": LAYERS, "num_decoder_layers": LAYERS, "encoder_layers": LAYERS,
    "num_attention_heads": 4, "n_head": 4, "n_heads": 4, "num_heads": 4, "decoder_attention_heads": 4,
    "num_key_value_heads": 2, "encoder_attention_heads": 4, "head_dim": 8, "attention_head_dim": 8,
    "intermediate_size": 48, "n_inner": 48, "ffn_dim": 48, "decoder_ffn_dim": 48, "encoder_ffn_dim": 48, "dff": 48,
    "ffn_hidden_size": 48, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16,
    "expert_ffn_hidden_size": 16, "dim_ff": 48, "hidden_dim": 48, "intermediate_size_mlp": 48,
    "shared_intermediate_size": 16, "d_ff": 48, "d_inner": 48, "moe_shared_expert_intermediate_size": 16,
    "num_local_experts": 4, "num_experts": 4, "n_routed_experts": 4, "moe_num_experts": 4, "num_experts_per_tok": 2,
    "n_group": 1, "topk_group": 1, "n_shared_experts": 1, "moe_topk": 2, "moe_k": 2, "num_shared_experts": 1,
    "first_k_dense_replace": 1, "zero_expert_num": 1,
    "max_position_embeddings": 128, "n_positions": 128, "n_ctx": 128, "max_seq_len": 128,
    "max_target_positions": 128, "max_source_positions": 128, "seq_length": 128,
    "q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 8,
    "qk_head_dim": 16, "index_head_dim": 16, "index_n_heads": 2, "index_topk": 128,
    "state_size": 8, "mamba_d_state": 8, "ssm_state_size": 8, "conv_kernel": 4, "mamba_d_conv": 4, "mamba_dt_rank": 4,
    "time_step_rank": 4, "mamba_expand": 2, "expand": 2, "mamba_n_heads": 4, "mamba_d_head": 16, "n_groups": 1,
    "mamba_n_groups": 1, "mamba_num_heads": 4, "attn_layer_period": 2, "attn_layer_offset": 1, "initializer_range": 0.1,
    "expert_layer_period": 2, "expert_layer_offset": 1, "mamba_head_dim": 16, "mamba_d_ssm": 64, "n_mamba_heads": 2,
    "chunk_size": 8, "mamba_chunk_size": 8, "lru_width": 32,
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
    "linear_conv_kernel_dim": 4, "conv_L_cache": 3, "block_size": 8, "sliding_window": 16, "attention_window_size": 16,
    "attention_chunk_size": 64, "type_vocab_size": 2, "relative_attention_num_buckets": 8,
    "rotary_dim": 4, "is_decoder": True, "tie_word_embeddings": False, "use_cache": True,
    "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "hidden_dropout": 0.0, "attention_dropout": 0.0,
    "dropout": 0.0, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "activation_dropout": 0.0,
    "hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": VOCABULARY,
}  # fmt: skip
# What single architectures need beyond that, and why.
OWN: dict[str, dict[str, Any]] = {
    "mamba2": {"num_heads": 4, "head_dim": 16},  # expand * hidden_size in all
    "bamba": {"attn_layer_indices": [1, 3]},
    "bailing_hybrid": {"layer_types": ["linear_attention", "full_attention"] * 2},
    "gemma3n_text": {"num_kv_shared_layers": 0, "layer_types": ["sliding_attention", "full_attention"] * 2},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "zaya": {"num_experts_per_tok": 1},
    "zamba": {"attention_hidden_size": 64, "attention_head_dim": 16},  # attention reads two hidden states at once
    "gpt_neo": {"attention_types": [[["global", "local"], LAYERS // 2]]},
    "kimi_linear": {"layer_types": ["linear_attention", "full_attention"] * 2, "linear_head_dim": 8},
    "qwen4_exp_text": {
        "hc_lowrank": 8,
        "ngram_vocab_size_base": 200,
        "make_ngram_vocab_size_divisible_by": 8,
        "split_ngram_parts": 4,
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 16,
        "indexer_budget": 64,
        "indexer_compress_ratio": 4,
        "ple_embed_dim": 8,
    },
    "cohere_compass_text": {
        "layer_types": ["full_attention"] * LAYERS,
        "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10_000.0}},
    },
    "zamba2": {
        "layers_block_type": ["mamba", "hybrid"] * 2,
        "attention_hidden_size": 64,
        "attention_head_dim": 16,
    },
    "xmod": {"default_language": "en_XX"},
    "xlm": {"causal": True},
    "dots3_note_text": {"num_key_value_heads": 4},
    "reformer": {"axial_pos_embds": False, "attn_layers": ["local"] * LAYERS},
}
# By which weights are multiplied; more would make all rollouts of a prompt the same, and GRPO learns from differences.
SCALES = {"cpmant": 1.0}
_PARTS = "has parts for images or sound, whose default sizes are of billions of weights"
_DRAFTS = "drafts for another model and reads its hidden states"
# What cannot be tried as a causal language model of text alone, and why.
ABSENT: dict[str, str] = {
    "blt": "reads bytes through a second model that makes patches, of default size",
    "emu3": "its language model is saved under a model type that transformers does not map",
    "gemma4_assistant": _DRAFTS,
    "gemma4_unified_assistant": _DRAFTS,
    **dict.fromkeys(
        (
            "gemma3n",
            "git",
            "got_ocr2",
            "mllama",
            "moshi",
            "moss_transcribe_diarize",
            "musicgen",
            "musicgen_melody",
            "phi4_multimodal",
            "dots3_note",
            "qwen4_exp",
            "llama4",
        ),
        _PARTS,
    ),
}
# Why the forward pass of some families, by which they are trained, is not what `generate` gives.
FROM_PADDING = "`generate` counts positions from 0, the forward pass from the padding's id + 1"
DIFFERS = dict.fromkeys(
    (
        "camembert", "data2vec-text", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod",
    ),
    FROM_PADDING,
)  # fmt: skip

_LATER = "reads later tokens too; expected a causal language model: refused when it is loaded"
_PADDING = "takes its padding token for padding wherever it stands, so that a rollout with that token in it is read in "
_PADDING += "another way than it was sampled; the guard of GRPO stops the run"
# A part of the error of an architecture that cannot pass, and the reason in plain words.
KNOWN: dict[str, tuple[str, str]] = {
    "prophetnet": ("reads later tokens too", _LATER),
    "xlnet": ("reads later tokens too", _LATER),
    "cpmant": ("reads later tokens too", _LATER),
    "xlm": ("times the sampled", _PADDING),
    "xlstm": ("matC_old has wrong shape", "its own `generate` fails in transformers: matC_old has wrong shape"),
    "dbrx": ("rope_theta", "cannot be built by transformers: its attention config has no rope_theta"),
    "reformer": ("to put the model into training mode", "its code refuses a backward pass outside of training mode, "
                 "where dropout and random hashes change each pass"),
}  # fmt: skip


def tiny_config(model_type: str) -> Any:
    """Return the small config of an architecture. Raises what its class raises where the values do not fit."""
    from transformers import CONFIG_MAPPING

    return _small(CONFIG_MAPPING[model_type], OWN.get(model_type, {}))


def _small(kind: Any, own: dict[str, Any]) -> Any:
    default = kind()
    text = default.get_text_config(decoder=True)
    name = next((name for name, value in vars(default).items() if value is text), None)
    if name is None:  # the decoder's config is the config itself, or a copy of it
        return kind(**{**_fields(default), **own})
    return kind(**{name: _small(type(text), own)})


def _fields(default: Any) -> dict[str, Any]:
    """Return the values for the fields of a config, whatever it calls them."""
    known = {**vars(default), **{name: None for name in getattr(type(default), "__dataclass_fields__", {})}}
    values = {name: value for name, value in SMALL.items() if name in known}
    if "kv_lora_rank" in known and "num_key_value_heads" in values:  # latent attention has as many keys as queries
        values["num_key_value_heads"] = values["num_attention_heads"]
    return values
