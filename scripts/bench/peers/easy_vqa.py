"""Trains the ladder (or everything) on easy-VQA with a small T5 and pixel patches.

    python easy_vqa.py --tap-norm --gate-image-rows off --epochs 4 --seed 1 [--method full]

Pictures of 64x64 become 64 rows of 192 numbers (8x8 patches in row-major order, each
flattened channel, row, column, normalised by CLIP's mean and deviation). Every tenth
training picture is held out for validation. Prints one JSON line an evaluation
(seconds since the start, loading included) and the test scores at the end.
"""

import argparse
import io
import json
import math
import os
import re
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer

from t5_ladder import Ladder, Sizes, T5Ladder, Vision, sample_mean_loss

SHARED = Path(os.environ.get("VL_LST_SHARED", Path(__file__).resolve().parents[4] / "shared"))
PATCH = 8
RESIZED_VOCABULARY = 32200
EOS = 1
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
SHAPES = {"circle", "rectangle", "triangle"}


class AdamW:
    """AdamW of transformers 4.2.1: epsilon outside the correction, decay after the update."""

    def __init__(self, named: dict, decay: float, betas=(0.9, 0.999), eps=1e-6):
        self.weights = list(named.values())
        self.decayed = [w for name, w in named.items() if "bias" not in name]
        self.decay, self.betas, self.eps, self.count = decay, betas, eps, 0
        self.first = [torch.zeros_like(w) for w in self.weights]
        self.second = [torch.zeros_like(w) for w in self.weights]

    @torch.no_grad()
    def step(self, lr: float) -> None:
        self.count += 1
        b1, b2 = self.betas
        gradients = [w.grad for w in self.weights]
        torch._foreach_lerp_(self.first, gradients, 1 - b1)
        torch._foreach_mul_(self.second, b2)
        torch._foreach_addcmul_(self.second, gradients, gradients, 1 - b2)
        below = torch._foreach_sqrt(self.second)
        torch._foreach_add_(below, self.eps)
        size = lr * math.sqrt(1 - b2**self.count) / (1 - b1**self.count)
        torch._foreach_addcdiv_(self.weights, self.first, below, -size)
        if self.decay:
            torch._foreach_mul_(self.decayed, 1 - lr * self.decay)


def rate_factor(schedule: str, step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return step / max(1, warmup)
    done = (step - warmup) / max(1, total - warmup)
    if schedule == "constant":
        return 1.0
    return max(0.0, 1 - done) if schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))


def patches_of(picture: np.ndarray) -> np.ndarray:
    pixels = (picture.astype(np.float32) / 255 - np.float32(MEAN)) / np.float32(DEVIATION)
    side = picture.shape[0] // PATCH
    grid = pixels.reshape(side, PATCH, side, PATCH, 3).transpose(0, 2, 4, 1, 3)
    return grid.reshape(side * side, -1)


def read_pictures(path: Path) -> torch.Tensor:
    with tarfile.open(path) as tar:
        members = sorted(tar.getmembers(), key=lambda m: int(re.match(r"\d+", m.name).group()))
        images = [Image.open(io.BytesIO(tar.extractfile(m).read())) for m in members]
        return torch.from_numpy(np.stack([patches_of(np.asarray(i)) for i in images]))


class Questions:
    """Token ids, picture numbers and answers of a list of rows."""

    def __init__(self, rows: list, pictures: torch.Tensor, tokenizer: Tokenizer):
        texts = sorted({text for text, _, _ in rows})
        ids = {t: torch.tensor(tokenizer.encode("vqa: " + t).ids) for t in texts}
        self.prompts = [ids[text] for text, _, _ in rows]
        self.answers = [answer for _, answer, _ in rows]
        targets = {a: torch.tensor(tokenizer.encode(a).ids) for a in set(self.answers)}
        self.targets = [targets[a] for a in self.answers]
        self.picture_ids = torch.tensor([p for _, _, p in rows])
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.answers)

    def batch(self, chosen) -> dict:
        pad = torch.nn.utils.rnn.pad_sequence
        feats = self.pictures[self.picture_ids[chosen]]
        return {
            "ids": pad([self.prompts[i] for i in chosen], batch_first=True),
            "labels": pad([self.targets[i] for i in chosen], True, padding_value=-100),
            "vis_feats": feats,
            "boxes": feats.new_zeros(feats.shape[0], feats.shape[1], 4),
        }


def read_data(folder: Path, tokenizer: Tokenizer) -> dict:
    """Training, validation (every tenth picture) and test questions."""
    train = json.loads((folder / "train-questions.json").read_text())
    test = json.loads((folder / "test-questions.json").read_text())
    seen, unseen = (read_pictures(folder / f"{part}-images.tar") for part in ("train", "test"))
    return {
        "train": Questions([r for r in train if r[2] % 10 != 0], seen, tokenizer),
        "validation": Questions([r for r in train if r[2] % 10 == 0], seen, tokenizer),
        "test": Questions(test, unseen, tokenizer),
    }


@torch.no_grad()
def greedy(model: T5Ladder, batch: dict, longest: int) -> torch.Tensor:
    encoded = model.encode(batch["ids"], None, batch["vis_feats"], batch["boxes"])
    ids = torch.full((len(batch["ids"]), 1), model.sizes.start)
    done = torch.zeros(len(ids), dtype=torch.bool)
    while ids.shape[1] <= longest and not done.all():
        best = model.decode(ids, encoded)[:, -1].argmax(-1).masked_fill(done, model.sizes.pad)
        done |= best == EOS
        ids = torch.cat([ids, best[:, None]], 1)
    return ids[:, 1:]


