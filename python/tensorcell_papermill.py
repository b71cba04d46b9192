"""Lets papermill pass parameters to TypeScript notebooks.

A folder on Python's path is enough: papermill loads this module by its entry point and finds the translator here.
"""

import json
import math

from papermill.engines import NBClientEngine
from papermill.translators import Translator, papermill_translators


class TypeScriptTranslator(Translator):
    """Python values as TypeScript. Each parameter is declared anew: cells of Tensorcell may declare a name again."""

    @classmethod
    def translate_none(cls, val):
        return "null"

    @classmethod
    def translate_bool(cls, val):
        return "true" if val else "false"

    @classmethod
    def translate_int(cls, val):
        # Beyond 2 ** 53 a number would silently become another one.
        return str(val) if abs(val) <= 2**53 else f"{val}n"

    @classmethod
    def translate_float(cls, val):
        if math.isfinite(val):
            return repr(val)
        return "NaN" if math.isnan(val) else ("Infinity" if val > 0 else "-Infinity")

    @classmethod
    def translate_str(cls, val):
        return json.dumps(str(val))

    @classmethod
    def translate_escaped_str(cls, str_val):
        return json.dumps(str(str_val))

    @classmethod
    def translate_dict(cls, val):
        # A key in brackets is always its own name; "__proto__": would set a prototype.
        fields = ", ".join(f"[{json.dumps(str(key))}]: {cls.translate(item)}" for key, item in val.items())
        return f"{{ {fields} }}" if fields else "{}"

    @classmethod
    def translate_list(cls, val):
        return f"[{', '.join(cls.translate(item) for item in val)}]"

    @classmethod
    def comment(cls, cmt_str):
        return f"// {cmt_str}".strip()

    @classmethod
    def assign(cls, name, str_val):
        return f"let {name} = {str_val};"


papermill_translators.register("typescript", TypeScriptTranslator)


class TypeScriptEngine(NBClientEngine):
    """Papermill's default; papermill loads this module because of its entry point."""
