"""Jupyter's reference tests, every sample filled in: nothing may be skipped."""

from __future__ import annotations

import unittest

import jupyter_kernel_test
import kernel_under_test  # noqa: F401  (makes the kernelspec known)


class TensorcellTests(jupyter_kernel_test.KernelTests):
    kernel_name = "tensorcell"
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('something is wrong')"
    code_page_something = "?Math.max"
    code_generate_error = "throw new Error('on purpose')"
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "const squares: number[] = [1, 2, 3].map((n) => n * n);\nsquares", "result": "[ 1, 4, 9 ]"},
        {"code": "await Promise.resolve(`multi\nline`).then((text) => text.length)", "result": "10"},
    ]
    code_display_data = [
        {"code": "display.html('<b>bold</b>')", "mime": "text/html"},
        {"code": "display.markdown('# title')", "mime": "text/markdown"},
        {"code": "display.svg('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')", "mime": "image/svg+xml"},
        {"code": "display({ a: 1 })", "mime": "text/plain"},
    ]
    completion_samples = [
        {"text": "const zebraCount = 3; zebraCo", "matches": {"zebraCount"}},
        {"text": "[1, 2, 3]."},
        {"text": "%lsmag", "matches": {"%lsmagic"}},
    ]
    complete_code_samples = ["1", "console.log('hello')", "function f() { return 3; }", "const x = { a: 1 };", ""]
    incomplete_code_samples = ["console.log('hello'", "function f() {", "const x = {", "`open", "/* open"]
    invalid_code_samples = ["const = 3", "1 +* 2", "let let = ]"]
    code_inspect_sample = "Math.max"
    code_clear_output = "clearOutput()"
    code_history_pattern = "6 ? 7"
    supported_history_operations = ("tail", "range", "search")


class TensorcellWelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "tensorcell"
    support_iopub_welcome = True




if __name__ == "__main__":
    unittest.main()
