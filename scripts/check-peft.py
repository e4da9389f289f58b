"""Python's part of check-peft.mjs: FOLDER/cases.json names backbones, adapters and the logits that vl-lst computed;
PEFT's, of the same inputs, must equal them."""
import json, pathlib, sys
import peft, torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForSeq2SeqLM

folder, faults = pathlib.Path(sys.argv[1]), 0
for case in json.loads((folder / "cases.json").read_text()):
    plain = AutoModelForSeq2SeqLM.from_pretrained(case["backbone"], dtype=torch.float32).eval()
    given = load_file(folder / case["tensors"])
    logits = given.pop("logits")
    with torch.no_grad():
        before = plain(**given).logits[:, -1]
        after = PeftModel.from_pretrained(plain, case["adapter"]).eval()(**given).logits[:, -1]
    scale = logits.abs().max()
    moved, missed = ((x[:, : logits.shape[1]] - logits).abs().max() / scale for x in (before, after))
    good = missed < 2e-6 and moved > 1e-3
    faults += not good
    print(f"{'passed' if good else 'FAILED'}  {case['name']}: PEFT's logits are off by {missed:.1e}, the backbone's by {moved:.1e}")
print(f"peft {peft.__version__}, torch {torch.__version__}: {faults} faults")
sys.exit(1 if faults else 0)
