"""T5 v1.0 with a visual embedding and a ladder (LST) in plain eager PyTorch.

The peer that vl-lst is measured against: the same computation as the paper's
code, written as a careful PyTorch user would write it. Parameter names are the
reference's state-dict names, so checkpoints and recorded cases load as they are.

    model = T5Ladder(Sizes.from_config(config), method="lst", vision=Vision(2048),
                     ladder=Ladder(reduction=4), dropout=0.1)
    model.freeze_for_method()
    logits = model(input_ids, labels, vis_feats=feats, boxes=boxes)
    loss = sample_mean_loss(logits, labels)      # vision tasks
    loss = token_mean_loss(logits, labels)       # text tasks

`method`: "lst" (backbone without gradients, reads text alone; pictures enter the
ladder) or "full" (joint encoder over text and pictures, everything trains); the joint
encoder is that of the methods in t5_methods.py too.
`vision=None` gives the text variant of either.
"""

import math
from dataclasses import dataclass
from typing import Callable, Optional, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from t5_layers import CROSS_MASKED, SELF_MASKED, Block, Norm, Sizes, causal_bias, padding_bias, relative_bias

@dataclass(frozen=True)
class Vision:
    """Visual embedding: feature width, pooled grid (None: no pooling), pictures a sample."""

    feat_dim: int
    n_boxes: Optional[int] = None
    n_images: int = 2


@dataclass(frozen=True)
class Ladder:
    """Options of the side network; `gates`: "learnable" or "none" (tap added to the state)."""

    reduction: int = 4
    encoder_layers: Optional[Sequence[int]] = None
    decoder_layers: Optional[Sequence[int]] = None
    gates: str = "learnable"
    temperature: float = 0.1
    alpha: float = 0.0
    dropout: float = 0.0
    tap_norm: bool = False
    gate_image_rows: bool = True


class VisualEmbedding(nn.Module):
    """Picture features and boxes to rows of the model's width."""

    def __init__(self, vision: Vision, sizes: Sizes):
        super().__init__()
        d = sizes.d_model
        self.n_boxes = vision.n_boxes
        self.feat_embedding = nn.Sequential(nn.Linear(vision.feat_dim, d), Norm(d, sizes.eps))
        self.absolute_vis_pos_embedding = nn.Sequential(nn.Linear(5, d), Norm(d, sizes.eps))
        self.img_order_embedding = nn.Embedding(vision.n_images, d)

    def forward(self, feats: Tensor, boxes: Tensor, shared: Tensor) -> Tensor:
        if self.n_boxes is not None:
            feats, boxes = self.pool(feats), boxes[:, : math.isqrt(self.n_boxes) ** 2]
        area = (boxes[..., 3] - boxes[..., 2]) * (boxes[..., 1] - boxes[..., 0])
        place = torch.cat([boxes, area.unsqueeze(-1)], -1)
        count = feats.shape[1]
        order = self.img_order_embedding.weight[0] + shared[-count:].flip(0)
        return self.feat_embedding(feats) + self.absolute_vis_pos_embedding(place) + order

    def pool(self, feats: Tensor) -> Tensor:
        """Adaptive maximum over the square grid of positions."""
        side, cells = math.isqrt(feats.shape[1]), math.isqrt(self.n_boxes)
        grid = feats.transpose(1, 2).unflatten(2, (side, side))
        return F.adaptive_max_pool2d(grid, cells).flatten(2).transpose(1, 2)


