"""MPNet (Song et al. 2020), the teacher's encoder, with transformers' parameter names."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from model import TYPES, mask_bias
from text import CLS, SEP

HIDDEN, LAYERS, ATTENTION_HEADS, INNER = 768, 12, 12, 3072
WIDTH = 256  # tokens of a window
BUCKETS, MAX_DISTANCE = 32, 128
DROPOUT = 0.1

# Ids of BERT's [PAD], [CLS] and [SEP], and of the tokens that MPNet has in their place. All other
# ids are BERT's and `SHIFT`.
SPECIAL = {0: 1, CLS: 0, SEP: 2}
SHIFT = 4


class Embeddings(nn.Module):
    """Sum of word, position and case type embeddings, normalised."""

    def __init__(self, vocabulary: int = 30527) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, HIDDEN)
        self.position_embeddings = nn.Embedding(514, HIDDEN)
        self.token_type_embeddings = nn.Embedding(TYPES, HIDDEN)
        self.LayerNorm = nn.LayerNorm(HIDDEN, eps=1e-5)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        positions = torch.arange(2, ids.shape[1] + 2, device=ids.device)
        total = self.word_embeddings(ids) + self.position_embeddings(positions)
        return self.dropout(self.LayerNorm(total + self.token_type_embeddings(types)))


class SelfAttention(nn.Module):
    """Multi-head attention within a window, biased by distance."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(HIDDEN, HIDDEN)
        self.k = nn.Linear(HIDDEN, HIDDEN)
        self.v = nn.Linear(HIDDEN, HIDDEN)
        self.o = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        batch, width, _ = hidden.shape

        def split(projected: Tensor) -> Tensor:
            return projected.view(batch, width, ATTENTION_HEADS, -1).transpose(1, 2)

        query = split(self.q(hidden)) * (HIDDEN // ATTENTION_HEADS) ** -0.5
        scores = query @ split(self.k(hidden)).transpose(2, 3) + bias
        mixed = scores.softmax(-1) @ split(self.v(hidden))
        return self.o(mixed.transpose(1, 2).reshape(batch, width, HIDDEN))


class Attention(nn.Module):
    """Self-attention, added to what went in, normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = SelfAttention()
        self.LayerNorm = nn.LayerNorm(HIDDEN, eps=1e-5)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        return self.LayerNorm(self.dropout(self.attn(hidden, bias)) + hidden)


class Output(nn.Module):
    """Projection back to the hidden size, added to what went in, normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(INNER, HIDDEN)
        self.LayerNorm = nn.LayerNorm(HIDDEN, eps=1e-5)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, inner: Tensor, residual: Tensor) -> Tensor:
        return self.LayerNorm(self.dropout(self.dense(inner)) + residual)


class Layer(nn.Module):
    """One transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(HIDDEN, INNER)})
        self.output = Output()

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        hidden = self.attention(hidden, bias)
        return self.output(functional.gelu(self.intermediate["dense"](hidden)), hidden)


class MPNet(nn.Module):
    """Windows of tokens to token vectors; takes the ids of BERT's uncased vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = Embeddings()
        self.encoder = nn.ModuleDict(
            {
                "layer": nn.ModuleList(Layer() for _ in range(LAYERS)),
                "relative_attention_bias": nn.Embedding(BUCKETS, ATTENTION_HEADS),
            }
        )

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> Tensor:
        own = ids + SHIFT
        for bert, mpnet in SPECIAL.items():
            own = own.masked_fill(ids == bert, mpnet)
        hidden = self.embeddings(own, types)
        bias = self.position_bias(mask.shape[1], ids.device) + mask_bias(mask)
        bias = bias.to(torch.bfloat16) if torch.is_autocast_enabled(ids.device.type) else bias
        for layer in self.encoder["layer"]:
            hidden = layer(hidden, bias)
        return hidden

    def position_bias(self, width: int, device: torch.device) -> Tensor:
        """The learned bias of each head for each distance, (1, heads, width, width)."""
        positions = torch.arange(width, device=device)
        return self.encoder["relative_attention_bias"](
            buckets(positions[None, :] - positions[:, None])
        ).permute(2, 0, 1)[None]

    def load_base(self, state: dict[str, Tensor]) -> None:
        """Takes pretrained weights; the case types start at zero."""
        state = {
            name: value.float()
            for name, value in state.items()
            if "position_ids" not in name and "pooler" not in name
        }
        state["embeddings.token_type_embeddings.weight"] = torch.zeros(TYPES, HIDDEN)
        self.load_state_dict(state)


def buckets(distance: Tensor) -> Tensor:
    """T5's buckets of relative positions (Raffel et al. 2020), half of them for each direction."""
    half = BUCKETS // 2
    exact = half // 2
    far = distance.abs()
    log = torch.log(far.clamp(min=1).float() / exact) / math.log(MAX_DISTANCE / exact)
    large = (exact + (log * (half - exact)).long()).clamp(max=half - 1)
    return (distance > 0).long() * half + torch.where(far < exact, far, large)
