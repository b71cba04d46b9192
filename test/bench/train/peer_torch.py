"""
PyTorch as a peer of the training benchmark: the usual loop, batches as tensors beforehand, losses read once an epoch.

It takes all cores, or one thread where that is as fast: short operations then do not wait for each other's threads, which
takes twenty times as long whenever the system suspends one of them.
"""

import os
import re
import time

import numpy as np
import torch
from torch import nn
from peer_protocol import Taken, batches, data, serve

CORES = os.cpu_count() or 1
torch.set_num_threads(CORES)


def named(**modules):
    """A sequence whose members have names, as the layers of models.ts."""
    sequence = nn.Sequential()
    for name, module in modules.items():
        sequence.add_module(name, module)
    return sequence


def dense(inputs, sizes, classes):
    layers = {}
    for i, units in enumerate(sizes):
        layers |= {f"dense{i}": nn.Linear(inputs, units), f"relu{i}": nn.ReLU()}
        inputs = units
    return named(**layers, output=nn.Linear(inputs, classes))


def cnn():
    return named(
        **{"conv0": nn.Conv2d(1, 16, 3), "relu0": nn.ReLU(), "pool0": nn.MaxPool2d(2)},
        **{"conv1": nn.Conv2d(16, 32, 3), "relu1": nn.ReLU(), "pool1": nn.MaxPool2d(2)},
        **{"flat": nn.Flatten(), "output": nn.Linear(32 * 5 * 5, 10)},
    )


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        # PyTorch adds two biases where all others have one.
        self.lstm.bias_hh_l0.requires_grad_(False).zero_()
        self.output = nn.Linear(32, 10)

    def forward(self, x):
        return self.output(self.lstm(x)[0][:, -1])


class ConvNorm(nn.Module):
    """Padded as TensorFlow's `same`: where strides leave one row too many, it is at the end."""

    def __init__(self, inputs, filters, size, strides):
        super().__init__()
        even = size == 3 and strides == 2
        padding = 1 if size == 3 and not even else 0
        self.pad = nn.ZeroPad2d((0, 1, 0, 1)) if even else nn.Identity()
        self.conv = nn.Conv2d(inputs, filters, size, strides, padding, bias=False)
        self.norm = nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01)

    def forward(self, x):
        return self.norm(self.conv(self.pad(x)))


class Block(nn.Module):
    def __init__(self, inputs, filters, strides):
        super().__init__()
        self.first = ConvNorm(inputs, filters, 3, strides)
        self.second = ConvNorm(filters, filters, 3, 1)
        self.short = nn.Identity() if strides == 1 else ConvNorm(inputs, filters, 1, strides)

    def forward(self, x):
        return torch.relu(self.second(torch.relu(self.first(x))) + self.short(x))