def kind_of(answer: str) -> str:
    if answer in ("yes", "no"):
        return "yesNo"
    return "shape" if answer in SHAPES else "colour"


def evaluate(model: T5Ladder, questions: Questions, tokenizer: Tokenizer) -> dict:
    """Exact match in percent, over all and by kind of answer."""
    model.eval()
    longest = max(len(t) for t in questions.targets) + 1
    right: dict = {"all": [], "yesNo": [], "shape": [], "colour": []}
    for chosen in torch.arange(len(questions)).split(256):
        chosen = chosen.tolist()
        ids = greedy(model, questions.batch(chosen), longest)
        texts = tokenizer.decode_batch(ids.tolist(), skip_special_tokens=True)
        for i, text in zip(chosen, texts):
            hit = text.strip() == questions.answers[i]
            right["all"].append(hit)
            right[kind_of(questions.answers[i])].append(hit)
    return {name: round(100 * sum(hits) / len(hits), 2) for name, hits in right.items()}


def build(options: argparse.Namespace) -> T5Ladder:
    config = json.loads((options.model / "config.json").read_text())
    sizes = replace(Sizes.from_config(config), vocab_size=RESIZED_VOCABULARY)
    ladder = Ladder(
        reduction=options.reduction,
        gates=options.gates,
        dropout=options.dropout,
        tap_norm=options.tap_norm,
        gate_image_rows=options.gate_image_rows == "on",
    )
    vision = Vision(feat_dim=3 * PATCH * PATCH)
    model = T5Ladder(sizes, options.method, vision, ladder, options.backbone_dropout)
    weights = {k: v.float() for k, v in load_file(options.model / "model.safetensors").items()}
    table = weights.pop("shared.weight")
    model.load_state_dict(weights, strict=False)
    with torch.no_grad():
        model.shared.weight[: len(table)] = table
    return model


def gates_of(model: T5Ladder) -> list:
    named = model.named_parameters()
    return [round(torch.sigmoid(w / 0.1).item(), 3) for n, w in named if "gate_params" in n]


def train(model: T5Ladder, data: dict, tokenizer: Tokenizer, options, started: float) -> float:
    """Trains with an evaluation now and then; returns the epochs done."""
    named = model.freeze_for_method()
    optimizer = AdamW(named, options.weight_decay)
    questions = data["train"]
    per_epoch = len(questions) // options.batch_size
    total = int(per_epoch * options.epochs)
    warmup = int(total * options.warmup_ratio)
    every = max(1, int(per_epoch * options.evaluate_every))
    losses: list = []
    for step in range(total):
        if step % per_epoch == 0:
            order = torch.randperm(len(questions)).tolist()
        at = step % per_epoch * options.batch_size
        batch = questions.batch(order[at : at + options.batch_size])
        model.train()
        logits = model(batch.pop("ids"), batch["labels"], None, batch["vis_feats"], batch["boxes"])
        loss = sample_mean_loss(logits, batch["labels"])
        loss.backward()
        if options.clip > 0:
            torch.nn.utils.clip_grad_norm_(named.values(), options.clip)
        optimizer.step(options.lr * rate_factor(options.schedule, step, warmup, total))
        for weight in named.values():
            weight.grad = None
        losses.append(loss.item())
        late = time.time() - started > options.max_minutes * 60
        if (step + 1) % every == 0 or late or step + 1 == total:
            line = {"step": step + 1, "loss": round(sum(losses) / len(losses), 4)}
            line.update(part="validation", epoch=round((step + 1) / per_epoch, 2))
            report(line, model, data, tokenizer, started)
            losses = []
        if late:
            break
    return (step + 1) / per_epoch


def report(line: dict, model: T5Ladder, data: dict, tokenizer: Tokenizer, started: float) -> None:
    """Adds the scores of the line's part to the line and prints it."""
    line.update(evaluate(model, data[line["part"]], tokenizer))
    line.update(gates=gates_of(model), seconds=round(time.time() - started, 1))
    print(json.dumps(line), flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, default=SHARED / "data" / "easy-vqa")
    add("--model", type=Path, default=SHARED / "data" / "t5-mini")
    add("--method", choices=["lst", "full"], default="lst")
    add("--seed", type=int, default=1)
    add("--threads", type=int, default=2)
    add("--batch-size", type=int, default=64)
    add("--lr", type=float, default=3e-3)
    add("--warmup-ratio", type=float, default=0.1)
    add("--schedule", choices=["linear", "constant", "cosine"], default="linear")
    add("--weight-decay", type=float, default=0.0)
    add("--epochs", type=float, default=6.0)
    add("--max-minutes", type=float, default=15.0)
    add("--evaluate-every", type=float, default=1.0, help="in epochs")
    add("--reduction", type=int, default=4)
    add("--gates", choices=["learnable", "none"], default="learnable")
    add("--tap-norm", action="store_true")
    add("--gate-image-rows", choices=["on", "off"], default="on")
    add("--dropout", type=float, default=0.0, help="of the ladder")
    add("--backbone-dropout", type=float, default=0.0)
    add("--clip", type=float, default=5.0)
    return parser.parse_args()


def main() -> None:
    started = time.time()
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    data = read_data(options.data, tokenizer)
    model = build(options)
    trained = sum(w.numel() for w in model.trained().values())
    settings = {k: str(v) for k, v in vars(options).items()}
    print(json.dumps({"options": settings, "trained": trained}), flush=True)
    epochs = train(model, data, tokenizer, options, started)
    report({"part": "test", "epoch": round(epochs, 2)}, model, data, tokenizer, started)


if __name__ == "__main__":
    main()
