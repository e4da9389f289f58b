"""Checks t5_ladder.py and t5_methods.py against recorded cases: loss, logits, encoder states, all gradients.

    python check.py [--parity DIR] [CASE …]      # default cases below; exit code 1 on a miss

Prints for each case the worst error as a share of the case's tolerance. The cases of
`vl/` hold their gradients after clipping to `clip_grad_norm` (their global norm is
exactly that number), those of `glue/` before clipping; both are compared as recorded.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from t5_ladder import Ladder, Sizes, T5Ladder, Vision, sample_mean_loss, token_mean_loss
from t5_methods import Options, install

SHARED = Path(os.environ.get("VL_LST_SHARED", Path(__file__).resolve().parents[4] / "shared"))
CASES = [
    *(f"vl/t5-{method}" for method in ("lst", "full", "adapter", "lora", "bitfit", "prompt")),
    *(f"glue/t5-{method}" for method in ("lst-base", "full", "adapter", "lora", "bitfit", "prompt")),
]


def build(case: dict) -> T5Ladder:
    method, vision = case["method"], case.get("vision")
    ladder = Ladder(
        reduction=method.get("task_reduction_factor", 1),
        encoder_layers=method.get("encoder_side_layers"),
        decoder_layers=method.get("decoder_side_layers"),
        gates=method.get("use_gate", "learnable"),
        alpha=float(method.get("gate_alpha", 0)),
        temperature=method.get("gate_T", 0.1),
    )
    seen = vision and Vision(vision["feat_dim"], vision["n_boxes"], vision["n_images"])
    model = T5Ladder(Sizes.from_config(case["model"]), method["name"], seen or None, ladder)
    install(model, method["name"], options_of(case))
    model.freeze_for_method()
    return model


def options_of(case: dict) -> Options:
    method = case["method"]
    names = {
        "reduction": ("reduction_factor", "task_reduction_factor"),
        "rank": ("lora_dim",),
        "alpha": ("lora_alpha",),
        "length": ("encoder_prompt_len", "prefix_dim"),
        "width": ("mid_dim",),
    }
    given = {ours: method[name] for ours, theirs in names.items() for name in theirs if name in method}
    # single modules of the vision code are named after its first task; the text code's after the only one
    task = method["tasks"][0] if "tasks" in method else case["task"].removeprefix("glue-")
    return Options(text=method["variant"] == "text", task=task, **given)


def load_weights(model: T5Ladder, case: dict, folder: Path, tensors: dict) -> None:
    weights = {}
    for name in case["weights"]:
        weights.update(load_file(folder / name))
    weights.update({k[len("weight/"):]: v for k, v in tensors.items() if k.startswith("weight/")})
    own_names = model.state_dict().keys()
    model.load_state_dict({k: v for k, v in weights.items() if k in own_names})


def compute(model: T5Ladder, case: dict, tensors: dict) -> dict:
    labels = tensors["in/labels"]
    given = {k: tensors.get("in/" + k) for k in ("vis_feats", "boxes")}
    ids, mask = tensors["in/input_ids"], tensors.get("in/attention_mask")
    logits = model(ids, labels, mask=mask, **given)
    pictures = given["vis_feats"] is not None
    scores = tensors.get("in/scores")
    loss = sample_mean_loss(logits, labels, scores) if pictures else token_mean_loss(logits, labels)
    loss.backward()
    if case["train"].get("clip_grad_norm", -1) > 0:
        torch.nn.utils.clip_grad_norm_(model.parameters(), case["train"]["clip_grad_norm"])
    got = {"want/loss": loss.detach(), "want/logits": logits.detach()}
    with torch.no_grad():
        got["want/encoder"] = model.encode(ids, mask, **given)[0]
    for name, weight in model.named_parameters():
        if weight.grad is not None:
            got["grad/" + name] = weight.grad
    return got


def tolerance_of(case: dict, name: str) -> dict:
    fits = [k for k in case["tolerance"] if name.startswith(k)]
    return case["tolerance"][max(fits, key=len) if fits else "default"]


def error_share(case: dict, name: str, got: torch.Tensor, want: torch.Tensor) -> float:
    tolerance = tolerance_of(case, name)
    allowed = tolerance["atol"] + tolerance["rtol"] * want.abs().max().item()
    return (got - want).abs().max().item() / allowed


def check(folder: Path) -> bool:
    case = json.loads((folder / "case.json").read_text())
    tensors = load_file(folder / "tensors.safetensors")
    model = build(case)
    load_weights(model, case, folder, tensors)
    got = compute(model, case, tensors)
    names = [k for k in tensors if k.startswith("grad/")]
    names += [k for k in ("want/loss", "want/logits", "want/encoder") if k in tensors]
    missing = [k for k in names if k not in got]
    extra = [k for k in got if k.startswith("grad/") and k not in tensors]
    trains = sorted(model.trained()) == sorted(case["trained"])
    shares = {k: error_share(case, k, got[k], tensors[k]) for k in names if k in got}
    worst = max(shares, key=shares.get)
    good = not missing and not extra and trains and shares[worst] <= 1
    print(
        f"{'ok  ' if good else 'FAIL'} {folder.parent.name}/{folder.name}: {len(shares)} tensors, "
        f"worst {shares[worst]:.3f} of its tolerance ({worst}), "
        f"loss {got['want/loss'].item():.7f} (recorded {tensors['want/loss'].item():.7f}), "
        f"missing {missing}, extra {extra}, trained names {'equal' if trains else 'differ'}"
    )
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parity", type=Path, default=SHARED / "parity")
    parser.add_argument("cases", nargs="*", default=CASES)
    options = parser.parse_args()
    results = [check(options.parity / name) for name in options.cases]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