class Stack(nn.Module):
    """Encoder or decoder of the backbone and, if asked for, its side stack."""

    def __init__(self, sizes: Sizes, decoder: bool, dropout: float, ladder: Optional[Ladder]):
        super().__init__()
        self.decoder, self.ladder = decoder, ladder
        layers = sizes.num_decoder_layers if decoder else sizes.num_layers
        self.block = nn.ModuleList(
            Block(sizes, 1, decoder, 0 if i else sizes.buckets, dropout) for i in range(layers)
        )
        self.final_layer_norm = Norm(sizes.d_model, sizes.eps)
        self.dropout = nn.Dropout(dropout)
        if ladder is not None:
            self.build_side(sizes, layers)

    def build_side(self, sizes: Sizes, layers: int) -> None:
        ladder = self.ladder
        kept = ladder.decoder_layers if self.decoder else ladder.encoder_layers
        kept = list(range(layers)) if kept is None else list(kept)
        self.first_kept = str(kept[0])
        self.side_first_downsample = sampler(sizes.d_model, ladder.reduction, up=False)
        self.side_downsamples = nn.ModuleDict(
            {str(i): sampler(sizes.d_model, ladder.reduction, up=False) for i in kept}
        )
        self.side_block = nn.ModuleDict(
            {
                str(i): Block(
                    sizes,
                    ladder.reduction,
                    self.decoder,
                    sizes.buckets if i == kept[0] else 0,
                    ladder.dropout,
                )
                for i in kept
            }
        )
        if ladder.gates == "learnable":
            self.side_gate_params = nn.ParameterList(
                nn.Parameter(torch.full((1,), ladder.alpha)) for _ in range(layers)
            )
        self.final_side_layer_norm = Norm(sizes.d_model // ladder.reduction, sizes.eps)
        self.side_dropout = nn.Dropout(ladder.dropout)

    def position_bias(self, block: Block, length: int) -> Tensor:
        bias = relative_bias(block.table(), length, not self.decoder)
        return bias + causal_bias(length) if self.decoder else bias

    def mix(self, index: int, side: Tensor, tap: Tensor) -> Tensor:
        """Gate between the ladder's state and the tap; picture rows have no tap."""
        gate, text = None, tap.shape[1]
        if self.ladder.gates == "learnable":
            gate = torch.sigmoid(self.side_gate_params[index] / self.ladder.temperature)
        rows = side[:, :text]
        mixed = rows + tap if gate is None else torch.lerp(tap, rows, gate)
        if text == side.shape[1]:
            return mixed
        image = side[:, text:]
        if gate is not None and self.ladder.gate_image_rows:
            image = image * gate
        return torch.cat([mixed, image], 1)

    def tap(self, index: str, h: Tensor) -> Tensor:
        if self.ladder.tap_norm:
            h = F.rms_norm(h, h.shape[-1:], eps=self.final_layer_norm.eps)
        return self.side_downsamples[index](h)

    def forward(self, x: Tensor, bias: Tensor, source=None, source_bias=None) -> Tensor:
        """The backbone's last state (the joint encoder and its decoder)."""
        h = self.dropout(x)
        for block in self.block:
            h = block(h, bias, source, source_bias)
        return self.dropout(self.final_layer_norm(h))

    def climb(self, x: Tensor, bias: Tensor, side_x: Tensor, side_bias: Tensor, source=(None,) * 4):
        """Backbone without gradients and ladder beside it.

        `source`: backbone states, their mask, ladder states, their mask. Returns the
        last states of both (the decoder's backbone state is not needed by anyone).
        """
        states, mask, side_states, side_mask = source
        with torch.no_grad():
            h = self.dropout(x)
        side = self.side_first_downsample(self.side_dropout(side_x))
        for i, block in enumerate(self.block):
            with torch.no_grad():
                h = block(h, bias, states, mask)
            key = str(i)
            if key in self.side_block:
                side = self.mix(i, side, self.tap(key, h))
                side = self.side_block[key](side, side_bias, side_states, side_mask)
        side = self.side_dropout(self.final_side_layer_norm(side))
        if self.decoder:
            return None, side
        with torch.no_grad():
            return self.dropout(self.final_layer_norm(h)), side


def sampler(width: int, reduction: int, up: bool) -> nn.Module:
    if reduction == 1:
        return nn.Identity()
    small = width // reduction
    return nn.Linear(small, width) if up else nn.Linear(width, small)


def is_beside(name: str) -> bool:
    """Parameters of the ladder and of what makes its picture rows."""
    return "side_" in name or "visual_embedding" in name


class T5Ladder(nn.Module):
    """Text (and pictures) in, logits over the vocabulary out."""

    def __init__(
        self,
        sizes: Sizes,
        method: str = "lst",
        vision: Optional[Vision] = None,
        ladder: Optional[Ladder] = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.sizes, self.has_ladder = sizes, method == "lst"
        ladder = (ladder or Ladder()) if self.has_ladder else None
        self.trains: Callable[[str], bool] = is_beside if self.has_ladder else lambda name: True
        self.prompt: Optional[Callable[[], Tensor]] = None
        self.shared = nn.Embedding(sizes.vocab_size, sizes.d_model)
        self.encoder = Stack(sizes, False, dropout, ladder)
        self.decoder = Stack(sizes, True, dropout, ladder)
        if vision is not None:
            self.encoder.visual_embedding = VisualEmbedding(vision, sizes)
        if ladder is not None:
            self.side_final_upsample = sampler(sizes.d_model, ladder.reduction, up=True)
        self.reset_blocks()

    @torch.no_grad()
    def reset_blocks(self) -> None:
        """T5's start values; side blocks take the backbone's sizes, as the reference does."""
        s = self.sizes
        inner = s.d_kv * s.num_heads
        spread = {
            "q.weight": (s.d_model * s.d_kv) ** -0.5,
            "k.weight": s.d_model**-0.5,
            "v.weight": s.d_model**-0.5,
            "o.weight": inner**-0.5,
            "wi.weight": s.d_model**-0.5,
            "wo.weight": s.d_ff**-0.5,
            "relative_attention_bias.weight": s.d_model**-0.5,
        }
        for name, weight in self.named_parameters():
            ending = next((e for e in spread if name.endswith("." + e)), None)
            if ending:
                weight.normal_(0.0, spread[ending])

    def trained(self) -> dict:
        """Parameters that train by the method's rule, by name."""
        return {name: weight for name, weight in self.named_parameters() if self.trains(name)}

    def freeze_for_method(self) -> dict:
        """Freezes the rest; returns the trained parameters by name."""
        names = self.trained()
        for name, weight in self.named_parameters():
            weight.requires_grad_(name in names)
        return names

    def decoder_ids(self, labels: Tensor) -> Tensor:
        shifted = F.pad(labels[:, :-1], (1, 0), value=self.sizes.start)
        return shifted.masked_fill(shifted == -100, self.sizes.pad)

    def head(self, h: Tensor) -> Tensor:
        own = getattr(self, "lm_head", None)
        return F.linear(h * self.sizes.d_model**-0.5, self.shared.weight, own and own.bias)

    def prompted(self, text: Tensor, mask: Tensor):
        """Trained rows in front of the text, and the mask of both."""
        if self.prompt is None:
            return text, mask
        rows = self.prompt().expand(len(text), -1, -1)
        return torch.cat([rows, text], 1), F.pad(mask, (rows.shape[1], 0), value=1)

    def joint(self, text: Tensor, mask: Tensor, feats, boxes):
        """Text rows followed by picture rows, and the mask of both."""
        if feats is None:
            return text, mask
        rows = self.encoder.visual_embedding(feats, boxes, self.shared.weight)
        return torch.cat([text, rows], 1), F.pad(mask, (0, rows.shape[1]), value=1)

    def encode(self, ids: Tensor, mask=None, vis_feats=None, boxes=None):
        """What the decoder reads: (states, bias) and, with a ladder, the ladder's two."""
        mask = (ids != self.sizes.pad).long() if mask is None else mask
        text, mask = self.prompted(self.shared(ids), mask)
        joint, joint_mask = self.joint(text, mask, vis_feats, boxes)
        pictures = joint.shape[1] - text.shape[1]
        encoder, length = self.encoder, text.shape[1]
        own = encoder.position_bias(encoder.block[0], length)
        joint_padding = padding_bias(joint_mask, SELF_MASKED)
        cross = padding_bias(joint_mask, CROSS_MASKED)
        grow = (0, pictures, 0, pictures)
        if not self.has_ladder:
            return encoder(joint, F.pad(own, grow) + joint_padding), cross
        side = encoder.position_bias(encoder.side_block[encoder.first_kept], length)
        states, side_states = encoder.climb(
            text, own + padding_bias(mask, SELF_MASKED), joint, F.pad(side, grow) + joint_padding
        )
        return states, padding_bias(mask, CROSS_MASKED), side_states, cross

    def decode(self, ids: Tensor, encoded) -> Tensor:
        """Logits of every place of the decoder's input."""
        decoder, length = self.decoder, ids.shape[1]
        x = self.shared(ids)
        own = decoder.position_bias(decoder.block[0], length)
        if not self.has_ladder:
            return self.head(decoder(x, own, *encoded))
        side = decoder.position_bias(decoder.side_block[decoder.first_kept], length)
        _, h = decoder.climb(x, own, x, side, encoded)
        return self.head(self.side_final_upsample(h))

    def forward(self, ids: Tensor, labels: Tensor, mask=None, vis_feats=None, boxes=None) -> Tensor:
        return self.decode(self.decoder_ids(labels), self.encode(ids, mask, vis_feats, boxes))


def sample_mean_loss(logits: Tensor, labels: Tensor, scores: Optional[Tensor] = None) -> Tensor:
    """Vision tasks: mean over each sample's labels, times its score, then over samples."""
    rows = logits.flatten(0, 1)
    losses = F.cross_entropy(rows, labels.flatten(), ignore_index=-100, reduction="none")
    means = losses.view_as(labels).sum(1) / (labels != -100).sum(1).clamp(min=1)
    return (means if scores is None else means * scores).mean()


def token_mean_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Text tasks: one mean over all labels of the batch."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
