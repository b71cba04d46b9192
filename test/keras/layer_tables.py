"""The layers that make-layer-cases.py goes through, with the values tried for each option."""

import keras
import numpy as np
from keras import layers as L

LAST, FIRST = "channels_last", "channels_first"
WEIGHTED = {
    "use_bias": [False],
    "kernel_initializer": ["he_normal", lambda: keras.initializers.RandomUniform(-0.2, 0.2)],
    "bias_initializer": ["ones"],
    "kernel_regularizer": ["l2", lambda: keras.regularizers.L1L2(0.1, 0.2), lambda: keras.regularizers.OrthogonalRegularizer()],
    "bias_regularizer": ["l1"],
    "activity_regularizer": ["l2"],
    "kernel_constraint": ["max_norm", "non_neg", "unit_norm", lambda: keras.constraints.MinMaxNorm(0.1, 1.0, axis=0)],
    "bias_constraint": ["non_neg"],
}
ACTS = ["relu", "silu", "hard_sigmoid", "softmax"]


def first(options):
    return options.get("data_format") == FIRST


def last(options):
    return options.get("data_format") != FIRST


def convolution(rank, padding=("same",), groups=True, more=(), channels=4):
    """As many filters as no dimension has places: TensorFlow's CPU mistakes one for the other where channels come first."""
    size = {1: (8,), 2: (6, 7), 3: (5, 4, 6)}[rank]
    several = {1: 3, 2: (3, 2), 3: (2, 3, 2)}[rank]
    return {
        "base": {"filters": 10, "kernel_size": 2},
        "options": {
            "kernel_size": [several],
            "strides": [2],
            "padding": list(padding),
            "data_format": [FIRST],
            "dilation_rate": [2],
            **({"groups": [2]} if groups else {}),
            "activation": ACTS,
            **WEIGHTED,
        },
        "shaping": ["kernel_size", "strides", "padding", "data_format", "dilation_rate", *(["groups"] if groups else [])],
        "more": list(more),
        "inputs": [
            {"shapes": [(*size, channels)], "when": last},
            {"shapes": [(channels, *size)], "when": first},
        ],
    }


def transposed(rank):
    spec = convolution(rank, groups=False)
    # Its outputs of rank 1 have 10 places.
    spec["base"]["filters"] = 11 if rank == 1 else 10
    spec["options"]["output_padding"] = [1, 0]
    spec["options"]["strides"] = [2, 3]
    spec["shaping"] = [*spec["shaping"], "output_padding"]
    spec["more"] = [{"strides": 2, "padding": "same", "output_padding": 1}, {"strides": 2, "padding": "same", "kernel_size": 3, "output_padding": 1, "data_format": FIRST}]
    return spec


def depthwise(rank):
    spec = convolution(rank, groups=False, channels=9)
    del spec["base"]["filters"]
    renamed = {k.replace("kernel_", "depthwise_"): v for k, v in WEIGHTED.items() if k.startswith("kernel_")}
    spec["options"] = {k: v for k, v in spec["options"].items() if not k.startswith("kernel_") or k == "kernel_size"}
    spec["options"].update(renamed, depth_multiplier=[2])
    spec["shaping"] = [*spec["shaping"], "depth_multiplier"]
    return spec


def separable(rank):
    spec = convolution(rank, groups=False)
    spec["options"] = {k: v for k, v in spec["options"].items() if not k.startswith("kernel_") or k == "kernel_size"}
    for part in ("depthwise", "pointwise"):
        spec["options"].update({f"{part}_initializer": ["he_uniform"], f"{part}_regularizer": ["l2"], f"{part}_constraint": ["max_norm"]})
    spec["options"]["depth_multiplier"] = [2]
    spec["shaping"] = [*spec["shaping"], "depth_multiplier"]
    return spec


def pooling(rank):
    size = {1: (7,), 2: (6, 7), 3: (5, 4, 6)}[rank]
    return {
        "base": {"pool_size": 2},
        "options": {
            "pool_size": [3, *([] if rank == 1 else [(1, 2, 3)[:rank]])],
            "strides": [1, 3],
            "padding": ["same"],
            "data_format": [FIRST],
        },
        "shaping": ["pool_size", "strides", "padding", "data_format"],
        "inputs": [
            {"shapes": [(*size, 3)], "when": last},
            {"shapes": [(3, *size)], "when": first},
        ],
    }


def whole_pooling(rank):
    size = {1: (5,), 2: (4, 5), 3: (3, 4, 5)}[rank]
    return {
        "options": {"data_format": [FIRST], "keepdims": [True]},
        "shaping": ["data_format", "keepdims"],
        "inputs": [
            {"shapes": [(*size, 3)], "when": last},
            {"shapes": [(3, *size)], "when": first},
            *([{"shapes": [(5, 3)], "kinds": ["masked"], "note": "with a mask", "when": last}] if rank == 1 else []),
        ],
    }


def adaptive(rank):
    size = {1: (7,), 2: (6, 7), 3: (5, 4, 6)}[rank]
    return {
        "base": {"output_size": 2},
        "options": {"output_size": [3], "data_format": [FIRST]},
        "inputs": [{"shapes": [(*size, 3)], "when": last}, {"shapes": [(3, *size)], "when": first}],
    }


RECURRENT = {
    "activation": ["relu", "sigmoid"],
    **{k: WEIGHTED[k] for k in ("use_bias", "kernel_initializer", "bias_initializer", "bias_regularizer", "activity_regularizer", "bias_constraint")},
    "kernel_regularizer": ["l2"],
    "kernel_constraint": ["max_norm"],
    "recurrent_initializer": ["glorot_uniform"],
    "recurrent_regularizer": ["l2"],
    "recurrent_constraint": ["max_norm"],
    "dropout": [0.2],
    "recurrent_dropout": [0.2],
    "return_sequences": [True],
    "return_state": [True],
    "go_backwards": [True],
    "unroll": [True],
    "zero_output_for_mask": [True],
}
SEQUENCES = ["return_sequences", "return_state", "go_backwards", "unroll"]


