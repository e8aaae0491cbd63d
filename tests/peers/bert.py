"""The pipelines that most people would write around our weights, with transformers.

Entities: `token-classification` over windows of 128 tokens that overlap, so that nothing of an
article is dropped. Topics: `text-classification` over the first 512 tokens. Both share one encoder.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertForTokenClassification,
    BertModel,
    BertPreTrainedModel,
    PreTrainedTokenizerFast,
    TextClassificationPipeline,
    TokenClassificationPipeline,
    logging,
)
from transformers.modeling_outputs import SequenceClassifierOutput

STRIDE = 32
WORD = re.compile(r"\w+|[^\w\s]")
LOWER, TITLE, UPPER, MIXED, DIGITS, OTHER = range(6)

torch.set_grad_enabled(False)
logging.set_verbosity(logging.CRITICAL)  # It calls it an error not to know MeanClassifier.


class Desk:
    """Both pipelines of a model folder; `dtype` is the numbers that they calculate with."""

    def __init__(self, folder: Path, dtype: torch.dtype, batch_size: int) -> None:
        heads = json.loads((folder / "heads.json").read_text())
        weights = load_file(folder / "heads.safetensors")
        news, topics = heads["ner"][0], heads["topics"]
        tagger = BertForTokenClassification(config(folder, news["tags"]))
        tagger.bert.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
        fill(tagger.classifier, weights, news["name"])
        codes = [category["code"] for category in topics["categories"]]
        sorter = MeanClassifier(config(folder, codes), tagger.bert)
        fill(sorter.classifier, weights, topics["name"])
        self.thresholds = {c["code"]: c["threshold"] for c in topics["categories"]}
        self.ner = EntityPipeline(
            model=tagger.to(dtype).eval(),
            tokenizer=tokenizer(folder, heads["window"]["max_tokens"]),
            aggregation_strategy="first",
            stride=STRIDE,
            batch_size=batch_size,
        )
        self.topics = TopicPipeline(
            model=sorter.to(dtype).eval(),
            tokenizer=tokenizer(folder, topics["pool_tokens"]),
            top_k=None,
            function_to_apply="sigmoid",
            truncation=True,
            batch_size=batch_size,
        )

    def entities(self, texts: list[str]) -> list[list[dict]]:
        """Entities of each text: label, start and end in code points."""
        return [
            [{"label": e["entity_group"], "start": e["start"], "end": e["end"]} for e in found]
            for found in self.ner(texts)
        ]

    def categories(self, texts: list[str]) -> list[list[dict]]:
        """Topics of each text whose score reaches the threshold."""
        return [
            [one for one in scores if one["score"] >= self.thresholds[one["label"]]]
            for scores in self.topics(texts)
        ]


class MeanClassifier(BertPreTrainedModel):
    """A linear head on the mean token vector."""

    def __init__(self, config: BertConfig, bert: BertModel) -> None:
        super().__init__(config)
        self.bert, self.num_labels = bert, config.num_labels
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor):
        """Logits of the labels."""
        vectors = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(vectors.dtype)
        mean = (vectors * mask).sum(1) / mask.sum(1)
        return SequenceClassifierOutput(logits=self.classifier(mean).float())


class EntityPipeline(TokenClassificationPipeline):
    """Adds the case of each word, which the model reads as the token type."""

    def preprocess(self, sentence: str, offset_mapping=None, **parameters) -> Iterator[dict]:
        """One window after the other."""
        types = case_types(sentence)
        for window in super().preprocess(sentence, offset_mapping, **parameters):
            window["token_type_ids"] = types[window["offset_mapping"][..., 0]]
            window["token_type_ids"][window["special_tokens_mask"] == 1] = OTHER
            yield window


class TopicPipeline(TextClassificationPipeline):
    """The same for whole articles."""

    def preprocess(self, inputs: str, **parameters) -> dict:
        """The leading tokens."""
        encoded = super().preprocess(inputs, return_offsets_mapping=True, **parameters)
        encoded["token_type_ids"] = case_types(inputs)[encoded.pop("offset_mapping")[..., 0]]
        return encoded


def config(folder: Path, labels: list[str]) -> BertConfig:
    """The encoder's shape, with labels of a head."""
    shape = BertConfig.from_json_file(folder / "config.json")
    shape.id2label = dict(enumerate(labels))
    shape.label2id = {label: i for i, label in enumerate(labels)}
    return shape


def tokenizer(folder: Path, limit: int) -> PreTrainedTokenizerFast:
    """The model's tokenizer, which cuts at `limit` tokens."""
    return PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        model_max_length=limit,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
    )


def fill(linear: nn.Linear, weights: dict[str, Tensor], name: str) -> None:
    """Copies a head's weights."""
    linear.weight.copy_(weights[f"{name}.weight"])
    linear.bias.copy_(weights[f"{name}.bias"])


def case_types(text: str) -> Tensor:
    """Of each character, how its word is written; there is always one."""
    types = torch.full((len(text) + 1,), OTHER)
    for word in WORD.finditer(text):
        types[word.start() : word.end()] = case_type(word.group())
    return types


def case_type(word: str) -> int:
    """How a word is written."""
    letters = "".join(char for char in word if char.isalpha())
    if not letters:
        return DIGITS if any(char.isdigit() for char in word) else OTHER
    if letters.islower():
        return LOWER
    if letters[0].isupper() and (len(letters) == 1 or letters[1:].islower()):
        return TITLE
    return UPPER if letters.isupper() else MIXED
