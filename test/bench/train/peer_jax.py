"""JAX with flax and optax as a peer of the training benchmark: one jitted step, batches on the device beforehand."""

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from peer_protocol import batches, data, serve


class Dense(nn.Module):
    sizes: tuple
    classes: int

    @nn.compact
    def __call__(self, x):
        for units in self.sizes:
            x = nn.relu(nn.Dense(units)(x))
        return nn.Dense(self.classes)(x)


class Cnn(nn.Module):
    @nn.compact
    def __call__(self, x):
        for filters in (16, 32):
            x = nn.relu(nn.Conv(filters, (3, 3), padding="VALID")(x))
            x = nn.max_pool(x, (2, 2), strides=(2, 2))
        return nn.Dense(10)(x.reshape((x.shape[0], -1)))


class Lstm(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(10)(nn.RNN(nn.OptimizedLSTMCell(32))(x)[:, -1])


class ResNet20(nn.Module):
    @nn.compact
    def __call__(self, x):
        def conv(filters, size, strides):
            return nn.Conv(filters, (size, size), strides=strides, use_bias=False)

        def norm():
            return nn.BatchNorm(use_running_average=False, momentum=0.99, epsilon=1e-3)

        x = nn.relu(norm()(conv(16, 3, 1)(x)))
        for stage, filters in enumerate([16, 32, 64]):
            for block in range(3):
                strides = 2 if stage > 0 and block == 0 else 1
                y = nn.relu(norm()(conv(filters, 3, strides)(x)))
                y = norm()(conv(filters, 3, 1)(y))
                x = nn.relu(y + (x if strides == 1 else norm()(conv(filters, 1, strides)(x))))
        return nn.Dense(10)(x.mean((1, 2)))


class Transformer(nn.Module):
    @nn.compact
    def __call__(self, x):
        for _ in range(2):
            y = nn.LayerNorm(epsilon=1e-5)(x)
            x = x + nn.MultiHeadDotProductAttention(4)(y)
            y = nn.LayerNorm(epsilon=1e-5)(x)
            x = x + nn.Dense(64)(nn.relu(nn.Dense(256)(y)))
        return nn.Dense(10)(x.mean(1))


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


def prepare(request):
    x, y, _ = data(request)
    model = builders[request["name"]](request)
    cut = [tuple(map(jnp.asarray, pair)) for pair in batches(request, x, y)]
    variables = model.init(jax.random.PRNGKey(0), cut[0][0])
    optimizer = optax.adam(1e-3, eps=1e-7)

    def score(parameters, rest, x, y):
        logits, changed = model.apply({"params": parameters, **rest}, x, mutable=list(rest))
        hits = jnp.mean(jnp.argmax(logits, -1) == jnp.argmax(y, -1))
        return optax.softmax_cross_entropy(logits, y).mean(), (hits, changed)

    @jax.jit
    def step(state, x, y):
        parameters, rest, moments = state
        (loss, (hits, changed)), gradients = jax.value_and_grad(score, has_aux=True)(parameters, rest, x, y)
        updates, moments = optimizer.update(gradients, moments)
        return (optax.apply_updates(parameters, updates), changed, moments), (loss, hits)

    rest = {name: value for name, value in variables.items() if name != "params"}
    state = (variables["params"], rest, optimizer.init(variables["params"]))

    def epoch():
        nonlocal state
        logs = []
        for x, y in cut:
            state, log = step(state, x, y)
            logs.append(log)
        return float(sum(loss for loss, _ in jax.block_until_ready(logs))) / len(logs)

    return epoch


serve(f"JAX {jax.__version__}, flax {flax.__version__}, optax {optax.__version__}", prepare)
