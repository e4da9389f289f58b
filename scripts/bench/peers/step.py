"""The benchmark's PyTorch peer: training steps at T5-base's size, driven line by line.

    python step.py --shape V|G --method lst|full|adapter|lora|bitfit|prompt --dropout 0|0.1 --threads 2

Prints {"ready": true, …} once built, then answers each line of standard input:
    step     one step (forward, loss, backward, clipping, AdamW, gradients cleared):
             {"ms", "cpuMs", "loss"}
    memory   {"rssBytes", "peakRssBytes", "anonBytes", "peakAnonBytes"}
    quit     ends
The caller's first two steps warm up. Weights are random from a fixed seed and the batch
is the same in every step. With dropout the frozen backbone drops too, as in the paper's
code. AdamW runs with torch's default settings; --fused takes its fused kernel.
"""

import argparse
import json
import sys
import threading
import time
from typing import Callable

import torch

from t5_ladder import Ladder, Sizes, T5Ladder, Vision, sample_mean_loss, token_mean_loss
from t5_methods import METHODS, Options, install

SEED = 7
BATCH = 16
SAMPLE_SECONDS = 0.02
CLIP = 1.0
LEARNING_RATE = 1e-4
SHAPES = {
    "V": {"text": 20, "target": 5, "boxes": 36, "features": 2048},
    "G": {"text": 128, "target": 2, "boxes": 0, "features": 0},
}
# The paper's settings: reductions of the ladder, and of the other methods.
LADDERS = {"V": 4, "G": 8}
OPTIONS = {
    "V": Options(text=False, reduction=4, rank=150, length=40, width=800),
    "G": Options(text=True, reduction=16, rank=32, length=100),
}


class Memory:
    """Resident bytes of this process; a thread keeps the highest anonymous number."""

    def __init__(self):
        self.peak_anon = 0
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self) -> None:
        while True:
            self.sample()
            time.sleep(SAMPLE_SECONDS)

    def sample(self) -> dict:
        with open("/proc/self/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        found = {k: int(fields[k].split()[0]) * 1024 for k in ("VmRSS", "VmHWM", "RssAnon")}
        self.peak_anon = max(self.peak_anon, found["RssAnon"])
        return found

    def report(self) -> dict:
        now = self.sample()
        return {
            "rssBytes": now["VmRSS"],
            "peakRssBytes": now["VmHWM"],
            "anonBytes": now["RssAnon"],
            "peakAnonBytes": self.peak_anon,
        }


def base_sizes(vocabulary: int) -> Sizes:
    return Sizes(
        d_model=768,
        d_kv=64,
        num_heads=12,
        d_ff=3072,
        num_layers=12,
        num_decoder_layers=12,
        buckets=32,
        vocab_size=vocabulary,
    )


def make_batch(shape: dict, vocabulary: int) -> dict:
    batch = {
        "ids": torch.randint(2, vocabulary, (BATCH, shape["text"])),
        "labels": torch.randint(2, vocabulary, (BATCH, shape["target"])),
    }
    if shape["boxes"]:
        batch["vis_feats"] = torch.randn(BATCH, shape["boxes"], shape["features"]).relu()
        batch["boxes"] = torch.rand(BATCH, shape["boxes"], 4)
    return batch


def build(options: argparse.Namespace) -> T5Ladder:
    shape = SHAPES[options.shape]
    ladder = Ladder(reduction=LADDERS[options.shape], dropout=options.dropout)
    vision = Vision(shape["features"]) if shape["boxes"] else None
    sizes = base_sizes(options.vocabulary)
    model = T5Ladder(sizes, options.method, vision, ladder, options.dropout)
    install(model, options.method, OPTIONS[options.shape], options.dropout)
    return model


def stepper(model: T5Ladder, options: argparse.Namespace) -> Callable[[], float]:
    trained = list(model.freeze_for_method().values())
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, fused=options.fused or None)
    batch = make_batch(SHAPES[options.shape], options.vocabulary)
    loss_of = sample_mean_loss if "vis_feats" in batch else token_mean_loss
    model.train()

    def step() -> float:
        loss = loss_of(model(**batch), batch["labels"])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def timed(step: Callable[[], float]) -> dict:
    wall, cpu = time.perf_counter(), time.process_time()
    loss = step()
    ms, cpu_ms = time.perf_counter() - wall, time.process_time() - cpu
    return {"ms": round(ms * 1000, 2), "cpuMs": round(cpu_ms * 1000, 2), "loss": loss}


def say(line: dict) -> None:
    print(json.dumps(line), flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--shape", choices=sorted(SHAPES), required=True)
    add("--method", choices=["lst", "full", *METHODS], default="lst")
    add("--dropout", type=float, default=0.0)
    add("--threads", type=int, default=2)
    add("--vocabulary", type=int, default=32128)
    add("--fused", action="store_true")
    return parser.parse_args()


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    memory = Memory()
    model = build(options)
    step = stepper(model, options)
    size = memory.report()
    say(
        {
            "ready": True,
            "torch": torch.__version__,
            "python": sys.version.split()[0],
            "threads": torch.get_num_threads(),
            "trained": sum(w.numel() for w in model.trained().values()),
            "rssBytes": size["rssBytes"],
            "anonBytes": size["anonBytes"],
        }
    )
    for line in sys.stdin:
        command = line.strip()
        if command == "step":
            say(timed(step))
            memory.sample()
        elif command == "memory":
            say(memory.report())
        elif command == "quit":
            return
        else:
            say({"error": f"unknown command {command!r}: step, memory or quit"})


if __name__ == "__main__":
    main()
