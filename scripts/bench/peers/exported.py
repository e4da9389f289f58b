"""Trains the ladder from where vl-lst starts, on what it trains on, in its order.

    node scripts/bench/export-run.mjs --out DIR --seed N
    python exported.py --data DIR --seed N [--threads 2]

Reads the features, token ids, settings, start weights and orders that the first wrote, trains
with the same settings, chooses the best epoch on the validation split, and prints the test
split's score by VQA's official accuracy (by the answers' scores where one person was asked):
one JSON line an epoch, and one at the end.
"""

import argparse
import copy
import json
import random
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

from easy_vqa import AdamW, greedy, rate_factor
from t5_ladder import Ladder, Sizes, T5Ladder, Vision, sample_mean_loss

LONGEST = 20


class Samples:
    """The samples of a split as tensors."""

    def __init__(self, rows: list, features: torch.Tensor):
        self.rows = rows
        self.features = features
        self.ids = [torch.tensor(row["ids"]) for row in rows]

    def __len__(self) -> int:
        return len(self.rows)

    def inputs(self, chosen: list) -> dict:
        feats = self.features[[self.rows[i]["picture"] for i in chosen]]
        ids = torch.nn.utils.rnn.pad_sequence([self.ids[i] for i in chosen], True)
        return {"ids": ids, "vis_feats": feats, "boxes": feats.new_zeros(*feats.shape[:2], 4)}

    def targets(self, chosen: list) -> tuple:
        """An answer drawn by its score, and that score."""
        drawn = []
        for i in chosen:
            answers = self.rows[i]["targets"]
            drawn.append(random.choices(answers, [score for _, score in answers])[0])
        labels = [torch.tensor(ids) for ids, _ in drawn]
        pad = torch.nn.utils.rnn.pad_sequence(labels, True, padding_value=-100)
        return pad, torch.tensor([score for _, score in drawn])


def official(said: list, answer: str) -> float:
    """VQA's accuracy: leaving out each annotator in turn, a third for each who agrees, at most 1."""
    agree = said.count(answer)
    parts = [min(1.0, (agree - (other == answer)) / 3) for other in said]
    return sum(parts) / len(parts)


def score_of(row: dict, answer: str) -> float:
    said = row.get("answers")
    return official(said, answer) if said else row["scores"].get(answer, 0.0)


def evaluate(model: T5Ladder, samples: Samples, words: dict) -> float:
    model.eval()
    scores = []
    for chosen in torch.arange(len(samples)).split(256):
        chosen = chosen.tolist()
        for i, ids in zip(chosen, greedy(model, samples.inputs(chosen), LONGEST).tolist()):
            end = ids.index(1) if 1 in ids else len(ids)
            scores.append(score_of(samples.rows[i], words.get(tuple(ids[:end]), "?")))
    return round(100 * sum(scores) / len(scores), 2)


def build(folder: Path, settings: dict) -> T5Ladder:
    t5, options = settings["t5"], settings["config"]["methodOptions"]
    sizes = Sizes(
        *(t5[name] for name in ("dModel", "dKv", "numHeads", "dFf", "numLayers", "numDecoderLayers")),
        buckets=t5["relativeAttentionNumBuckets"],
        vocab_size=t5["vocabSize"],
        eps=t5["layerNormEpsilon"],
    )
    ladder = Ladder(
        reduction=options["reductionFactor"],
        tap_norm=options["tapNorm"],
        gate_image_rows=options["gateImageRows"],
    )
    model = T5Ladder(sizes, "lst", Vision(settings["featDim"]), ladder, 0.0)
    start = load_file(folder / "start.safetensors")
    missing = set(model.state_dict()) - set(start)
    if missing:
        raise SystemExit(f"start.safetensors lacks {sorted(missing)[:5]}")
    model.load_state_dict(start, strict=False)
    return model


def train(model: T5Ladder, data: dict, words: dict, settings: dict, started: float) -> dict:
    """Trains as configured; returns the weights of the best epoch on the validation split."""
    config = settings["config"]
    named = model.freeze_for_method()
    optimizer = AdamW(named, config["weightDecay"])
    samples, size = data["train"], config["batchSize"]
    per_epoch = -(-len(samples) // size)
    total = round(per_epoch * config["epochs"])
    warmup = int(total * config["warmupRatio"])
    best, kept = -1.0, {}
    for step in range(total):
        if step % per_epoch == 0:
            order = settings["orders"][step // per_epoch]
        at = step % per_epoch * size
        chosen = order[at : at + size]
        batch = samples.inputs(chosen)
        labels, scores = samples.targets(chosen)
        model.train()
        logits = model(batch["ids"], labels, None, batch["vis_feats"], batch["boxes"])
        loss = sample_mean_loss(logits, labels, scores)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(named.values(), config["maxGradNorm"])
        optimizer.step(config["learningRate"] * rate_factor(config["schedule"], step, warmup, total))
        for weight in named.values():
            weight.grad = None
        if (step + 1) % per_epoch == 0 or step + 1 == total:
            score = evaluate(model, data["validation"], words)
            line = {"epoch": (step + 1) / per_epoch, "loss": round(loss.item(), 4), "validation": score}
            print(json.dumps({**line, "seconds": round(time.time() - started, 1)}), flush=True)
            if score > best:
                best, kept = score, copy.deepcopy(model.trained())
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    started = time.time()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    settings = json.loads((options.data / "settings.json").read_text())
    rows = json.loads((options.data / "samples.json").read_text())
    features = load_file(options.data / "features.safetensors")["features"]
    data = {split: Samples(some, features) for split, some in rows.items()}
    texts = json.loads((options.data / "words.json").read_text())
    words = {tuple(ids): word for word, ids in texts.items()}
    model = build(options.data, settings)
    kept = train(model, data, words, settings, started)
    with torch.no_grad():
        for name, weight in model.trained().items():
            weight.copy_(kept[name])
    score = evaluate(model, data["test"], words)
    done = {"test": score, "seconds": round(time.time() - started, 1), "torch": torch.__version__}
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
