"""Has Keras load files that were written here, and compares what it computes with the goldens.

    python test/keras/check_written.py FOLDER

FOLDER holds NUMBER.keras for the case of that number. Prints a line for each file that differs, and `CHECKED n`.
"""

import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("cases", os.path.join(HERE, "make-layer-cases.py"))
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)


def main(folder):
    import gzip
    import json

    goldens = json.loads(gzip.open(os.path.join(HERE, "layer-cases.golden.json.gz")).read())["cases"]
    numbers = sorted(int(name.split(".")[0]) for name in os.listdir(folder) if name.endswith(".keras"))
    for number in numbers:
        case = goldens[number]
        cases.keras.utils.clear_session()
        try:
            model = cases.keras.saving.load_model(os.path.join(folder, f"{number}.keras"), compile=False)
            values = [cases.make_input(shape, kind, 60 + i) for i, (shape, kind) in enumerate(case["inputs"])]
            outputs = cases.tf.nest.flatten(model(values if len(values) > 1 else values[0], training=False))
            for output, expected in zip(outputs, case["outputs"], strict=True):
                found = cases.summary(output)
                assert found["shape"] == expected["shape"], f"shape {found['shape']}, not {expected['shape']}"
                for a, b in zip(found["values"], expected["values"], strict=True):
                    assert abs(a - b) <= 1e-5 * max(1, abs(b)), f"{a}, not {b}"
                assert abs(found["sum"] - expected["sum"]) <= 1e-4 * max(1, abs(expected["sum"])), "the sum differs"
        except Exception as error:
            print(f"DIFFERS {case['name']}: {type(error).__name__} {str(error)[:300]}", flush=True)
    print(f"CHECKED {len(numbers)}")


main(sys.argv[1])
