"""Writes the float16-*.onnx files and, beside them, .npz with x, logits and the gradient of logit `row % classes` by x.

Two networks whose weights are float16 (the numbers in the .npz are computed with float32 from these weights) as PyTorch
exports them in half precision with both exporters, and one as onnxconverter-common makes it of a float32 file: with
float16 for input and output, with casts there (`io`), and with weights as varints instead of bytes (`varint`).

PyTorch 2.15.0, onnx 1.23.2, onnxscript 0.7.2, onnxconverter-common 1.16.0: python export_float16.py
"""

import pathlib

import numpy as np
import onnx
import torch
from onnxconverter_common.float16 import convert_float_to_float16
from torch import nn

HERE = pathlib.Path(__file__).parent


class Attention(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.embed = nn.Conv2d(1, width, 4, 4)
        self.encoder = nn.TransformerEncoderLayer(width, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True)
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x).flatten(2).transpose(1, 2)).mean(1))


def cnn():
    conv = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Hardswish(), nn.MaxPool2d(2))
    return nn.Sequential(*conv, nn.Flatten(), nn.Linear(64, 4), nn.Softmax(1))


def settle(model):
    """Running statistics and affine parameters as after some training; all numbers such that float16 has them."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
        for _ in range(20):
            model.train()(torch.rand(16, 1, 8, 8))
    return model.eval().half().float()


def varints(file):
    for tensor in file.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT16:
            tensor.int32_data[:] = np.frombuffer(tensor.raw_data, np.uint16)
            tensor.ClearField("raw_data")
    return file


for name, network in {"cnn": cnn, "attention": Attention}.items():
    torch.manual_seed(7)
    model = settle(network())
    x = torch.rand(3, 1, 8, 8).half().float().requires_grad_(True)
    scores = model[:-1] if name == "cnn" else model
    logits = scores(x)
    chosen = [(row + 1) % 4 for row in range(3)]
    logits[range(3), chosen].sum().backward()
    arrays = {"x": x.detach(), "logits": logits.detach(), "gradient": x.grad, "classes": np.array(chosen, np.int32)}
    np.savez_compressed(HERE / f"float16-{name}.npz", **{key: np.asarray(value) for key, value in arrays.items()})

    def path(kind):
        return HERE / f"float16-{name}-{kind}.onnx"

    def script(sample, kind):
        names = {"input_names": ["input"], "dynamic_axes": {"input": {0: "batch"}}}
        torch.onnx.export(model, (sample,), path(kind), dynamo=False, **names)
        return onnx.load(path(kind))

    sample = torch.rand(2, 1, 8, 8)
    if name == "cnn":  # of the other one the converter makes a file that no runtime takes
        full = script(sample, "script")
        onnx.save(convert_float_to_float16(full), path("converted"))
        onnx.save(convert_float_to_float16(script(sample, "script"), keep_io_types=True), path("io"))
        onnx.save(varints(onnx.load(path("converted"))), path("varint"))
    model.half()
    script(sample.half(), "script")
    batch = torch.export.Dim("batch")
    options = {"dynamo": True, "dynamic_shapes": ({0: batch},), "external_data": False, "verbose": False}
    torch.onnx.export(model, (sample.half(),), path("dynamo"), **options)
    exported = onnx.load(path("dynamo"))
    for node in exported.graph.node:  # without the stack trace of each node
        del node.metadata_props[:]
    onnx.save(exported, path("dynamo"))
