"""PyTorch as a peer of the memory benchmark: the same four steps of MiniLM, which minilm.ts describes."""

import json
import sys
import time

import numpy as np
import torch
from torch import nn

LAYERS, WIDTH, HEADS, INNER, WORDS, POSITIONS, BATCH, TOKENS, STEPS = 6, 384, 12, 1536, 30522, 512, 32, 64, 4


class MiniLm(nn.Module):
    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(WORDS, WIDTH)
        self.position = nn.Embedding(POSITIONS, WIDTH)
        self.kind = nn.Embedding(2, WIDTH)
        self.embedded = nn.LayerNorm(WIDTH, eps=1e-12)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, INNER, 0.0, "gelu", 1e-12, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, LAYERS)
        self.classes = nn.Linear(WIDTH, 2)
        with torch.no_grad():
            self.classes.weight.copy_(torch.sin(torch.arange(2.0 * WIDTH)).reshape(WIDTH, 2).T / 10)
            self.classes.bias.zero_()

    def forward(self, words, places, kinds):
        x = self.embedded(self.word(words) + self.position(places) + self.kind(kinds))
        return self.classes(self.encoder(x).mean(1))


def load(model, path):
    """The published arrays, in the places that nn.TransformerEncoderLayer has for them."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        numbers = file.read()
    of = lambda name: torch.from_numpy(  # noqa: E731
        np.frombuffer(numbers[slice(*header[name]["data_offsets"])], np.float32).reshape(header[name]["shape"]).copy()
    )
    both = lambda name: {"weight": of(f"{name}.weight"), "bias": of(f"{name}.bias")}  # noqa: E731
    with torch.no_grad():
        for mine, theirs in [("word", "word"), ("position", "position"), ("kind", "token_type")]:
            getattr(model, mine).weight.copy_(of(f"embeddings.{theirs}_embeddings.weight"))
        model.embedded.load_state_dict(both("embeddings.LayerNorm"))
        for i, layer in enumerate(model.encoder.layers):
            within = f"encoder.layer.{i}"
            parts = [both(f"{within}.attention.self.{part}") for part in ("query", "key", "value")]
            layer.self_attn.in_proj_weight.copy_(torch.cat([part["weight"] for part in parts]))
            layer.self_attn.in_proj_bias.copy_(torch.cat([part["bias"] for part in parts]))
            layer.self_attn.out_proj.load_state_dict(both(f"{within}.attention.output.dense"))
            layer.norm1.load_state_dict(both(f"{within}.attention.output.LayerNorm"))
            layer.linear1.load_state_dict(both(f"{within}.intermediate.dense"))
            layer.linear2.load_state_dict(both(f"{within}.output.dense"))
            layer.norm2.load_state_dict(both(f"{within}.output.LayerNorm"))


kind, *path = sys.argv[1:]
torch.manual_seed(1)
model = MiniLm().train()
if path:
    load(model, path[0])
weights = model.parameters()
optimizer = torch.optim.Adam(weights, 1e-4) if kind == "adam" else torch.optim.SGD(weights, 0.01)
i = torch.arange(BATCH * TOKENS).reshape(BATCH, TOKENS)
inputs = (1000 + (i * 7919) % 20000, i % TOKENS, torch.zeros_like(i))
truth = torch.arange(BATCH) % 2
losses = []
begin = time.perf_counter()
for _ in range(STEPS):
    optimizer.zero_grad(set_to_none=True)
    loss = nn.functional.cross_entropy(model(*inputs), truth)
    loss.backward()
    optimizer.step()
    losses.append(float(loss))
seconds = time.perf_counter() - begin
with open("/proc/self/status") as file:
    peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024
print(json.dumps({"peak": peak, "losses": losses, "seconds": seconds, "about": f"PyTorch {torch.__version__}"}))
