"""Adapters, LoRA, BitFit and prompt tuning for the T5 of t5_ladder.py, as the paper's two code bases have them.

    model = T5Ladder(sizes, "adapter", vision=Vision(2048))
    install(model, "adapter", Options(text=False, reduction=4), dropout=0.1)
    model.freeze_for_method()

The backbone is frozen; names are the reference's, so recorded cases load as they are. `text` is
the code of the GLUE experiments, otherwise it is that for vision and language.
"""

from dataclasses import dataclass
from typing import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from t5_ladder import T5Ladder
from t5_layers import Attention, FeedForward, Norm, Sublayer

LORA_DROPOUT = 0.1


@dataclass(frozen=True)
class Options:
    """`task`: what added weights are named after; the rest belongs to one method each."""

    text: bool
    task: str = "task"
    reduction: int = 4
    rank: int = 4
    alpha: float = 32.0
    length: int = 40
    width: int = 800


class Adapter(nn.Module):
    """A bottleneck: up(gelu(down(y))), gelu by its tanh."""

    def __init__(self, d: int, options: Options):
        super().__init__()
        small = d // options.reduction
        samplers = {"down_sampler": nn.Linear(d, small), "up_sampler": nn.Linear(small, d)}
        self.adapters = nn.ModuleDict({options.task: nn.ModuleDict(samplers)})
        self.task = options.task

    def forward(self, y: Tensor) -> Tensor:
        own = self.adapters[self.task]
        return own["up_sampler"](F.gelu(own["down_sampler"](y), approximate="tanh"))


class LoraLinear(nn.Module):
    """y = W x + bias + (alpha / rank) · B A drop(x)."""

    def __init__(self, plain: nn.Linear, options: Options, dropout: float):
        super().__init__()
        self.weight, self.bias = plain.weight, plain.bias
        out, width = plain.weight.shape
        a = torch.empty(options.rank, width).uniform_(-(width**-0.5), width**-0.5)
        self.lora_As = nn.ParameterDict({options.task: nn.Parameter(a)})
        self.lora_Bs = nn.ParameterDict({options.task: nn.Parameter(torch.zeros(out, options.rank))})
        self.task, self.scale = options.task, options.alpha / options.rank
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        low = F.linear(self.dropout(x), self.lora_As[self.task])
        return F.linear(x, self.weight, self.bias) + self.scale * F.linear(low, self.lora_Bs[self.task])


class MadePrompt(nn.Module):
    """Rows made of a small table by two layers: W₃ tanh(W₁ E). [length, d]"""

    def __init__(self, d: int, options: Options):
        super().__init__()
        table = nn.Embedding(options.length, d)
        made = nn.Sequential(table, nn.Linear(d, options.width), nn.Tanh(), nn.Linear(options.width, d))
        self.prompts = nn.ModuleDict({options.task: nn.ModuleDict({"prefix_embedding": made})})
        self.task, self.length = options.task, options.length

    def forward(self) -> Tensor:
        return self.prompts[self.task]["prefix_embedding"](torch.arange(self.length))


def is_visual(name: str) -> bool:
    return "visual_embedding" in name


def add_adapters(model: T5Ladder, options: Options, dropout: float) -> Callable[[str], bool]:
    """At the end of every sublayer; the text code has none after cross attention."""
    vision_names = {"SelfAttention": "attn_adapter", "EncDecAttention": "enc_attn_adapter"}
    for layer in [module for module in model.modules() if isinstance(module, Sublayer)]:
        if options.text and layer.name == "EncDecAttention":
            continue
        name = "adapter_controller" if options.text else vision_names.get(layer.name, "ff_adapter")
        layer.add_module(name, Adapter(model.sizes.d_model, options))
        layer.adapter = name
    norms = ("layer_norm.weight",) if options.text else ()
    return lambda name: ".adapters." in name or is_visual(name) or name.endswith(norms)


def add_biases(model: T5Ladder, options: Options, dropout: float) -> Callable[[str], bool]:
    """To the blocks' linear layers and norms and to the head; in the vision code to every norm."""
    for path, module in list(model.named_modules()):
        if isinstance(module, (Attention, FeedForward)):
            for linear in module.children():
                if isinstance(linear, nn.Linear):
                    linear.bias = nn.Parameter(torch.zeros(linear.out_features))
        if isinstance(module, Norm) and not (options.text and "block" not in path):
            module.bias = nn.Parameter(torch.zeros_like(module.weight))
    model.lm_head = nn.Module()
    model.lm_head.bias = nn.Parameter(torch.zeros(model.sizes.vocab_size))
    return lambda name: name.endswith(".bias") or is_visual(name)


def add_updates(model: T5Ladder, options: Options, dropout: float) -> Callable[[str], bool]:
    """LoRA on every attention's q and v; the text code has BitFit's biases and trains position tables too."""
    if options.text:
        add_biases(model, options, dropout)
    for attention in [module for module in model.modules() if isinstance(module, Attention)]:
        for name in ("q", "v"):
            rate = LORA_DROPOUT if dropout > 0 else 0.0
            setattr(attention, name, LoraLinear(getattr(attention, name), options, rate))
    tables = ("relative_attention_bias.weight",) if options.text else ()
    return lambda name: ".lora_" in name or name.endswith((".bias", *tables)) or is_visual(name)


def add_prompt(model: T5Ladder, options: Options, dropout: float) -> Callable[[str], bool]:
    """Rows in front of the encoder's text; the text code trains the rows themselves."""
    if options.text:
        model.prefix_shared = nn.Parameter(torch.randn(options.length, model.sizes.d_model))
        model.prompt = lambda: model.prefix_shared
        return lambda name: name == "prefix_shared"
    model.encoder.prompt_modules = MadePrompt(model.sizes.d_model, options)
    model.prompt = lambda: model.encoder.prompt_modules()
    return lambda name: "prompt_modules" in name or is_visual(name)


METHODS = {"adapter": add_adapters, "bitfit": add_biases, "lora": add_updates, "prompt": add_prompt}


def install(model: T5Ladder, method: str, options: Options, dropout: float = 0.0) -> None:
    """Adds a method's modules and says which parameters train; "lst" and "full" need nothing."""
    if method in METHODS:
        model.trains = METHODS[method](model, options, dropout)
