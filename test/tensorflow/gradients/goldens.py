"""Gradients of the cases as TensorFlow or JAX computes them: python goldens.py CASES.json goldens.json

CASES.json is written by make-goldens.mjs, which also calls this.
"""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import tensorflow as tf


def chw(function, images):
    """`function` of images whose channels come last, for images whose channels come first."""
    return tf.transpose(function(tf.transpose(images, [0, 2, 3, 1])), [0, 3, 1, 2])


def conv3d(images, kernel, stride, padding, rates):
    """conv3d with dilations, which TensorFlow lacks on CPUs: the kernel with zeros between its places."""
    rates = [rates] * 3 if isinstance(rates, int) else rates
    for axis, rate in enumerate(rates):
        size = kernel.shape[axis]
        rows = []
        for place in range(size):
            row = tf.gather(kernel, [place], axis=axis)
            rows += [row] + [tf.zeros_like(row)] * (rate - 1 if place + 1 < size else 0)
        kernel = tf.concat(rows, axis)
    return tf.nn.conv3d(images, kernel, [1, stride, stride, stride, 1], padding)


def depthwise(images, kernel, strides, padding, rates):
    """depthwise_conv2d, whose explicit paddings TensorFlow's Python refuses with dilations."""
    if not isinstance(padding, str):
        images, padding = tf.pad(images, padding), "VALID"
    return tf.nn.depthwise_conv2d(images, kernel, [1, *strides, 1], padding, dilations=rates)


def convolve(images, kernel, strides, padding, rates):
    """conv2d, whose explicit paddings TensorFlow refuses with dilations in the gradient."""
    if not isinstance(padding, str) and rates != [1, 1]:
        images, padding = tf.pad(images, padding), "VALID"
    return tf.nn.conv2d(images, kernel, strides, padding, dilations=rates)


NAMES = {"tf": tf, "np": np, "chw": chw, "convolve": convolve, "conv3d": conv3d, "depthwise": depthwise}


def gradients(case):
    xs = [
        tf.constant(np.reshape(np.array(values, np.float32), shape))
        for values, shape in zip(case["values"], case["shapes"])
    ]
    arguments = dict(zip("abcdefgh", xs))

    def factor(key):
        return tf.constant(np.reshape(np.array(case[key], np.float32), case["shape"]))

    with tf.GradientTape() as outer:
        outer.watch(xs)
        with tf.GradientTape() as inner:
            inner.watch(xs)
            value = eval(case["python"], {**NAMES, **arguments})
            total = tf.reduce_sum(value * factor("factors"))
        first = inner.gradient(total, xs, unconnected_gradients="zero")
        first = [tf.convert_to_tensor(gradient) for gradient in first]
        along = tf.add_n(
            [
                tf.reduce_sum(gradient * np.reshape(np.array(factors, np.float32), gradient.shape))
                for gradient, factors in zip(first, case["gradientFactors"])
            ]
        )
    result = {"value": value, "first": first}
    try:
        result["second"] = outer.gradient(along, xs, unconnected_gradients="zero")
    except LookupError:
        pass  # TensorFlow has no second gradient.
    return result


def gradients_of_jax(case):
    """The same as `gradients`, for cases whose reference is JAX."""
    xs = [
        jnp.reshape(jnp.array(values, jnp.float32), shape)
        for values, shape in zip(case["values"], case["shapes"])
    ]
    code = compile(case["jax"], "<case>", "eval")

    def value(*args):
        return eval(code, {"jnp": jnp, "jax": jax, **dict(zip("abcdefgh", args))})

    def total(*args):
        return jnp.sum(value(*args) * jnp.reshape(jnp.array(case["factors"], jnp.float32), case["shape"]))

    first = jax.grad(total, tuple(range(len(xs))))

    def along(*args):
        return sum(
            jnp.sum(gradient * jnp.reshape(jnp.array(factors, jnp.float32), gradient.shape))
            for gradient, factors in zip(first(*args), case["gradientFactors"])
        )

    return {"value": value(*xs), "first": first(*xs), "second": jax.grad(along, tuple(range(len(xs))))(*xs)}


def plain(tensor):
    """Numbers with six digits; None for NaN and texts for infinite numbers, which JSON lacks."""
    values = np.ravel(tf.convert_to_tensor(tensor).numpy())
    return [number(float(value)) for value in values]


def number(value):
    if np.isnan(value):
        return None
    if np.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(f"{value:.6g}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    goldens = {}
    for case in cases:
        try:
            computed = gradients_of_jax(case) if case.get("jax") else gradients(case)
        except Exception as error:  # noqa: BLE001
            print(f"{case['title']}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
            continue
        goldens[case["title"]] = {
            key: plain(part) if key == "value" else [plain(one) for one in part] for key, part in computed.items()
        }
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        lines = [f"{json.dumps(title)}: {json.dumps(golden, separators=(',', ':'))}" for title, golden in goldens.items()]
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