def recurrent(**more):
    return {
        "base": {"units": 3},
        "options": {**RECURRENT, **more},
        "shaping": [*SEQUENCES, *[k for k in more if k == "reset_after"]],
        "more": [{"return_sequences": True, "zero_output_for_mask": True}, {"return_sequences": True, "return_state": True, "go_backwards": True}],
        "inputs": [
            {"shapes": [(4, 2)]},
            {"shapes": [(4, 2)], "kinds": ["masked"], "note": "with a mask",
             "when": lambda o: set(o) <= {"return_sequences", "return_state", "go_backwards", "zero_output_for_mask", "reset_after", "unroll"}},
        ],
    }


def conv_recurrent(rank):
    size = {1: (6,), 2: (5, 4), 3: (4, 3, 5)}[rank]
    options = {k: v[:1] for k, v in RECURRENT.items() if k not in ("unroll", "zero_output_for_mask")}
    return {
        "base": {"filters": 2, "kernel_size": 2},
        "options": {
            "kernel_size": [3], "strides": [2], "padding": ["same"], "data_format": [FIRST], "dilation_rate": [2],
            "recurrent_activation": ["hard_sigmoid", "tanh"], "unit_forget_bias": [False], **options,
        },
        "shaping": ["kernel_size", "strides", "padding", "data_format", "return_sequences"] if rank < 3 else [],
        "more": [{"return_sequences": True, "return_state": True}, {"padding": "same", "dilation_rate": 2}, {"go_backwards": True, "return_sequences": True}],
        "inputs": [
            {"shapes": [(3, *size, 3)], "when": last},
            {"shapes": [(3, 3, *size)], "when": first},
        ],
    }


def merging(**options):
    return {
        "options": options,
        "inputs": [
            {"shapes": [(3, 4)] * 2},
            {"shapes": [(3, 4)] * 3, "note": "of three"},
            {"shapes": [(3, 4), (4,)], "note": "of different ranks"},
            {"shapes": [(3, 4), (1, 4)], "note": "with broadcasting"},
            {"shapes": [(3, 4)] * 2, "kinds": ["masked", "masked"], "note": "with masks"},
        ],
    }


def padding(rank, first_option):
    size = {1: (5,), 2: (4, 5), 3: (4, 5, 6)}[rank]
    several = {1: [(1, 2), 0], 2: [(1, 2), ((1, 0), (2, 1)), 0], 3: [(1, 2, 1), ((1, 0), (0, 2), (1, 1)), 0]}[rank]
    base = {"cropping": 1} if first_option == "cropping" else {}
    return {
        "base": base,
        "options": {first_option: several, "data_format": [FIRST]},
        "shaping": [first_option, "data_format"],
        "inputs": [
            {"shapes": [(*size, 3)], "when": last},
            *([{"shapes": [(3, *size)], "when": first}] if rank > 1 else []),
        ],
    }


def dropping(rank=None):
    shape = {None: (5, 3), 1: (5, 3), 2: (4, 5, 3), 3: (3, 4, 5, 2)}[rank]
    return {
        "base": {"rate": 0.4},
        "options": {"seed": [7], **({"data_format": [FIRST]} if rank and rank > 1 else {}), **({} if rank else {"noise_shape": [(BATCH, 1, 3)]})},
        "inputs": [{"shapes": [shape]}],
    }


BATCH = 2
NORMAL = [{"shapes": [(5, 3)]}, {"shapes": [(4, 5, 3)], "note": "of pictures"}, {"shapes": [(3,)], "note": "of vectors"}]
BATCHED = {
    "axis": [1],
    "momentum": [0.5],
    "epsilon": [0.1],
    "center": [False],
    "scale": [False],
    "beta_initializer": ["ones"],
    "gamma_initializer": ["zeros"],
    "moving_mean_initializer": ["ones"],
    "moving_variance_initializer": ["zeros"],
    "beta_regularizer": ["l2"],
    "gamma_regularizer": ["l1"],
    "beta_constraint": ["non_neg"],
    "gamma_constraint": ["max_norm"],
}

def attending(**arguments):
    """A call of attention of query, value and key, as many as there are; `mask`: the last tensor is a mask."""
    mask, given = arguments.pop("mask", False), arguments

    def call(layer, tensors):
        *tensors, last_one = tensors if mask else [*tensors, None]
        query, value, *key = tensors if len(tensors) > 1 else tensors * 2
        return layer(query, value, *key, **({"attention_mask": last_one} if mask else {}), **given)

    return call


SELF, CROSS, THREE = [(4, 6)], [(4, 6), (5, 7)], [(4, 6), (5, 7), (5, 8)]
ATTENTION = {
    "options": {"value_dim": [5], "dropout": [0.3], "use_bias": [False], "output_shape": [7, (2, 3)], "kernel_initializer": ["he_normal", "orthogonal"], "bias_initializer": ["ones"],
                "kernel_regularizer": ["l2"], "bias_regularizer": ["l1"], "kernel_constraint": ["max_norm"], "bias_constraint": ["non_neg"], "seed": [3],
                "sliding_window": [2], "use_gate": [True]},
    "shaping": ["value_dim", "use_bias", "output_shape", "dropout"],
    "gradients": True,
    "inputs": [
        {"shapes": SELF, "call": attending()},
        {"shapes": SELF, "kinds": ["masked"], "call": attending(), "note": "of masked steps"},
        *[{"base_only": True, **variant} for variant in (
            {"shapes": CROSS, "call": attending(), "note": "of query and value"},
            {"shapes": THREE, "call": attending(), "note": "of three"},
            {"shapes": SELF, "call": attending(use_causal_mask=True), "note": "causal"},
            {"shapes": CROSS, "call": attending(use_causal_mask=True), "note": "of query and value, causal"},
            {"shapes": [(4, 6), (4, 4)], "kinds": ["float", "bool"], "call": attending(mask=True), "note": "with an attention mask"},
            {"shapes": [(4, 6), (4, 4)], "kinds": ["float", "bool"], "call": attending(mask=True, use_causal_mask=True), "note": "with an attention mask, causal"},
            {"shapes": [*CROSS, (4, 5)], "kinds": ["float", "float", "bool"], "call": attending(mask=True), "note": "of query and value with an attention mask"},
            {"shapes": [*THREE, (2, 4, 5)], "kinds": ["float", "float", "float", "bool"], "call": attending(mask=True), "note": "of three with a mask for each head"},
            {"shapes": CROSS, "kinds": ["masked", "float"], "call": attending(), "note": "of a masked query"},
            {"shapes": CROSS, "kinds": ["float", "masked"], "call": attending(), "note": "of a masked value"},
            {"shapes": THREE, "kinds": ["masked", "float", "masked"], "call": attending(use_causal_mask=True), "note": "of masked query and key, causal"},
            {"shapes": [*CROSS, (4, 5)], "kinds": ["masked", "masked", "bool"], "call": attending(mask=True), "note": "of masked query and value with an attention mask"},
            {"shapes": [(2, 3, 6)], "call": attending(), "note": "of pictures"},
            {"shapes": SELF, "call": attending(return_attention_scores=True), "note": "with scores"},
            {"shapes": SELF, "call": attending(training=True), "note": "called as in training"},
        )],
    ],
}

