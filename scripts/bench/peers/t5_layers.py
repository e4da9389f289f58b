"""The layers of T5 v1.0 in plain eager PyTorch: norm, attention, feed forward, block, position bias."""

import math
from dataclasses import dataclass
from typing import Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MAX_DISTANCE = 128
SELF_MASKED = -10000.0
CROSS_MASKED = -1e9


@dataclass(frozen=True)
class Sizes:
    """What a stack of T5 blocks needs to know of its widths."""

    d_model: int
    d_kv: int
    num_heads: int
    d_ff: int
    num_layers: int
    num_decoder_layers: int
    buckets: int
    vocab_size: int
    eps: float = 1e-6
    pad: int = 0
    start: int = 0

    @staticmethod
    def from_config(config: dict) -> "Sizes":
        return Sizes(
            d_model=config["d_model"],
            d_kv=config["d_kv"],
            num_heads=config["num_heads"],
            d_ff=config["d_ff"],
            num_layers=config["num_layers"],
            num_decoder_layers=config.get("num_decoder_layers") or config["num_layers"],
            buckets=config["relative_attention_num_buckets"],
            vocab_size=config["vocab_size"],
            eps=config["layer_norm_epsilon"],
            pad=config["pad_token_id"],
            start=config["decoder_start_token_id"],
        )


class Norm(nn.Module):
    """T5's norm: root mean square, a weight, no bias unless a method gives it one."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.register_parameter("bias", None)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        y = F.rms_norm(x, self.weight.shape, self.weight, self.eps)
        return y if self.bias is None else y + self.bias


class Attention(nn.Module):
    """Unscaled multi-head attention with an additive bias."""

    def __init__(self, width: int, d_kv: int, heads: int, dropout: float, buckets: int = 0):
        super().__init__()
        inner = d_kv * heads
        self.heads, self.dropout = heads, dropout
        self.q = nn.Linear(width, inner, bias=False)
        self.k = nn.Linear(width, inner, bias=False)
        self.v = nn.Linear(width, inner, bias=False)
        self.o = nn.Linear(inner, width, bias=False)
        if buckets:
            self.relative_attention_bias = nn.Embedding(buckets, heads)

    def split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, source: Tensor, bias: Tensor) -> Tensor:
        q, k, v = self.split(self.q(x)), self.split(self.k(source)), self.split(self.v(source))
        rate = self.dropout if self.training else 0.0
        if rate == 0 and not bias.requires_grad:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)
        else:
            weights = F.softmax(q @ k.transpose(-1, -2) + bias, -1)
            mixed = F.dropout(weights, rate, self.training) @ v
        return self.o(mixed.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, width: int, d_ff: int, dropout: float):
        super().__init__()
        self.wi = nn.Linear(width, d_ff, bias=False)
        self.wo = nn.Linear(d_ff, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.wo(self.dropout(F.relu(self.wi(x))))


class Sublayer(nn.Module):
    """Norm, one function, dropout, residual: `x + drop(f(norm(x)))`; `adapter` names a module after the function."""

    def __init__(self, name: str, function: nn.Module, width: int, eps: float, dropout: float):
        super().__init__()
        self.name, self.adapter = name, None
        self.add_module(name, function)
        self.layer_norm = Norm(width, eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, source: Optional[Tensor] = None, bias: Optional[Tensor] = None):
        h = self.layer_norm(x)
        function = getattr(self, self.name)
        if self.name == "DenseReluDense":
            h = function(h)
        else:
            h = function(h, h if source is None else source, bias)
        if self.adapter is not None:
            h = h + getattr(self, self.adapter)(h)
        return x + self.dropout(h)


class Block(nn.Module):
    """A T5 block; `decoder` adds cross attention, `buckets` the relative bias table."""

    def __init__(self, sizes: Sizes, reduction: int, decoder: bool, buckets: int, dropout: float):
        super().__init__()
        d, k, f = sizes.d_model // reduction, sizes.d_kv // reduction, sizes.d_ff // reduction

        def attention(table: int) -> Attention:
            return Attention(d, k, sizes.num_heads, dropout, table)

        functions = [("SelfAttention", attention(buckets))]
        if decoder:
            functions.append(("EncDecAttention", attention(0)))
        functions.append(("DenseReluDense", FeedForward(d, f, dropout)))
        self.layer = nn.ModuleList(Sublayer(n, f, d, sizes.eps, dropout) for n, f in functions)

    def forward(self, x: Tensor, bias: Tensor, source=None, source_bias=None) -> Tensor:
        x = self.layer[0](x, None, bias)
        if source is not None:
            x = self.layer[1](x, source, source_bias)
        return self.layer[-1](x)

    def table(self) -> nn.Embedding:
        return self.layer[0].SelfAttention.relative_attention_bias


def bucket_ids(length: int, buckets: int, bidirectional: bool) -> Tensor:
    """T5's bucket of every (query, key) distance."""
    position = torch.arange(length)
    delta = position[None, :] - position[:, None]
    base = torch.zeros_like(delta)
    if bidirectional:
        buckets //= 2
        base = (delta > 0).long() * buckets
        distance = delta.abs()
    else:
        distance = (-delta).clamp(min=0)
    exact = buckets // 2
    ratio = torch.log(distance.clamp(min=1).double() / exact) / math.log(MAX_DISTANCE / exact)
    far = (exact + (ratio * (buckets - exact)).long()).clamp(max=buckets - 1)
    return base + torch.where(distance < exact, distance, far)


def relative_bias(table: nn.Embedding, length: int, bidirectional: bool) -> Tensor:
    """[1, heads, length, length], contiguous so that attention reads it in order."""
    ids = bucket_ids(length, table.num_embeddings, bidirectional)
    return table(ids).permute(2, 0, 1).unsqueeze(0).contiguous()


def padding_bias(mask: Tensor, masked: float) -> Tensor:
    return ((1.0 - mask.float()) * masked)[:, None, None, :]


def causal_bias(length: int) -> Tensor:
    return torch.full((length, length), SELF_MASKED).triu(1)
