"""
JAX with flax and optax as a peer of the training benchmark, batches on the device beforehand.

Variants: one jitted step a call, and an epoch as one jitted `lax.scan` over its steps. Both donate their state, and read
losses once an epoch.
"""

import functools
import json

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from peer_protocol import Taken, batches, data, serve


class Dense(nn.Module):
    sizes: tuple
    classes: int

    @nn.compact
    def __call__(self, x):
        for i, units in enumerate(self.sizes):
            x = nn.relu(nn.Dense(units, name=f"dense{i}")(x))
        return nn.Dense(self.classes, name="output")(x)


class Cnn(nn.Module):
    @nn.compact
    def __call__(self, x):
        for i, filters in enumerate((16, 32)):
            x = nn.relu(nn.Conv(filters, (3, 3), padding="VALID", name=f"conv{i}")(x))
            x = nn.max_pool(x, (2, 2), strides=(2, 2))
        return nn.Dense(10, name="output")(x.reshape((x.shape[0], -1)))


class Lstm(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(10, name="output")(nn.RNN(nn.OptimizedLSTMCell(32, name="lstm"))(x)[:, -1])


class ResNet20(nn.Module):
    @nn.compact
    def __call__(self, x):
        def conv_norm(name, filters, size, strides, x):
            x = nn.Conv(filters, (size, size), strides=strides, use_bias=False, name=f"{name}_conv")(x)
            return nn.BatchNorm(
                use_running_average=False, momentum=0.99, epsilon=1e-3, name=f"{name}_norm"
            )(x)

        x = nn.relu(conv_norm("stem", 16, 3, 1, x))
        for stage, filters in enumerate([16, 32, 64]):
            for block in range(3):
                name = f"s{stage}b{block}"
                strides = 2 if stage > 0 and block == 0 else 1
                y = nn.relu(conv_norm(f"{name}_0", filters, 3, strides, x))
                y = conv_norm(f"{name}_1", filters, 3, 1, y)
                shortcut = x if strides == 1 else conv_norm(f"{name}_short", filters, 1, strides, x)
                x = nn.relu(y + shortcut)
        return nn.Dense(10, name="output")(x.mean((1, 2)))


class Transformer(nn.Module):
    @nn.compact
    def __call__(self, x):
        for i in range(2):
            y = nn.LayerNorm(epsilon=1e-5, name=f"b{i}_norm0")(x)
            x = x + nn.MultiHeadDotProductAttention(4, name=f"b{i}_attention")(y)
            y = nn.LayerNorm(epsilon=1e-5, name=f"b{i}_norm1")(x)
            y = nn.relu(nn.Dense(256, name=f"b{i}_dense0")(y))
            x = x + nn.Dense(64, name=f"b{i}_dense1")(y)
        return nn.Dense(10, name="output")(x.mean(1))


builders = {
    "mlp": lambda request: Dense((128, 128), 10),
    "deep": lambda request: Dense((64,) * request["depth"], 10),
    "cnn": lambda request: Cnn(),
    "lstm": lambda request: Lstm(),
    "resnet20": lambda request: ResNet20(),
    "transformer": lambda request: Transformer(),
    "wide": lambda request: Dense((), request["classes"]),
    "logistic": lambda request: Dense((), request["classes"]),
}

NAMES = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}


def weight_of(path, taken):
    """The array for the place `path` among flax's variables, such as `dense0/kernel` or `lstm/hf/bias`."""
    *owners, kind = path
    layer = owners[0]
    if layer == "lstm":
        # flax has an array for each gate; the others one, with the gates i, f, g and o one after another.
        source, gate = owners[1]
        name = {"kernel": "kernel" if source == "i" else "recurrent_kernel", "bias": "bias"}[kind]
        return np.split(taken[f"lstm/{name}"], 4, axis=-1)["ifgo".index(gate)]
    if len(owners) == 2:
        part = "output" if owners[1] == "out" else owners[1]
        return taken[f"{layer}/{part}_{kind}"]
    return taken[f"{layer}/{NAMES[kind] if layer.endswith(('_norm', '_norm0', '_norm1')) else kind}"]


def with_weights(variables, request):
    taken = Taken(request)

    def place(path, value):
        names = [key.key for key in path]
        # `params` or `batch_stats` comes first.
        return jnp.asarray(weight_of(names[1:], taken).reshape(value.shape))

    result = jax.tree_util.tree_map_with_path(place, variables)
    taken.check()
    return result


@functools.lru_cache(maxsize=1)
def on_device(request):
    request = json.loads(request)
    x, y, _ = data(request)
    return [tuple(map(jnp.asarray, pair)) for pair in batches(request, x, y)]


def cut_of(request):
    return on_device(json.dumps({name: request[name] for name in ("batch", "steps", "input", "classes")}))


class Trainer:
    def __init__(self, request):
        x, y, _ = data(request)
        self.cut = cut_of(request)
        model = builders[request["name"]](request)
        variables = with_weights(model.init(jax.random.PRNGKey(0), self.cut[0][0]), request)
        optimizer = optax.adam(1e-3, eps=1e-7)

        def score(parameters, rest, x, y):
            logits, changed = model.apply({"params": parameters, **rest}, x, mutable=list(rest))
            hits = jnp.mean(jnp.argmax(logits, -1) == jnp.argmax(y, -1))
            return optax.softmax_cross_entropy(logits, y).mean(), (hits, changed)

        def step(state, batch):
            parameters, rest, moments = state
            gradient = jax.value_and_grad(score, has_aux=True)
            (loss, (hits, changed)), gradients = gradient(parameters, rest, *batch)
            updates, moments = optimizer.update(gradients, moments)
            return (optax.apply_updates(parameters, updates), changed, moments), (loss, hits)

        rest = {name: value for name, value in variables.items() if name != "params"}
        self.state = (variables["params"], rest, optimizer.init(variables["params"]))
        self.step = jax.jit(step, donate_argnums=0)
        if request["variant"] == "scan":
            shape = (request["steps"], request["batch"])
            stacked = tuple(jnp.asarray(all.reshape(*shape, *all.shape[1:])) for all in (x, y))
            epoch = jax.jit(lambda state, all: jax.lax.scan(step, state, all), donate_argnums=0)
            self.epoch = lambda state: epoch(state, stacked)
        else:
            self.epoch = self.steps

    def steps(self, state):
        logs = []
        for batch in self.cut:
            state, log = self.step(state, batch)
            logs.append(log)
        return state, tuple(map(jnp.stack, zip(*logs)))

    def first_steps(self, count):
        losses = []
        for batch in self.cut[:count]:
            self.state, (loss, _) = self.step(self.state, batch)
            losses.append(float(loss))
        return losses

    def train(self, epochs):
        for _ in range(epochs):
            self.state, (losses, hits) = self.epoch(self.state)
            loss, _ = float(np.mean(losses)), float(np.mean(hits))
        return loss


serve(f"JAX {jax.__version__}, flax {flax.__version__}, optax {optax.__version__}", Trainer, cut_of)
