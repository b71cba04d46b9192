"""A Python that takes part in the tests: one request a line in JSON, one answer a line."""

import importlib.util
import json
import sys

spec = importlib.util.spec_from_file_location("tensorcell_conversion", sys.argv[1])
conversion = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conversion)
names = {"conversion": conversion}


def answer(request):
    op, argument = request["op"], request["argument"]
    if op == "set":
        names[argument["name"]] = conversion.decode_leaf(argument["leaf"])
        return None
    if op == "get":
        leaf = conversion.encode_leaf(eval(argument["code"], names), argument.get("options", {}))
        if leaf is None:
            raise TypeError("not a leaf")
        return leaf
    if op == "run":
        exec(argument["code"], names)
        return None
    if op == "eval":
        return eval(argument["code"], names)
    return conversion.OPERATIONS[op](argument)


for line in sys.stdin:
    request = json.loads(line)
    try:
        reply = {"id": request["id"], "value": answer(request)}
    except Exception as error:
        reply = {"id": request["id"], "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), flush=True)
