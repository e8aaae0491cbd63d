"""A standard BERT in plain torch, with the parameter names of transformers' `BertModel`."""

import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from device import DEVICE
from sources import CYBER, CYBER_TAGS, NEWS, NEWS_TAGS

HIDDEN, LAYERS, ATTENTION_HEADS, INNER, TYPES = 384, 6, 6, 1536, 6
HEAD = HIDDEN // ATTENTION_HEADS  # dimensions of an attention head
PRETRAINED_HEADS = 12
ACTIVATION = "relu"
WIDTH = 128  # tokens of a window
COMPONENTS = 256  # of the vector that stands for an article's meaning
DROPOUT = 0.1

Loss = Callable[[Tensor, Tensor], Tensor]


class Embeddings(nn.Module):
    """Sum of word, position and case type embeddings, normalised."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, HIDDEN)
        self.position_embeddings = nn.Embedding(512, HIDDEN)
        self.token_type_embeddings = nn.Embedding(TYPES, HIDDEN)
        self.LayerNorm = nn.LayerNorm(HIDDEN, eps=1e-12)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        positions = torch.arange(ids.shape[1], device=ids.device)
        total = self.word_embeddings(ids) + self.token_type_embeddings(types)
        return self.dropout(self.LayerNorm(total + self.position_embeddings(positions)))


class Output(nn.Module):
    """Projection back to the hidden size, added to what went in, normalised."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(size, HIDDEN)
        self.LayerNorm = nn.LayerNorm(HIDDEN, eps=1e-12)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, inner: Tensor, residual: Tensor) -> Tensor:
        return self.LayerNorm(self.dropout(self.dense(inner)) + residual)


class SelfAttention(nn.Module):
    """Attention within a window by some `heads` of `size` dimensions (`heads.py`, `lowrank.py`)."""

    def __init__(self, heads: int, size: int) -> None:
        super().__init__()
        self.size, self.scale = size, HEAD**-0.5
        self.query = nn.Linear(HIDDEN, heads * size)
        self.key = nn.Linear(HIDDEN, heads * size)
        self.value = nn.Linear(HIDDEN, heads * size)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        batch, width, _ = hidden.shape

        def split(projected: Tensor) -> Tensor:
            return projected.view(batch, width, -1, self.size).transpose(1, 2)

        # Written out: the backward pass of torch's fused attention on CPUs is a third slower.
        query = split(self.query(hidden)) * self.scale
        scores = query @ split(self.key(hidden)).transpose(2, 3) + bias
        mixed = scores.softmax(-1) @ split(self.value(hidden))
        return mixed.transpose(1, 2).reshape(batch, width, -1)


class Attention(nn.Module):
    """Self-attention and its output projection."""

    def __init__(self, heads: int, size: int) -> None:
        super().__init__()
        self.self = SelfAttention(heads, size)
        self.output = Output(heads * size)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        return self.output(self.self(hidden, bias), hidden)


activate = getattr(functional, ACTIVATION)


class Layer(nn.Module):
    """One transformer layer with `inner` neurons between its two projections."""

    def __init__(self, inner: int, heads: int, size: int) -> None:
        super().__init__()
        self.attention = Attention(heads, size)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(HIDDEN, inner)})
        self.output = Output(inner)
        self.activate = activate

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        hidden = self.attention(hidden, bias)
        return self.output(self.inner(hidden), hidden)

    def inner(self, hidden: Tensor) -> Tensor:
        """The inner neurons."""
        return self.activate(self.intermediate["dense"](hidden))


class Encoder(nn.Module):
    """Windows of tokens to token vectors; the pooler is only kept for loaders that expect it.

    `heads` are the number of attention heads of each layer, of `size` dimensions each.
    """

    def __init__(
        self, inner: int, heads: Sequence[int], size: int, vocabulary: int = 30522
    ) -> None:
        super().__init__()
        self.embeddings = Embeddings(vocabulary)
        stack = nn.ModuleList(Layer(inner, count, size) for count in heads)
        self.encoder = nn.ModuleDict({"layer": stack})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(HIDDEN, HIDDEN)})

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> Tensor:
        hidden = self.embeddings(ids, types)
        bias = mask_bias(mask).to(hidden.dtype)
        for layer in self.encoder["layer"]:
            hidden = layer(hidden, bias)
        return hidden

    def load_base(self, state: dict[str, Tensor]) -> None:
        """Takes pretrained weights; every case type starts from the pretrained type 0."""
        state = {name: value.float() for name, value in state.items() if "position_ids" not in name}
        types = "embeddings.token_type_embeddings.weight"
        state[types] = state[types][:1].repeat(TYPES, 1)
        self.load_state_dict(state)


