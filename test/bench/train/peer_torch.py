"""PyTorch as a peer of the training benchmark: the usual loop, batches as tensors beforehand."""

import os

import torch
from torch import nn
from peer_protocol import batches, data, serve

torch.set_num_threads(os.cpu_count() or 1)


def dense(inputs, sizes, classes):
    layers = []
    for units in sizes:
        layers += [nn.Linear(inputs, units), nn.ReLU()]
        inputs = units
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def cnn():
    return nn.Sequential(
        *[nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Flatten(), nn.Linear(32 * 5 * 5, 10)],
    )


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTM(16, 32, batch_first=True)
        self.output = nn.Linear(32, 10)

    def forward(self, x):
        return self.output(self.cell(x)[0][:, -1])


class Block(nn.Module):
    def __init__(self, inputs, filters, strides):
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(inputs, filters, 3, strides, 1, bias=False),
            *[nn.BatchNorm2d(filters), nn.ReLU()],
            nn.Conv2d(filters, filters, 3, 1, 1, bias=False),
            nn.BatchNorm2d(filters),
        )
        self.shortcut = (
            nn.Identity()
            if strides == 1
            else nn.Sequential(nn.Conv2d(inputs, filters, 1, strides, bias=False), nn.BatchNorm2d(filters))
        )

    def forward(self, x):
        return torch.relu(self.inner(x) + self.shortcut(x))


def resnet20():
    blocks, inputs = [], 16
    for stage, filters in enumerate([16, 32, 64]):
        for block in range(3):
            blocks.append(Block(inputs, filters, 2 if stage > 0 and block == 0 else 1))
            inputs = filters
    return nn.Sequential(
        *[nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()],
        *blocks,
        *[nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)],
    )


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(64, 4, 256, 0.0, "relu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)
        self.output = nn.Linear(64, 10)

    def forward(self, x):
        return self.output(self.layers(x).mean(1))


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


def prepare(request):
    x, _, classes = data(request)
    if len(request["input"]) == 3:
        x = x.transpose(0, 3, 1, 2).copy()
    model = builders[request["name"]](request).train()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, eps=1e-7)
    cut = [tuple(map(torch.from_numpy, pair)) for pair in batches(request, x, classes)]

    def epoch():
        total = hits = 0.0
        for x, y in cut:
            optimizer.zero_grad()
            logits = model(x)
            loss = nn.functional.cross_entropy(logits, y)
            loss.backward()
            optimizer.step()
            total += loss.detach()
            hits += (logits.detach().argmax(1) == y).float().mean()
        return float(total) / len(cut)

    return epoch


serve(f"PyTorch {torch.__version__}", prepare)