def resnet20():
    blocks, inputs = {}, 16
    for stage, filters in enumerate([16, 32, 64]):
        for block in range(3):
            blocks[f"s{stage}b{block}"] = Block(inputs, filters, 2 if stage > 0 and block == 0 else 1)
            inputs = filters
    return named(
        **{"stem": ConvNorm(3, 16, 3, 1), "relu": nn.ReLU(), **blocks},
        **{"pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "output": nn.Linear(64, 10)},
    )


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(64, 4, 256, 0.0, "relu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.output = nn.Linear(64, 10)

    def forward(self, x):
        return self.output(self.encoder(x).mean(1))


builders = {
    "mlp": lambda request: dense(64, [128, 128], 10),
    "deep": lambda request: dense(64, [64] * request["depth"], 10),
    "cnn": lambda request: cnn(),
    "lstm": lambda request: Lstm(),
    "resnet20": lambda request: resnet20(),
    "transformer": lambda request: Transformer(),
    "wide": lambda request: dense(10_000, [], request["classes"]),
    "logistic": lambda request: dense(16, [], request["classes"]),
}


def places(model, taken):
    """Arrays for the parameters and buffers of a model: Keras' weights in PyTorch's layouts."""
    for name, module in model.named_modules():
        if isinstance(module, nn.LSTM):
            yield module.weight_ih_l0, taken["lstm/kernel"].T
            yield module.weight_hh_l0, taken["lstm/recurrent_kernel"].T
            yield module.bias_ih_l0, taken["lstm/bias"]
        elif isinstance(module, ConvNorm):
            layer = name.replace(".first", "_0").replace(".second", "_1").replace(".short", "_short")
            yield module.conv.weight, taken[f"{layer}_conv/kernel"].transpose(3, 2, 0, 1)
            of = lambda kind: taken[f"{layer}_norm/{kind}"]  # noqa: E731
            yield from [(module.norm.weight, of("gamma")), (module.norm.bias, of("beta"))]
            yield module.norm.running_mean, of("moving_mean")
            yield module.norm.running_var, of("moving_variance")
        elif isinstance(module, nn.TransformerEncoderLayer):
            block = f"b{name.split('.')[-1]}"
            attention = module.self_attn
            of = lambda kind: taken[f"{block}_attention/{kind}"]  # noqa: E731
            yield attention.in_proj_weight, np.concatenate([of(f"{p}_kernel").T for p in ("query", "key", "value")])
            yield attention.in_proj_bias, np.concatenate([of(f"{p}_bias") for p in ("query", "key", "value")])
            yield from [(attention.out_proj.weight, of("output_kernel").T), (attention.out_proj.bias, of("output_bias"))]
            for i, (norm, linear) in enumerate([(module.norm1, module.linear1), (module.norm2, module.linear2)]):
                yield norm.weight, taken[f"{block}_norm{i}/gamma"]
                yield norm.bias, taken[f"{block}_norm{i}/beta"]
                yield linear.weight, taken[f"{block}_dense{i}/kernel"].T
                yield linear.bias, taken[f"{block}_dense{i}/bias"]
        elif isinstance(module, nn.Conv2d) and "." not in name:
            yield module.weight, taken[f"{name}/kernel"].transpose(3, 2, 0, 1)
            yield module.bias, taken[f"{name}/bias"]
        elif isinstance(module, nn.Linear) and "." not in name:
            kernel = taken[f"{name}/kernel"]
            if name == "output" and hasattr(model, "flat") and len(kernel) == 800:
                # Pictures are flattened here with their channels first.
                kernel = kernel.reshape(5, 5, 32, 10).transpose(2, 0, 1, 3).reshape(800, 10)
            yield module.weight, kernel.T
            yield module.bias, taken[f"{name}/bias"]


class Trainer:
    def __init__(self, request):
        x, _, classes = data(request)
        if len(request["input"]) == 3:
            x = x.transpose(0, 3, 1, 2).copy()
        self.cut = [tuple(map(torch.from_numpy, pair)) for pair in batches(request, x, classes)]
        self.model = builders[request["name"]](request).train()
        taken = Taken(request)
        with torch.no_grad():
            for tensor, array in places(self.model, taken):
                if tuple(tensor.shape) != array.shape:
                    raise ValueError(f"{tuple(tensor.shape)} cannot take {array.shape}")
                tensor.copy_(torch.from_numpy(np.ascontiguousarray(array)))
        taken.check()
        learned = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(learned, 1e-3, eps=1e-7)
        # Which is faster would be found by training: not where the clock runs from the beginning.
        self.threads = CORES if request.get("cold") else None

    def step(self, x, y):
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.model(x)
        loss = nn.functional.cross_entropy(logits, y)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), (logits.detach().argmax(1) == y).float().mean()

    def first_steps(self, count):
        return [float(self.step(x, y)[0]) for x, y in self.cut[:count]]

    def seconds(self, threads):
        """How long some steps take."""
        torch.set_num_threads(threads)
        cut = self.cut[:10]
        self.step(*cut[0])
        start = time.perf_counter()
        for batch in cut:
            self.step(*batch)
        return time.perf_counter() - start

    def train(self, epochs):
        if self.threads is None:
            self.threads = 1 if self.seconds(1) <= 1.1 * self.seconds(CORES) else CORES
        torch.set_num_threads(self.threads)
        for _ in range(epochs):
            losses = hits = 0.0
            for x, y in self.cut:
                loss, hit = self.step(x, y)
                losses += loss
                hits += hit
            mean, _ = float(losses) / len(self.cut), float(hits) / len(self.cut)
        return mean


# Debian's is built with the reference BLAS, which is many times slower than MKL.
blas = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
serve(f"PyTorch {torch.__version__}, BLAS: {blas.group(1) if blas else 'unknown'}", Trainer)
