"""The benchmark's PyTorch peer for features: CLIP's vision transformer over a folder of pictures.

    python clip_features.py --shape vit-b32 --weights FILE --pictures DIR --count 192 --threads 2

Prints {"ready": true, …} once built, then answers each line of standard input:
    pass     decodes, resizes and encodes all pictures: {"ms", "cpuMs", "pictures", "first"}
    quit     ends
Features are the last hidden state without the class token, before the last norm, max-pooled to
6 × 6 positions. While a batch is encoded, a pool of as many threads prepares the next one.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

SIDE = 224
POOLED = 6
BATCH = 64
SHAPES = {"vit-b32": (768, 12, 12, 32), "vit-b16": (768, 12, 12, 16), "vit-l14": (1024, 16, 24, 14)}
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


class Vision:
    """The tower as plain functions over its weights."""

    def __init__(self, weights: dict, shape: str):
        self.width, self.heads, self.layers, self.patch = SHAPES[shape]
        self.weights = {k.removeprefix("vision_model."): v for k, v in weights.items()}

    def linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return F.layer_norm(x, (self.width,), weight, bias, 1e-5)

    def attention(self, x: torch.Tensor, name: str) -> torch.Tensor:
        b, t, _ = x.shape
        q, k, v = (
            self.linear(x, f"{name}.{part}_proj").view(b, t, self.heads, -1).transpose(1, 2)
            for part in "qkv"
        )
        context = F.scaled_dot_product_attention(q, k, v)
        return self.linear(context.transpose(1, 2).reshape(b, t, -1), f"{name}.out_proj")

    def block(self, x: torch.Tensor, name: str) -> torch.Tensor:
        x = x + self.attention(self.norm(x, f"{name}.layer_norm1"), f"{name}.self_attn")
        wide = self.linear(self.norm(x, f"{name}.layer_norm2"), f"{name}.mlp.fc1")
        return x + self.linear(wide * torch.sigmoid(1.702 * wide), f"{name}.mlp.fc2")

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        w = self.weights
        x = F.conv2d(pixels, w["embeddings.patch_embedding.weight"], stride=self.patch)
        x = x.flatten(2).transpose(1, 2)
        first = w["embeddings.class_embedding"].expand(x.shape[0], 1, -1)
        x = torch.cat([first, x], 1) + w["embeddings.position_embedding.weight"]
        x = self.norm(x, "pre_layrnorm")
        for layer in range(self.layers):
            x = self.block(x, f"encoder.layers.{layer}")
        return x[:, 1:]


def pixels_of(path: Path) -> torch.Tensor:
    picture = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    values = (np.asarray(picture, np.float32) / 255 - MEAN) / STD
    return torch.from_numpy(values).permute(2, 0, 1)


def pooled(features: torch.Tensor) -> torch.Tensor:
    b, n, width = features.shape
    side = round(n**0.5)
    grid = features.transpose(1, 2).reshape(b, width, side, side)
    return F.adaptive_max_pool2d(grid, POOLED).flatten(2).transpose(1, 2)


@torch.inference_mode()
def encode_all(model: Vision, paths: list, pool: ThreadPoolExecutor) -> torch.Tensor:
    batches = [paths[i : i + BATCH] for i in range(0, len(paths), BATCH)]
    prepare = lambda batch: [pool.submit(pixels_of, path) for path in batch]
    coming, results = prepare(batches[0]), []
    for following in [*batches[1:], []]:
        pixels = torch.stack([future.result() for future in coming])
        coming = prepare(following)
        results.append(model(pixels))
    return torch.cat(results)


def run(model: Vision, paths: list, pool: ThreadPoolExecutor) -> dict:
    wall, cpu = time.perf_counter(), time.process_time()
    features = encode_all(model, paths, pool)
    ms, cpu_ms = time.perf_counter() - wall, time.process_time() - cpu
    first = pooled(features[:8])[:, 0, :8].tolist()
    return {"ms": ms * 1000, "cpuMs": cpu_ms * 1000, "pictures": len(paths), "first": first}


def say(line: dict) -> None:
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=sorted(SHAPES), required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--count", type=int, default=192)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = Vision(load_file(options.weights), options.shape)
    paths = sorted(options.pictures.iterdir())[: options.count]
    say({"ready": True, "torch": torch.__version__, "threads": options.threads})
    with ThreadPoolExecutor(options.threads) as pool:
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            if line.strip() == "pass":
                say(run(model, paths, pool))


if __name__ == "__main__":
    main()