class Model(nn.Module):
    """An encoder and the linear heads on it; windows of at most `width` tokens.

    `meaning` maps the mean token vector to the principal components of a sentence encoder's
    vectors (see `meaning.py`), so that a topic can be found by its description alone.
    """

    def __init__(self, encoder: nn.Module, hidden: int, width: int, topics: int) -> None:
        super().__init__()
        self.encoder, self.width = encoder, width
        self.news = nn.Linear(hidden, len(NEWS_TAGS))
        self.cyber = nn.Linear(hidden, len(CYBER_TAGS))
        self.topics = nn.Linear(hidden, topics)
        self.meaning = nn.Linear(hidden, COMPONENTS)
        self.to(DEVICE)


def student(
    topics: int,
    heads: Sequence[int] = (ATTENTION_HEADS,) * LAYERS,
    size: int = HEAD,
    inner: int = INNER,
) -> Model:
    """A model that ships."""
    return Model(Encoder(inner, heads, size), HIDDEN, WIDTH, topics)


def pretrained(topics: int, weights: dict[str, Tensor]) -> Model:
    """MiniLM in the form in which it was pretrained, before `adapt.py`."""
    model = student(topics, (PRETRAINED_HEADS,) * LAYERS, HIDDEN // PRETRAINED_HEADS)
    model.encoder.load_base(weights)
    for layer in model.encoder.encoder["layer"]:
        layer.attention.self.scale = layer.attention.self.size**-0.5
        layer.activate = functional.gelu
    return model


def with_layers(model: Model, kept: tuple[int, ...]) -> Model:
    """A copy of a model that has some of its layers alone."""
    short = student(model.topics.out_features, (ATTENTION_HEADS,) * len(kept))
    state = {}
    for name, value in model.state_dict().items():
        layer = re.fullmatch(r"(encoder\.encoder\.layer)\.(\d+)\.(.+)", name)
        if layer and int(layer[2]) in kept:
            state[f"{layer[1]}.{kept.index(int(layer[2]))}.{layer[3]}"] = value.clone()
        elif not layer:
            state[name] = value.clone()
    short.load_state_dict(state)
    return short


def mask_bias(mask: Tensor) -> Tensor:
    """What is added to attention scores so that none falls on padding, (windows, 1, 1, tokens)."""
    return mask.new_zeros(mask.shape, dtype=torch.float32).masked_fill(~mask, -1e4)[:, None, None]


def tag_loss(logits: Tensor, wanted: Tensor, loss: Loss) -> Tensor:
    """Mean loss over the words, a head at a time, summed over the heads."""
    return sum(loss(logits[:, columns], wanted[:, columns]).mean() for columns in (NEWS, CYBER))


def partial_loss(logits: Tensor, allowed: Tensor) -> Tensor:
    """Negative log of the probability that lies on the allowed tags (1, the others 0), by word.

    With one tag allowed this is cross-entropy.
    """
    inside = logits.masked_fill(allowed == 0, -torch.inf).logsumexp(1)
    return logits.logsumexp(1) - inside


def soft_loss(logits: Tensor, probabilities: Tensor) -> Tensor:
    """Cross-entropy with a teacher's probabilities (Hinton et al. 2015), by word."""
    return -(probabilities * logits.log_softmax(1)).sum(1)


def pool(vectors: Tensor, articles: Tensor, weights: Tensor, count: int) -> Tensor:
    """Mean token vector of each article; `weights` is 1 for the tokens that enter it."""
    weights = weights.unsqueeze(-1).float()
    sums = vectors.new_zeros(count, vectors.shape[-1], dtype=torch.float32)
    sums = sums.index_add(0, articles, (vectors.float() * weights).sum(1))
    totals = sums.new_zeros(count, 1).index_add(0, articles, weights.sum(1))
    return sums / totals.clamp(min=1)
