"""Makes the checkpoints of PyTorch's that test/weights/torch reads, and expected.json with what PyTorch finds in them.

    python scripts/make-torch-fixtures.py        (PyTorch 2.7 or newer; the files that are there were made by 2.13)

expected.json: for each file its tensors by name, in order: the dtype, the shape, and the bytes in row-major order, little-endian, as hex.
"""
import json, pathlib, zipfile
from collections import Counter, OrderedDict
import numpy
import torch

folder = pathlib.Path(__file__).parent.parent / "test" / "weights" / "torch" / "fixtures"
names = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint64: "U64", torch.uint32: "U32",
    torch.uint16: "U16", torch.uint8: "U8", torch.bool: "BOOL",
}
expected = {}


def record(name, tensors):
    def row(tensor):
        flat = tensor.detach().contiguous().reshape(-1).clone()
        raw = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        return {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "hex": raw.hex()}

    expected[name] = {key: row(tensor) for key, tensor in tensors.items()}


def save(name, content, tensors, **options):
    torch.save(content, folder / name, **options)
    record(name, tensors)


def numbers(*shape, dtype=torch.float32):
    count = int(numpy.prod(shape))
    return (torch.arange(count) * 3 % 7 - 2).reshape(shape).to(dtype)


def turn_bytes(source, target):
    """The file that a big-endian machine would have written, its entries unaligned; all elements have 4 bytes."""
    with zipfile.ZipFile(folder / source) as old, zipfile.ZipFile(folder / target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("byteorder"):
                data = b"big"
            elif "/data/" in name:
                data = numpy.frombuffer(data, "<u4").astype(">u4").tobytes()
            new.writestr(name.replace("plain/", "big/"), data)
    read = torch.load(folder / target)
    assert all(torch.equal(read[name], value) for name, value in torch.load(folder / source).items())
    record(target, read)


class Tower(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = torch.nn.Parameter(numbers(2, 3))
        self.blocks = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))

    def forward(self, x: torch.Tensor):
        return self.blocks(x @ self.proj)


class Clip(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = Tower()
        self.register_buffer("input_resolution", torch.tensor(224))
        self.sizes = [2, 3]
        self.extra = [torch.ones(2)]

    def forward(self, x: torch.Tensor):
        return self.visual(x)


def main():
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    plain = OrderedDict([("b.weight", numbers(2, 3)), ("a.bias", numbers(4))])
    plain._metadata = OrderedDict([("", {"version": 1})])
    save("plain.pt", plain, plain)
    save("protocol5.pt", plain, plain, pickle_protocol=5)
    turn_bytes("plain.pt", "big-endian.pt")
    torch.serialization.set_crc32_options(False)
    save("unsummed.pt", plain, plain)
    torch.serialization.set_crc32_options(True)

    base = numbers(4, 6)
    views = {
        "whole": base, "transposed": base.T, "rows": base[1:3], "columns": base[:, 2:5], "every": base.view(-1)[1::5],
        "repeated": base[0].expand(3, 6), "turned": numbers(2, 3, 4).permute(2, 0, 1), "half": numbers(3, 2).half().T,
        "channels": numbers(1, 3, 2, 2).to(memory_format=torch.channels_last), "byte": numbers(2, 2).to(torch.uint8).T,
        "long": numbers(2, 2).long().T,
    }
    save("views.pt", views, views)
    save("dtypes.pt", *2 * [{name: numbers(3, dtype=dtype) for dtype, name in names.items()}])
    table = numbers(5, 2)
    save("tied.pt", *2 * [{"shared.weight": table, "other": numbers(2), "lm_head.weight": table}])
    save("small.pt", *2 * [{"scalar": torch.tensor(2.5), "empty": torch.empty(0, 3), "one": torch.tensor([7])}])

    tagged = numbers(3) + 1
    tagged.note = "kept by PyTorch"
    parameter = torch.nn.Parameter(numbers(2))
    marked = torch.nn.Parameter(numbers(2) * 2)
    marked.note = "kept too"
    save("parameters.pt", *2 * [{"tagged": tagged, "parameter": parameter, "marked": marked}])

    model = torch.nn.Linear(2, 3)
    optimizer = torch.optim.AdamW(model.parameters())
    model(numbers(1, 2)).sum().backward()
    optimizer.step()
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    nested = {
        "epoch": 3, "loss": 0.25, "best": torch.tensor(0.5), "big": 2**70, "optimizer": optimizer.state_dict(),
        "model": {"state_dict": state, "milestones": Counter([3, 3])}, "args": {"name": "x", "device": torch.device("cpu")},
        "others": [{1}, frozenset([2]), b"x", bytearray(b"y"), 1j, torch.float16, torch.Size([1, 2]), (1, (2,)), None],
    }
    save("nested.pt", nested, model.state_dict())
    save("parts.pt", {"model": {"a": numbers(2)}, "ema": {"a": numbers(2) + 1}}, {"a": numbers(2) + 1})

    script = torch.jit.script(Clip().half())
    script.save(str(folder / "script.pt"))
    record("script.pt", script.state_dict())

    old = OrderedDict([("t", base.T), ("a", base), ("rows", base[1:]), ("half", numbers(3).half())])
    save("legacy.pt", old, old, _use_new_zipfile_serialization=False)
    for refused, tensor in {"complex": numbers(2) + 1j, "float8": numbers(2).to(torch.float8_e4m3fn)}.items():
        torch.save({"a": tensor}, folder / f"{refused}.pt")
    torch.save({"model": torch.nn.Linear(1, 1)}, folder / "module.pt")
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


main()
