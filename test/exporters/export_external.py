"""Writes pytorch-cnn-script.onnx with its weights outside: external-onnx by the onnx package (Constants too), external-ir by onnx_ir, as PyTorch does.

onnx 1.23.2, onnx_ir 1.1.0: python export_external.py
"""

import pathlib

import onnx
import onnx_ir

HERE = pathlib.Path(__file__).parent
SOURCE = HERE / "pytorch-cnn-script.onnx"

options = {"location": "external-onnx.data", "size_threshold": 0, "convert_attribute": True}
(HERE / options["location"]).unlink(missing_ok=True)  # onnx appends
onnx.save_model(onnx.load(SOURCE), HERE / "external-onnx.onnx", save_as_external_data=True, **options)
onnx_ir.save(onnx_ir.load(SOURCE), HERE / "external-ir.onnx", external_data="external-ir.onnx.data", size_threshold_bytes=0)
