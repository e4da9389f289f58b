"""Python's part of check-onnx.mjs: FOLDER/standard must please onnx.checker; in FOLDER/onnxruntime every operator must
be ONNX's, or be contributed under its own domain."""
import pathlib, sys
import onnx

folder, faults = pathlib.Path(sys.argv[1]), []
for path in sorted(folder.glob("standard/*.onnx")):
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:
        faults.append(f"{path.stem}: {error}")
for path in sorted(folder.glob("onnxruntime/*.onnx")):
    for node in onnx.load(str(path), load_external_data=False).graph.node:
        ours = node.domain == "com.microsoft" or node.op_type == "SimplifiedLayerNormalization"
        if not ours and not (node.domain == "" and onnx.defs.has(node.op_type)):
            faults.append(f"{path.stem}: {node.op_type} is not an operator of the domain {node.domain!r}")
print("\n".join([*faults, f"onnx {onnx.__version__}: {len(list(folder.glob('*/*.onnx')))} models, {len(faults)} faults"]))
sys.exit(1 if faults else 0)