SPECS = [
    {"layer": "Dense", "base": {"units": 3}, "options": {"activation": ["relu", "softmax", "gelu"], **WEIGHTED},
     "inputs": [{"shapes": [(4,)]}, {"shapes": [(3, 4)], "note": "of sequences"}, {"shapes": [(2, 3, 4)], "note": "of pictures", "base_only": True}]},
    {"layer": "EinsumDense", "base": {"equation": "ab,bc->ac", "output_shape": 3}, "options": {"bias_axes": ["c"], "activation": ["relu"]}, "inputs": [{"shapes": [(4,)]}]},
    {"layer": "Embedding", "base": {"input_dim": 7, "output_dim": 3},
     "options": {"mask_zero": [True], "embeddings_initializer": ["ones"], "embeddings_regularizer": ["l2"], "embeddings_constraint": ["max_norm"]},
     "inputs": [{"shapes": [(4,)], "kinds": ["int:7"]}, {"shapes": [(2, 3)], "kinds": ["int:7"], "note": "of tables"}]},
    {"layer": "ReversibleEmbedding", "base": {"input_dim": 7, "output_dim": 3}, "options": {}, "inputs": [{"shapes": [(4,)], "kinds": ["int:7"]}]},
    {"layer": "Identity", "options": {}, "inputs": [{"shapes": [(3, 4)]}]},
    {"layer": "Masking", "options": {"mask_value": [0.5]}, "inputs": [{"shapes": [(3, 4)], "kinds": ["masked"]}]},
    {"layer": "Lambda", "base": {"function": lambda: (lambda x: x * 2)}, "options": {}, "inputs": [{"shapes": [(3,)]}]},
    {"layer": "Activation", "base": {"activation": "tanh"}, "options": {}, "inputs": [{"shapes": [(3, 4)]}]},
    {"layer": "ELU", "options": {"alpha": [0.3, 2.0]}, "inputs": [{"shapes": [(3, 4)]}]},
    {"layer": "LeakyReLU", "options": {"negative_slope": [0.1, 0.0]}, "inputs": [{"shapes": [(3, 4)]}]},
    {"layer": "ReLU", "options": {"max_value": [0.5], "negative_slope": [0.2], "threshold": [0.3]}, "shaping": ["max_value", "negative_slope", "threshold"],
     "more": [{"max_value": 0.5, "negative_slope": 0.2, "threshold": 0.3}], "inputs": [{"shapes": [(3, 4)]}]},
    {"layer": "PReLU", "options": {"shared_axes": [[1], [1, 2], [2]], "alpha_initializer": ["ones"], "alpha_regularizer": ["l2"], "alpha_constraint": ["non_neg"]},
     "inputs": [{"shapes": [(3, 4)]}, {"shapes": [(3, 4, 2)], "note": "of pictures"}]},
    {"layer": "Softmax", "options": {"axis": [1, 2, -2, [1, 2], [-1]]}, "inputs": [{"shapes": [(3, 4)]}, {"shapes": [(3, 4, 2)], "note": "of pictures"}]},
    {"layer": "Conv1D", **convolution(1, ("same", "causal"), more=[{"padding": "causal", "dilation_rate": 2, "kernel_size": 3}])},
    {"layer": "Conv2D", **convolution(2)},
    {"layer": "Conv3D", **convolution(3)},
    {"layer": "Conv1DTranspose", **transposed(1)},
    {"layer": "Conv2DTranspose", **transposed(2)},
    {"layer": "Conv3DTranspose", **transposed(3)},
    {"layer": "DepthwiseConv1D", **depthwise(1)},
    {"layer": "DepthwiseConv2D", **depthwise(2)},
    {"layer": "SeparableConv1D", **separable(1)},
    {"layer": "SeparableConv2D", **separable(2)},
    *[{"layer": f"{kind}Pooling{rank}D", **pooling(rank)} for kind in ("Max", "Average") for rank in (1, 2, 3)],
    *[{"layer": f"Global{kind}Pooling{rank}D", **whole_pooling(rank)} for kind in ("Max", "Average") for rank in (1, 2, 3)],
    *[{"layer": f"Adaptive{kind}Pooling{rank}D", **adaptive(rank)} for kind in ("Max", "Average") for rank in (1, 2, 3)],
    {"layer": "BatchNormalization", "options": {**BATCHED, "renorm": [True], "synchronized": [True]}, "shaping": ["axis", "center", "scale"],
     "inputs": [*NORMAL, {"shapes": [(3, 4, 2, 3)], "note": "of volumes"}, {"shapes": [(4, 3)], "kinds": ["masked"], "note": "with a mask", "base_only": True}]},
    {"layer": "LayerNormalization",
     "options": {"axis": [1, [1, 2], -2], "epsilon": [0.1], "center": [False], "scale": [False], "beta_initializer": ["ones"], "gamma_initializer": ["zeros"],
                 "beta_regularizer": ["l2"], "gamma_regularizer": ["l1"], "beta_constraint": ["non_neg"], "gamma_constraint": ["max_norm"]},
     "shaping": ["axis", "center", "scale"], "inputs": NORMAL},
    {"layer": "GroupNormalization", "base": {"groups": 2},
     "options": {"groups": [1, 4, -1], "axis": [1, -2], "epsilon": [0.1], "center": [False], "scale": [False], "beta_initializer": ["ones"], "gamma_initializer": ["zeros"],
                 "beta_regularizer": ["l2"], "gamma_regularizer": ["l1"], "beta_constraint": ["non_neg"], "gamma_constraint": ["max_norm"]},
     "shaping": ["groups", "axis"], "inputs": [{"shapes": [(4, 4)]}, {"shapes": [(4, 6, 4)], "note": "of pictures"}]},
    {"layer": "RMSNormalization", "options": {"axis": [1, [1, 2]], "epsilon": [0.1]}, "inputs": NORMAL[:2]},
    {"layer": "UnitNormalization", "options": {"axis": [1, [1, 2]]}, "inputs": NORMAL[:2]},
    {"layer": "SpectralNormalization", "base": {"layer": lambda: L.Dense(3)}, "options": {}, "inputs": [{"shapes": [(4,)]}]},
    {"layer": "Normalization", "options": {"axis": [1, None, [1, 2]], "invert": [True]}, "shaping": ["axis", "invert"],
     "more": [{"mean": 0.3, "variance": 2.0}, {"mean": [0.1, 0.2, 0.3], "variance": [1.0, 2.0, 0.5]}, {"mean": 0.3, "variance": 2.0, "invert": True, "axis": None}],
     "prepare": lambda layer: layer.adapt(np.random.default_rng(1).normal(size=(9, *layer_shape(layer)))) if layer.input_mean is None else None,
     "inputs": [{"shapes": [(5, 3)]}]},
    {"layer": "Add", **merging()}, {"layer": "Subtract", **{**merging(), "inputs": [i for i in merging()["inputs"] if len(i["shapes"]) == 2]}},
    {"layer": "Multiply", **merging()}, {"layer": "Average", **merging()}, {"layer": "Maximum", **merging()}, {"layer": "Minimum", **merging()},
    {"layer": "Concatenate", "options": {"axis": [1, 2, -2]},
     "inputs": [{"shapes": [(3, 4)] * 2}, {"shapes": [(3, 4)] * 3, "note": "of three"}, {"shapes": [(3, 4)] * 2, "kinds": ["masked"] * 2, "note": "with masks"}]},
    {"layer": "Dot", "base": {"axes": 1}, "options": {"axes": [2, -1, [1, 2], [2, 1]], "normalize": [True]}, "shaping": ["axes", "normalize"],
     "inputs": [{"shapes": [(4,), (4,)]}, {"shapes": [(4, 4), (4, 4)], "note": "of tables"}, {"shapes": [(4, 3), (4, 5)], "note": "of different tables"},
                {"shapes": [(3, 4), (4,)], "note": "of table and vector"}, {"shapes": [(2, 4, 3), (2, 4, 3)], "note": "of volumes"}]},
    {"layer": "Flatten", "options": {"data_format": [FIRST]}, "inputs": [{"shapes": [(3, 4, 2)]}, {"shapes": [(3,)], "note": "of vectors"}]},
    {"layer": "Reshape", "base": {"target_shape": (4, 3)}, "options": {"target_shape": [(2, -1), (-1,), (2, 3, 2)]}, "inputs": [{"shapes": [(3, 4)]}]},
    {"layer": "Permute", "base": {"dims": (2, 1)}, "options": {"dims": [(2, 3, 1), (3, 2, 1)]}, "inputs": [{"shapes": [(3, 4)]}, {"shapes": [(3, 4, 2)], "note": "of pictures"}]},
    {"layer": "RepeatVector", "base": {"n": 3}, "options": {"n": [1]}, "inputs": [{"shapes": [(4,)]}]},
    *[{"layer": f"Cropping{rank}D", **padding(rank, "cropping")} for rank in (1, 2, 3)],
    *[{"layer": f"ZeroPadding{rank}D", **padding(rank, "padding")} for rank in (1, 2, 3)],
    {"layer": "UpSampling1D", "options": {"size": [3, 1]}, "inputs": [{"shapes": [(4, 3)]}]},
    {"layer": "UpSampling2D", "options": {"size": [3, (1, 2), (3, 2)], "data_format": [FIRST], "interpolation": ["bilinear", "bicubic", "lanczos3", "lanczos5"]},
     "shaping": ["size", "data_format", "interpolation"], "inputs": [{"shapes": [(4, 5, 3)], "when": last}, {"shapes": [(3, 4, 5)], "when": first}]},
    {"layer": "UpSampling3D", "options": {"size": [3, (1, 2, 3)], "data_format": [FIRST]}, "shaping": ["size", "data_format"],
     "inputs": [{"shapes": [(2, 3, 4, 2)], "when": last}, {"shapes": [(2, 2, 3, 4)], "when": first}]},
    {"layer": "Dropout", **dropping()}, {"layer": "AlphaDropout", **dropping()},
    {"layer": "GaussianDropout", "base": {"rate": 0.4}, "options": {"seed": [7]}, "inputs": [{"shapes": [(5, 3)]}]},
    {"layer": "GaussianNoise", "base": {"stddev": 0.4}, "options": {"seed": [7]}, "inputs": [{"shapes": [(5, 3)]}]},
    *[{"layer": f"SpatialDropout{rank}D", **dropping(rank)} for rank in (1, 2, 3)],
    {"layer": "ActivityRegularization", "options": {"l1": [0.1], "l2": [0.2]}, "inputs": [{"shapes": [(4,)]}]},
    {"layer": "Rescaling", "base": {"scale": 0.5}, "options": {"offset": [0.3], "scale": [[0.5, 1.0, 2.0]]}, "shaping": ["offset", "scale"], "more": [{"scale": [1.0, 2.0, 3.0], "offset": [0.1, 0.2, 0.3]}],
     "inputs": [{"shapes": [(4, 5, 3)]}, {"shapes": [(3,)], "note": "of vectors"}]},
    {"layer": "Resizing", "base": {"height": 3, "width": 8},
     "options": {"interpolation": ["nearest", "bicubic", "lanczos3", "area"], "crop_to_aspect_ratio": [True], "pad_to_aspect_ratio": [True], "fill_mode": ["constant"], "fill_value": [0.5], "antialias": [True],
                 "data_format": [FIRST], "height": [6, 9], "width": [2]},
     "shaping": ["interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "data_format", "height"], "more": [{"pad_to_aspect_ratio": True, "fill_value": 0.5}, {"pad_to_aspect_ratio": True, "height": 9, "fill_value": 0.5}],
     "inputs": [{"shapes": [(6, 5, 3)], "when": last}, {"shapes": [(3, 6, 5)], "when": first}]},
    {"layer": "CenterCrop", "base": {"height": 3, "width": 2}, "options": {"height": [4, 8], "width": [5, 9], "data_format": [FIRST]}, "shaping": ["height", "width", "data_format"],
     "inputs": [{"shapes": [(6, 5, 3)], "when": last}, {"shapes": [(3, 6, 5)], "when": first}]},
    {"layer": "CategoryEncoding", "base": {"num_tokens": 5}, "options": {"output_mode": ["one_hot", "count"]}, "inputs": [{"shapes": [(4,)], "kinds": ["int:5"]}, {"shapes": [(1,)], "kinds": ["int:5"], "note": "of one token"}]},
    {"layer": "Discretization", "base": {"bin_boundaries": [-0.5, 0.0, 0.5]}, "options": {"output_mode": ["one_hot"]}, "inputs": [{"shapes": [(4,)]}]},
    {"layer": "IntegerLookup", "base": {"vocabulary": [1, 2, 3]}, "options": {"output_mode": ["one_hot"]}, "inputs": [{"shapes": [(4,)], "kinds": ["int:5"]}]},
    {"layer": "Hashing", "base": {"num_bins": 3}, "options": {}, "inputs": [{"shapes": [(4,)], "kinds": ["int:5"]}]},
    {"layer": "RandomFlip", "options": {"mode": ["horizontal"]}, "inputs": [{"shapes": [(4, 5, 3)]}]},
    {"layer": "RandomZoom", "base": {"height_factor": 0.2}, "options": {}, "inputs": [{"shapes": [(4, 5, 3)]}]},
    {"layer": "Attention", "options": {"use_scale": [True], "score_mode": ["concat"], "dropout": [0.1]}, "shaping": ["use_scale", "score_mode"], "inputs": [{"shapes": [(3, 4)] * 2}, {"shapes": [(3, 4), (5, 4), (5, 4)], "note": "of three"}]},
    {"layer": "AdditiveAttention", "options": {"use_scale": [False], "dropout": [0.1]}, "inputs": [{"shapes": [(3, 4)] * 2}]},
    {"layer": "SimpleRNN", **recurrent()},
    {"layer": "LSTM", **recurrent(recurrent_activation=["hard_sigmoid", "relu"], unit_forget_bias=[False])},
    {"layer": "GRU", **recurrent(recurrent_activation=["hard_sigmoid", "relu"], reset_after=[False])},
    *[{"layer": f"ConvLSTM{rank}D", **conv_recurrent(rank)} for rank in (1, 2, 3)],
    {"layer": "RNN", "base": {"cell": lambda: L.SimpleRNNCell(3)},
     "options": {"cell": [lambda: L.LSTMCell(3), lambda: L.GRUCell(3), lambda: L.GRUCell(3, reset_after=False), lambda: L.StackedRNNCells([L.LSTMCell(3), L.GRUCell(2)])],
                 **{k: RECURRENT[k] for k in SEQUENCES}},
     "shaping": ["cell", "return_sequences", "return_state"], "inputs": [{"shapes": [(4, 2)]}]},
    {"layer": "Bidirectional", "base": {"layer": lambda: L.LSTM(3)},
     "options": {"layer": [lambda: L.GRU(3, return_sequences=True), lambda: L.SimpleRNN(3, return_state=True), lambda: L.LSTM(3, return_sequences=True, return_state=True), lambda: L.GRU(3, reset_after=False, recurrent_activation="hard_sigmoid")],
                 "merge_mode": ["sum", "mul", "ave", None], "backward_layer": [lambda: L.LSTM(3, go_backwards=True), lambda: L.LSTM(3, activation="relu", go_backwards=True)]},
     "shaping": ["layer", "merge_mode"], "inputs": [{"shapes": [(4, 2)]}, {"shapes": [(4, 2)], "kinds": ["masked"], "note": "with a mask"}]},
    {"layer": "TimeDistributed", "base": {"layer": lambda: L.Dense(3)},
     "options": {"layer": [lambda: L.Conv1D(2, 2), lambda: L.Dropout(0.2), lambda: L.BatchNormalization(), lambda: keras.Sequential([keras.Input((2,)), L.Dense(3)], name="inner")]},
     "inputs": [{"shapes": [(4, 2)]}, {"shapes": [(4, 3, 2)], "note": "of tables"}, {"shapes": [(4, 2)], "kinds": ["masked"], "note": "with a mask", "base_only": True}]},
    {"layer": "MultiHeadAttention", "base": {"num_heads": 2, "key_dim": 3}, **ATTENTION},
]


def layer_shape(layer):
    return (5, 3)


ACTIVATIONS = [
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "linear",
    "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus",
    "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh", "tanh_shrink",
]


def nested():
    inner = keras.Sequential([keras.Input((6, 6, 2)), L.Conv2D(3, 3, activation="silu"), L.BatchNormalization()], name="backbone")
    x = keras.Input((6, 6, 2), name="picture")
    return keras.Model(x, L.Dense(2)(L.GlobalAveragePooling2D()(inner(x))), name="outer")


def deeply_nested():
    a = keras.Input((3,), name="a")
    innermost = keras.Model(a, L.Dense(4, activation="gelu")(a), name="innermost")
    b = keras.Input((3,), name="b")
    middle = keras.Model(b, [innermost(b), L.Dense(2)(b)], name="middle")
    c = keras.Input((3,), name="c")
    left, right = middle(c)
    again, _ = middle(L.Activation("tanh")(c))
    return keras.Model(c, L.Concatenate()([left, right, again]), name="outermost")


def sequential_of_models():
    return keras.Sequential([
        keras.Input((4,)),
        keras.Sequential([L.Dense(3, activation="mish"), L.Dense(3)], name="first"),
        keras.Sequential([L.Dense(2), L.Softmax()], name="second"),
    ], name="stack")


def shared():
    a, b = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    dense = L.Dense(3, name="shared")
    return keras.Model([a, b], L.Subtract()([dense(a), dense(b)]), name="siamese")


def u_net():
    x = keras.Input((8, 8, 1), name="picture")
    down = L.Conv2D(2, 3, padding="same", activation="relu")(x)
    low = L.MaxPooling2D()(down)
    low = L.DepthwiseConv2D(3, padding="same", dilation_rate=2)(low)
    up = L.UpSampling2D(interpolation="bilinear")(low)
    return keras.Model(x, L.Conv2D(1, 1, activation="sigmoid")(L.Concatenate()([up, down])), name="unet")


def text_tutorial():
    return keras.Sequential([keras.Input((6,), dtype="int32"), L.Embedding(9, 4, mask_zero=True), L.GlobalAveragePooling1D(), L.Dense(1, activation="sigmoid")], name="text")


def without_names():
    x = keras.Input((4, 3), name="series")
    y, state_h, state_c = L.LSTM(2, return_sequences=True, return_state=True)(x)
    return keras.Model(x, [L.Dense(1)(y), L.Add()([state_h, state_c])], name="states")


def decoder():
    """States of one recurrent layer are where another one begins."""
    x, y = keras.Input((4, 3), name="source"), keras.Input((2, 3), name="target")
    _, h, c = L.LSTM(2, return_state=True, name="encoder")(x)
    return keras.Model([x, y], L.LSTM(2, return_sequences=True, name="decoder")(y, initial_state=[h, c]), name="translation")


def stateless_layers():
    return keras.Sequential([keras.Input((6, 4)), L.Conv1D(4, 2, padding="causal", dilation_rate=2), L.SpatialDropout1D(0.2), L.GaussianNoise(0.1), L.ZeroPadding1D(1), L.Cropping1D(1),
                             L.UpSampling1D(2), L.GroupNormalization(2), L.Flatten(), L.UnitNormalization()], name="stateless")


def stateful():
    x = keras.Input(batch_shape=(2, 4, 3), name="series")
    return keras.Model(x, L.GRU(2, stateful=True, return_sequences=True)(L.LSTM(2, stateful=True, return_sequences=True)(x)), name="remembering")


def branches():
    """Layers of the same form at several depths: their weights must not be exchanged."""
    x = keras.Input((3,), name="x")
    y = keras.Input((3,), name="y")
    a = L.Dense(3, name="a", activation="relu")(x)
    b = L.Dense(3, name="b", activation="silu")(y)
    c = L.Dense(3, name="c")(b)
    d = L.Add(name="d")([a, c])
    e = L.Dense(3, name="e")(x)
    f = L.Dense(3, name="f", activation="tanh")(L.Multiply(name="m")([d, e]))
    return keras.Model([x, y], [f, L.Dense(3, name="g")(c)], name="branches")


def twice():
    """One layer called twice in a row, and once next to that."""
    x = keras.Input((3,), name="x")
    dense = L.Dense(3, activation="tanh", name="again")
    other = L.Dense(3, name="between")
    return keras.Model(x, L.Concatenate()([dense(other(dense(x))), dense(x)]), name="twice")


def masked_functional():
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    x = L.Embedding(9, 4, mask_zero=True)(tokens)
    x = L.SpatialDropout1D(0.1)(x)
    x = L.Bidirectional(L.GRU(3, return_sequences=True))(x)
    return keras.Model(tokens, L.LSTM(2)(x), name="masked")


def frozen():
    x = keras.Input((4,), name="x")
    dense, norm = L.Dense(3, name="dense"), L.BatchNormalization(name="norm")
    inner = keras.Sequential([keras.Input((4,)), dense, norm], name="base")
    inner.trainable = False
    return keras.Model(x, L.Dense(2)(inner(x)), name="transfer")


def preprocessing():
    x = keras.Input((8, 8, 3), name="picture")
    y = L.Resizing(6, 6)(L.Rescaling(1 / 255)(x))
    return keras.Model(x, L.Conv2D(2, 3)(L.CenterCrop(4, 4)(y)), name="prepared")


def layer_as_activation():
    return keras.Sequential([keras.Input((4,)), L.Dense(3, activation=L.LeakyReLU(negative_slope=0.1))], name="object")


def transformer(blocks=(True,)):
    """Attention to what came before, or to all; the mask of the tokens reaches the mean. Keras loses it before a second block."""
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    x = L.Embedding(9, 4, mask_zero=True)(tokens)
    for causal in blocks:
        y = L.MultiHeadAttention(2, 2, dropout=0.1)(x, x, use_causal_mask=causal)
        x = L.LayerNormalization()(L.Add()([x, y]))
        x = L.Add()([x, L.Dense(4)(L.Dense(8, activation="gelu")(x))])
    return keras.Model(tokens, L.Dense(2, activation="softmax")(L.GlobalAveragePooling1D()(x)), name="transformer")


def translator():
    """A decoder whose query and value have separate masks; the query's reaches the layer behind."""
    source, target = keras.Input((5,), dtype="int32", name="source"), keras.Input((6,), dtype="int32", name="target")
    x, y = L.Embedding(9, 4, mask_zero=True)(source), L.Embedding(9, 6, mask_zero=True)(target)
    y = L.MultiHeadAttention(2, 3, value_dim=2, output_shape=5)(query=y, value=x)
    return keras.Model([source, target], L.LSTM(3)(y), name="translator")


def attention_twice():
    x, y = keras.Input((4, 6), name="x"), keras.Input((3, 6), name="y")
    attend = L.MultiHeadAttention(3, 2, name="attend")
    return keras.Model([x, y], L.Concatenate(axis=1)([attend(x, y, key=y), attend(y, x)]), name="attention_twice")


def words(name, width=4, **more):
    """Tokens and their embedding with a mask."""
    tokens = keras.Input((6,), dtype="int32", name=name)
    return tokens, L.Embedding(9, width, mask_zero=True, name=f"{name}_embedding", **more)(tokens)


def joined(axis, last):
    """Masks of two embeddings through Concatenate to a layer that computes with them."""

    def make():
        (a, x), (b, y) = words("a"), words("b", 4 if axis == 1 else 3)
        z = L.Dense(4, activation="tanh")(L.Concatenate(axis=axis, name="joined")([x, y]))
        return keras.Model([a, b], last()(z), name="joined")

    return make


def joined_with_unmasked():
    """An input without a mask counts as data everywhere, before and behind the one with a mask."""
    (a, x), b = words("a"), keras.Input((6, 4), name="b")
    first = L.GRU(3)(L.Concatenate(axis=1, name="in_time")([x, b]))
    second = L.LSTM(2)(L.Concatenate(name="in_width")([b, x]))
    return keras.Model([a, b], [first, second], name="half_masked")


def joined_again():
    """Concatenations of concatenations, of sums and of what recurrent layers return."""
    series, (b, y) = keras.Input((6, 4), name="series"), words("b")
    x = L.Masking()(series)
    z = L.Concatenate(name="two")([L.GRU(3, return_sequences=True)(x), L.Add(name="sum")([x, y])])
    z = L.Bidirectional(L.LSTM(2, return_sequences=True))(L.LayerNormalization()(z))
    z = L.Concatenate(name="three")([z, L.Multiply(name="product")([x, y]), y])
    z = L.TimeDistributed(L.Dense(3, activation="tanh"))(z)
    return keras.Model([series, b], [z, L.GlobalAveragePooling1D()(L.BatchNormalization(momentum=0.5)(z))], name="joined_again")


def joined_attention():
    """Attention, what it attends to, and attention to both."""
    (a, x), (b, y) = words("a"), words("b")
    z = L.Concatenate(name="together")([x, L.MultiHeadAttention(1, 2, name="first")(x, y)])
    z = L.Dense(4)(z)
    return keras.Model([a, b], L.GRU(3)(z), name="joined_attention")


def joined_models():
    """Masks that models inside of this one give."""

    def inner(name):
        tokens, x = words(f"{name}_tokens")
        return keras.Model(tokens, L.GRU(3, return_sequences=True)(x), name=name)

    a, b = keras.Input((6,), dtype="int32", name="a"), keras.Input((6,), dtype="int32", name="b")
    z = L.Concatenate(name="together")([inner("left")(a), inner("right")(b)])
    return keras.Model([a, b], L.LSTM(2)(z), name="joined_models")


def attention_steps(merge, beside=False):
    """Keras drops the mask of what attention is called with: the loss behind a residual connection is of all steps."""

    def make():
        tokens, x = words("a")
        y = L.MultiHeadAttention(1, 2, name="attend")(x, x)
        z = L.Dense(3, name="end")(L.LayerNormalization()(merge()([x, y])))
        if not beside:
            return keras.Model(tokens, z, name="attention_steps")
        # A branch that begins before attention runs keeps its mask; one that begins after it does not.
        early, late = L.Dense(4, activation="tanh", name="early")(x), L.Dense(2, name="late")(x)
        for i in range(4):
            early = L.Dense(3, name=f"early_{i}")(early)
        return keras.Model(tokens, [z, early, late], name="attention_steps")

    return make


def masked_steps():
    """The mask of the output hides steps from the loss."""
    (a, x), (b, y) = words("a"), words("b")
    z = L.SimpleRNN(3, return_sequences=True)(L.Concatenate()([x, y]))
    return keras.Model([a, b], L.Dense(2)(z), name="masked_steps")


def masked_decoder(sequences=False):
    """A recurrent layer that begins with states."""

    def make():
        (a, x), (b, y) = words("a"), words("b")
        _, h, c = L.LSTM(3, return_state=True, name="encoder")(x)
        z = L.LSTM(3, return_sequences=sequences, name="decoder")(y, initial_state=[h, c])
        return keras.Model([a, b], L.GlobalAveragePooling1D()(z) if sequences else z, name="masked_decoder")

    return make


CELLS = {
    "three": lambda: [L.LSTMCell(3), L.GRUCell(2), L.SimpleRNNCell(4)],
    "two": lambda: [L.LSTMCell(2), L.LSTMCell(3)],
    "one": lambda: [L.LSTMCell(3)],
}


def stacked_states(cells, masked=False, **options):
    """All states that stacked cells return, used in different ways."""

    def make():
        series = keras.Input((5, 3), name="series")
        x = L.Masking()(series) if masked else series
        first, *states = L.RNN(CELLS[cells](), return_state=True, name="stacked", **options)(x)
        states = keras.tree.flatten(states)
        ends = [L.Dense(2, name=f"end_{i}")(state) for i, state in enumerate(states)]
        return keras.Model(series, [first, states[-1], states[0], *ends], name="stacked_states")

    return make


def stacked_decoder(cells):
    """States of stacked cells are where other stacked cells begin."""

    def make():
        x, y = keras.Input((5, 3), name="x"), keras.Input((4, 3), name="y")
        _, *states = L.RNN(CELLS[cells](), return_state=True, name="encoder")(x)
        out, *last = L.RNN(CELLS[cells](), return_sequences=True, return_state=True, name="decoder")(y, initial_state=states)
        return keras.Model([x, y], [out, *keras.tree.flatten(last)], name="stacked_decoder")

    return make


def stacked_both_ways():
    x = keras.Input((5, 3), name="x")
    out, *states = L.Bidirectional(L.RNN(CELLS["three"](), return_state=True), name="both")(x)
    return keras.Model(x, [out, *keras.tree.flatten(states)], name="stacked_both_ways")


NORM = {"momentum": 0.5}


def norm_of_two():
    x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y")
    norm = L.BatchNormalization(**NORM, name="norm")
    return keras.Model([x, y], L.Concatenate()([norm(x), norm(y)]), name="norm_of_two")


def norm_of_three(order):
    """Calls at several depths; Keras calls by depth."""

    def make():
        x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y")
        norm = L.BatchNormalization(**NORM, name="norm")
        a, b = L.Dense(3, activation="tanh", name="a"), L.Dense(3, activation="tanh", name="b")
        parts = [norm(a(x)), norm(b(a(y))), L.Dense(3, name="c")(norm(y))]
        return keras.Model([x, y], L.Concatenate()([parts[i] for i in order]), name="norm_of_three")

    return make


def norm_in_a_row():
    x = keras.Input((3,), name="x")
    norm = L.BatchNormalization(**NORM, name="norm")
    return keras.Model(x, L.Add()([norm(L.Dense(3, activation="tanh")(norm(x))), x, norm(L.Dense(3)(x))]), name="norm_in_a_row")


def norm_in_a_model():
    """A model with a normalization, called twice, and one with two outputs, called once."""
    i = keras.Input((3,), name="i")
    inner = keras.Model(i, L.Dense(3, activation="tanh")(L.BatchNormalization(**NORM, name="inside")(i)), name="inner")
    j = keras.Input((3,), name="j")
    norm = L.BatchNormalization(**NORM, name="once")(j)
    double = keras.Model(j, [norm, L.Dense(2)(norm)], name="double")
    x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y")
    first, second = double(L.Add()([inner(L.Dense(3, name="d")(x)), inner(y)]))
    return keras.Model([x, y], [first, L.Concatenate()([first, second])], name="norm_in_a_model")


def norm_of_outputs():
    """A siamese network whose parts are outputs."""
    x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y")
    dense, norm = L.Dense(3, activation="tanh", name="dense"), L.BatchNormalization(**NORM, name="norm")
    return keras.Model([x, y], [norm(dense(y)), L.Dense(2, name="end")(norm(dense(x)))], name="norm_of_outputs")


def norm_of_masked(joined):
    """The same with masks: of both, or of one that is joined with one that has none."""

    def make():
        (a, x), b = words("a"), keras.Input((6, 4), name="b")
        norm = L.BatchNormalization(**NORM, name="norm")
        y = norm(L.Masking()(b)) if not joined else norm(b)
        x = norm(x)
        return keras.Model([a, b], L.GRU(2)(L.Concatenate()([x, y] if not joined else [y, x])), name="norm_of_masked")

    return make


MODELS = {
    "transformer": (transformer, [(6,)], ["int:9"]),
    "transformer of two blocks": (lambda: transformer((True, False)), [(6,)], ["int:9"]),
    "translator": (translator, [(5,), (6,)], ["int:9"] * 2),
    "attention called twice": (attention_twice, [(4, 6), (3, 6)], ["float"] * 2),
    "nested": (nested, [(6, 6, 2)], ["float"]),
    "deeply nested": (deeply_nested, [(3,)], ["float"]),
    "sequential of models": (sequential_of_models, [(4,)], ["float"]),
    "shared": (shared, [(4,), (4,)], ["float"] * 2),
    "u-net": (u_net, [(8, 8, 1)], ["float"]),
    "text": (text_tutorial, [(6,)], ["int:9"]),
    "states": (without_names, [(4, 3)], ["float"]),
    "decoder": (decoder, [(4, 3), (2, 3)], ["float"] * 2),
    "stateless": (stateless_layers, [(6, 4)], ["float"]),
    "branches": (branches, [(3,), (3,)], ["float"] * 2),
    "twice": (twice, [(3,)], ["float"]),
    "masked": (masked_functional, [(6,)], ["int:9"]),
    "frozen": (frozen, [(4,)], ["float"]),
    "preprocessing": (preprocessing, [(8, 8, 3)], ["float"]),
    "stateful": (stateful, [(4, 3)], ["float"]),
    "layer as activation": (layer_as_activation, [(4,)], ["float"]),
    "joined masks, LSTM": (joined(-1, lambda: L.LSTM(3)), [(6,)] * 2, ["int:9"] * 2),
    "joined masks, Bidirectional": (joined(-1, lambda: L.Bidirectional(L.GRU(2))), [(6,)] * 2, ["int:9"] * 2),
    "joined masks, GlobalAveragePooling1D": (joined(-1, L.GlobalAveragePooling1D), [(6,)] * 2, ["int:9"] * 2),
    "joined masks in time, GRU": (joined(1, lambda: L.GRU(3)), [(6,)] * 2, ["int:9"] * 2),
    "joined masks in time, RNN of cells": (joined(1, lambda: L.RNN([L.LSTMCell(2), L.GRUCell(3)])), [(6,)] * 2, ["int:9"] * 2),
    "masks joined with none": (joined_with_unmasked, [(6,), (6, 4)], ["int:9", "float"]),
    "joined masks, joined again": (joined_again, [(6, 4), (6,)], ["masked", "int:9"]),
    "joined masks of attention": (joined_attention, [(6,)] * 2, ["int:9"] * 2),
    "joined masks of models": (joined_models, [(6,)] * 2, ["int:9"] * 2),
    "joined masks in the loss": (masked_steps, [(6,)] * 2, ["int:9"] * 2),
    "attention, its residual and the loss": (attention_steps(L.Add), [(6,)], ["int:9"]),
    "attention, joined with its input, and the loss": (attention_steps(L.Concatenate), [(6,)], ["int:9"]),
    "attention and branches beside it in the loss": (attention_steps(L.Add, True), [(6,)], ["int:9"]),
    "masked decoder": (masked_decoder(), [(6,)] * 2, ["int:9"] * 2),
    "masked decoder of sequences": (masked_decoder(True), [(6,)] * 2, ["int:9"] * 2),
    "states of stacked cells": (stacked_states("three"), [(5, 3)], ["float"]),
    "states of stacked cells, sequences": (stacked_states("three", return_sequences=True), [(5, 3)], ["float"]),
    "states of stacked cells, backwards": (stacked_states("two", go_backwards=True), [(5, 3)], ["float"]),
    "states of stacked cells, masked": (stacked_states("three", masked=True, return_sequences=True), [(5, 3)], ["masked"]),
    "states of one stacked cell": (stacked_states("one"), [(5, 3)], ["float"]),
    "first states of stacked cells": (stacked_decoder("three"), [(5, 3), (4, 3)], ["float"] * 2),
    "first states of two stacked cells": (stacked_decoder("two"), [(5, 3), (4, 3)], ["float"] * 2),
    "states of stacked cells, both ways": (stacked_both_ways, [(5, 3)], ["float"]),
    "normalization of two inputs": (norm_of_two, [(3,)] * 2, ["float"] * 2),
    "normalization at three depths": (norm_of_three((0, 1, 2)), [(3,)] * 2, ["float"] * 2),
    "normalization at three depths, turned": (norm_of_three((2, 1, 0)), [(3,)] * 2, ["float"] * 2),
    "normalization in a row": (norm_in_a_row, [(3,)], ["float"]),
    "normalization in a model": (norm_in_a_model, [(3,)] * 2, ["float"] * 2),
    "normalization of two outputs": (norm_of_outputs, [(3,)] * 2, ["float"] * 2),
    "normalization of masked inputs": (norm_of_masked(False), [(6,), (6, 4)], ["int:9", "masked"]),
    "normalization of a masked input and one without": (norm_of_masked(True), [(6,), (6, 4)], ["int:9", "float"]),
}
