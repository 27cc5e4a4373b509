"""Writes the pytorch-*.onnx files and, beside each, .npz with x, logits and the gradient of logit `row % classes` by x.

PyTorch 2.15.0, onnx 1.23.2, onnxscript 0.7.2: python export_pytorch.py
"""

import pathlib

import numpy as np
import onnx
import torch
from torch import nn

HERE = pathlib.Path(__file__).parent


def conv(inputs, outputs, stride=1, groups=1, kernel=3):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)
    )


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.body = nn.Sequential(conv(inputs, outputs, stride), nn.ReLU(), conv(outputs, outputs))
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else conv(inputs, outputs, stride, kernel=1)

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


class Inverted(nn.Module):
    """MobileNetV2's block with MobileNetV3's gate and activation."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        hidden = 3 * inputs
        self.expand = nn.Sequential(conv(inputs, hidden, kernel=1), nn.ReLU6())
        self.depthwise = nn.Sequential(conv(hidden, hidden, stride, groups=hidden), nn.Hardswish())
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(hidden, 4, 1), nn.ReLU(), nn.Conv2d(4, hidden, 1), nn.Hardsigmoid()
        )
        self.project = conv(hidden, outputs, kernel=1)
        self.same = inputs == outputs and stride == 1

    def forward(self, x):
        hidden = self.depthwise(self.expand(x))
        y = self.project(hidden * self.gate(hidden))
        return x + y if self.same else y


class VisionTransformer(nn.Module):
    def __init__(self, width=16, patches=16):
        super().__init__()
        self.embed = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, patches + 1, width))
        layer = nn.TransformerEncoderLayer(width, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 5)

    def forward(self, x):
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), tokens], 1) + self.position
        return self.head(self.norm(self.encoder(tokens))[:, 0])


def pooled(width, classes=5):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)]


MODELS = {
    "mlp": ([20], nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 24), nn.Tanh(), nn.Linear(24, 4))),
    "cnn": (
        [1, 16, 16],
        nn.Sequential(
            *conv(1, 8), nn.ReLU(), nn.MaxPool2d(2), *conv(8, 16), nn.LeakyReLU(0.1), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(256, 5)
        ),
    ),
    "resnet": ([3, 16, 16], nn.Sequential(conv(3, 8), nn.ReLU(), Residual(8, 8), Residual(8, 16, 2), *pooled(16))),
    "mobilenet": ([3, 16, 16], nn.Sequential(conv(3, 8, 2), nn.Hardswish(), Inverted(8, 8), Inverted(8, 12, 2), *pooled(12))),
    "vit": ([3, 16, 16], VisionTransformer()),
    "tabular": ([12], nn.Sequential(nn.Linear(12, 16), nn.SiLU(), nn.BatchNorm1d(16), nn.Linear(16, 1), nn.Sigmoid())),
    "series": (
        [2, 48],
        nn.Sequential(
            *[nn.Conv1d(2, 8, 5, 2, 2), nn.BatchNorm1d(8), nn.ELU(), nn.MaxPool1d(2), nn.Conv1d(8, 8, 3, padding=2, dilation=2)],
            *[nn.GroupNorm(2, 8), nn.GELU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 3), nn.LogSoftmax(1)],
        ),
    ),
}


def settle(model, dims):
    """Running statistics and affine parameters as after some training."""
    model.train()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
        for _ in range(20):
            model(torch.rand(16, *dims))
    return model.eval()


def logits_of(model, x):
    """What stands before a final Softmax or Sigmoid; one score is the second of two classes."""
    if isinstance(model, nn.Sequential) and isinstance(model[-1], (nn.Sigmoid, nn.LogSoftmax)):
        model = model[:-1]
    scores = model(x)
    return torch.cat([torch.zeros_like(scores), scores], 1) if scores.shape[1] == 1 else scores


for name, (dims, model) in MODELS.items():
    torch.manual_seed(7)
    settle(model, dims)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    x = torch.rand(3, *dims, requires_grad=True)
    logits = logits_of(model, x)
    chosen = [(row + 1) % logits.shape[1] for row in range(3)]
    logits[range(3), chosen].sum().backward()
    arrays = {"x": x.detach(), "logits": logits.detach(), "gradient": x.grad, "classes": np.array(chosen, np.int32)}
    np.savez_compressed(HERE / f"pytorch-{name}.npz", **{key: np.asarray(value) for key, value in arrays.items()})
    sample = torch.rand(2, *dims)
    batch = torch.export.Dim("batch")
    torch.onnx.export(
        model, (sample,), HERE / f"pytorch-{name}-dynamo.onnx",
        dynamo=True, dynamic_shapes=({0: batch},), external_data=False, verbose=False,
    )
    torch.onnx.export(
        model, (sample,), HERE / f"pytorch-{name}-script.onnx",
        dynamo=False, input_names=["input"], dynamic_axes={"input": {0: "batch"}},
    )

for file in HERE.glob("pytorch-*-dynamo.onnx"):  # without the stack trace of each node
    exported = onnx.load(file)
    for node in exported.graph.node:
        del node.metadata_props[:]
    onnx.save(exported, file)
