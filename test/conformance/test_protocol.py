"""One test for each promise about the protocol, with Jupyter's own client as the judge."""

from __future__ import annotations

import json
import time

import pytest
from jupyter_client.session import Session
from kernel_under_test import Empty, Kernel, Run
from kernel_under_test import kernel as start_kernel


# ------------------------------------------------------------------------------------------------ execute


def test_execute_result_and_execute_input(shared: Kernel):
    run = shared.execute("21 * 2")
    assert [m["msg_type"] for m in run.messages] == ["status", "execute_input", "execute_result", "status"]
    count = run.content["execution_count"]
    assert run.of("execute_input") == [{"code": "21 * 2", "execution_count": count}]
    assert run.of("execute_result")[0]["execution_count"] == count
    assert run.result == "42"


def test_silent_publishes_nothing_and_counts_nothing(shared: Kernel):
    before = shared.execute("0").content["execution_count"]
    run = shared.execute("console.log('x'); display('y'); 5", silent=True)
    assert [m["msg_type"] for m in run.messages] == ["status", "status"]
    assert shared.execute("0").content["execution_count"] == before + 1


def test_store_history_false_is_not_in_the_history(shared: Kernel):
    shared.execute("'kept in history'")
    shared.execute("'not kept in history'", store_history=False)
    found = shared.request("shell", "history_request", {"hist_access_type": "search", "pattern": "'*kept in*"})
    assert [row[2] for row in found.content["history"]] == ["'kept in history'"]


def test_user_expressions(shared: Kernel):
    run = shared.execute("const ue = 6", user_expressions={"good": "ue * 7", "bad": "nothingThere.x"})
    good, bad = run.content["user_expressions"]["good"], run.content["user_expressions"]["bad"]
    assert (good["status"], good["data"]["text/plain"]) == ("ok", "42")
    assert (bad["status"], bad["ename"]) == ("error", "ReferenceError")


def test_stop_on_error_aborts_what_is_queued(shared: Kernel):
    for stop, expected in ((True, ["error", "aborted", "aborted"]), (False, ["error", "ok", "ok"])):
        ids = [
            # The others have to be in the queue when it fails, also on a machine that is quicker than this client.
            shared.client.execute(
                "await new Promise((r) => setTimeout(r, 300)); throw new Error('first')", stop_on_error=stop
            ),
            shared.client.execute("1"),
            shared.client.execute("2"),
        ]
        replies = [shared.client.get_shell_msg(timeout=20) for _ in ids]
        assert [r["parent_header"]["msg_id"] for r in replies] == ids
        assert [r["content"]["status"] for r in replies] == expected
        for each in ids:
            assert shared.until_idle(each)[0]["content"]["execution_state"] == "busy"


def test_cells_sent_after_the_error_reply_are_not_aborted(shared: Kernel):
    for _ in range(20):
        assert shared.execute("throw new Error('x')").content["status"] == "error"
        assert shared.execute("'runs'").content["status"] == "ok"


def test_errors_have_name_message_and_a_traceback_into_the_cell(shared: Kernel):
    run = shared.execute("const fine = 1;\nfunction fail(): never {\n  throw new RangeError('too far');\n}\nfail();")
    error = run.of("error")[0]
    assert (error["ename"], error["evalue"]) == ("RangeError", "too far")
    assert (run.content["ename"], run.content["evalue"]) == ("RangeError", "too far")
    trace = "\n".join(error["traceback"])
    assert ":3:" in trace and ":5:" in trace
    assert "node:" not in trace and "runtime" not in trace


# ------------------------------------------------------------------------------------------------ questions about code


def complete(kernel: Kernel, code: str) -> Run:
    """Asks as a person does: again, if TypeScript's server was not up in time."""
    end = time.monotonic() + 60
    while True:
        run = kernel.request("shell", "complete_request", {"code": code, "cursor_pos": len(code)})
        if run.content["matches"] or time.monotonic() > end:
            return run


def test_complete(shared: Kernel):
    shared.execute("const zooKeeper = { feed: 1, clean: 2 };")
    run = complete(shared, "zooKeeper.")
    assert {"feed", "clean"} <= set(run.content["matches"])
    assert (run.content["cursor_start"], run.content["cursor_end"]) == (10, 10)
    types = {t["text"]: t["type"] for t in run.content["metadata"]["_jupyter_types_experimental"]}
    assert types["feed"] == "property"


def test_complete_counts_code_points(shared: Kernel):
    code = "'😀😀'; Math.ma"
    run = complete(shared, code)
    assert "max" in run.content["matches"]
    assert code[run.content["cursor_start"] : run.content["cursor_end"]] == "ma"


def test_complete_and_inspect_answer_while_a_cell_runs(shared: Kernel):
    running = shared.client.execute("console.log('on'); for (;;);")
    shared.wait_for_output(running)
    assert "max" in complete(shared, "Math.ma").content["matches"]
    inspect = shared.request("shell", "inspect_request", {"code": "Math.max", "cursor_pos": 8, "detail_level": 0})
    assert inspect.content["found"] is True
    shared.request("control", "interrupt_request", {})
    assert shared.finish(running).content["ename"] == "Interrupted"


@pytest.mark.parametrize("level", [0, 1])
def test_inspect_with_detail_levels(shared: Kernel, level: int):
    shared.execute("/** First words.\n *\n * Last words. */\nfunction documented(n: number) { return n; }")
    run = shared.request(
        "shell", "inspect_request", {"code": "documented", "cursor_pos": 5, "detail_level": level}
    )
    text = run.content["data"]["text/plain"]
    assert run.content["found"] is True
    assert "n: number" in text and "First words." in text
    assert ("Last words." in text) == (level == 1)


def test_inspect_shows_the_current_value_without_running_getters(shared: Kernel):
    shared.execute("let looked = 0; const seen = { n: 41, get trap() { looked++; return 1; } };")
    run = shared.request("shell", "inspect_request", {"code": "seen.n", "cursor_pos": 6, "detail_level": 0})
    assert "41" in run.content["data"]["text/plain"]
    shared.request("shell", "inspect_request", {"code": "seen.trap", "cursor_pos": 9, "detail_level": 0})
    shared.request("shell", "complete_request", {"code": "seen.trap.", "cursor_pos": 10})
    assert shared.execute("looked").result == "0"


def test_is_complete_with_indent(shared: Kernel):
    answers = {
        code: shared.request("shell", "is_complete_request", {"code": code}).content
        for code in ("1", "if (true) {", "const = 1")
    }
    assert answers["1"]["status"] == "complete"
    assert answers["if (true) {"]["status"] == "incomplete"
    assert answers["if (true) {"]["indent"].strip() == "" != answers["if (true) {"]["indent"]
    assert answers["const = 1"]["status"] == "invalid"


# ------------------------------------------------------------------------------------------------ history


def test_history_tail_range_search_unique_n_and_outputs(kernel: Kernel):
    for code in ("'h1'", "'h2'", "'h1'"):
        kernel.execute(code)

    def rows(**content):
        return kernel.request("shell", "history_request", {"raw": True, **content}).content["history"]

    tail = rows(hist_access_type="tail", n=2, output=True)
    assert [row[1:] for row in tail] == [[2, ["'h2'", "'h2'"]], [3, ["'h1'", "'h1'"]]]
    session = tail[0][0]
    assert rows(hist_access_type="range", session=0, start=2, stop=4) == [[session, 2, "'h2'"], [session, 3, "'h1'"]]
    assert [row[1] for row in rows(hist_access_type="search", pattern="'h?'")] == [1, 2, 3]
    assert [row[1] for row in rows(hist_access_type="search", pattern="'h?'", unique=True)] == [2, 3]
    assert [row[1] for row in rows(hist_access_type="search", pattern="'h?'", n=1)] == [3]


def test_history_is_kept_across_sessions(tmp_path):
    env = {"TENSORCELL_HISTORY": str(tmp_path / "history.sqlite")}
    with start_kernel(env=env) as first:
        first.execute("'from the first session'")
    with start_kernel(env=env) as second:
        run = second.request("shell", "history_request", {"hist_access_type": "tail", "n": 1})
    assert run.content["history"] == [[1, 1, "'from the first session'"]]


# ------------------------------------------------------------------------------------------------ comms


def test_comm_open_msg_close_both_ways_with_buffers(kernel: Kernel):
    run = kernel.execute(
        """
        const comm = comms.open('target', { a: 1 });
        comm.send({ b: 2 }, { buffers: [new Uint8Array([1, 2, 3])] });
        comm.onMessage((data, buffers) => comm.send({ heard: data, bytes: buffers.map((b) => b.byteLength) }));
        """
    )
    opened, sent = [m for m in run.messages if m["msg_type"].startswith("comm_")]
    assert opened["content"] == {"comm_id": opened["content"]["comm_id"], "target_name": "target", "data": {"a": 1}}
    assert [bytes(b) for b in sent["buffers"]] == [b"\1\2\3"]
    comm_id = opened["content"]["comm_id"]
    message = kernel.client.session.msg("comm_msg", {"comm_id": comm_id, "data": "hi"})
    kernel.client.session.send(kernel.client.shell_channel.socket, message, buffers=[b"12345"])
    while True:
        answer = kernel.client.get_iopub_msg(timeout=20)
        if answer["msg_type"] == "comm_msg":
            break
    assert answer["content"]["data"] == {"heard": "hi", "bytes": [5]}
    info = kernel.request("shell", "comm_info_request", {"target_name": "target"})
    assert info.content["comms"] == {comm_id: {"target_name": "target"}}
    closed = kernel.execute("comm.close()")
    assert closed.of("comm_close")[0]["comm_id"] == comm_id
    assert kernel.request("shell", "comm_info_request", {}).content["comms"] == {}


def test_a_comm_to_an_unknown_target_is_closed(kernel: Kernel):
    kernel.send("shell", "comm_open", {"comm_id": "lost", "target_name": "nobody", "data": {}})
    while True:
        message = kernel.client.get_iopub_msg(timeout=20)
        if message["msg_type"] == "comm_close":
            break
    assert message["content"]["comm_id"] == "lost"


# ------------------------------------------------------------------------------------------------ control


def test_kernel_info_on_shell_and_control_with_supported_features(shared: Kernel):
    shell = shared.request("shell", "kernel_info_request", {})
    control = shared.request("control", "kernel_info_request", {})
    assert shell.content == control.content
    assert shell.content["supported_features"] == ["kernel subshells"]
    assert shell.content["protocol_version"] == "5.5"


def test_debug_requests_are_answered_as_not_supported(shared: Kernel):
    run = shared.request("control", "debug_request", {"type": "request", "seq": 1, "command": "debugInfo"})
    assert run.content["success"] is False and run.content["request_seq"] == 1
    assert run.states == ["busy", "idle"]


@pytest.mark.parametrize("restart", [False, True])
def test_shutdown_says_whether_it_is_a_restart(restart: bool):
    with start_kernel() as kernel:
        run = kernel.request("control", "shutdown_request", {"restart": restart})
        assert run.content == {"status": "ok", "restart": restart}
        end = time.monotonic() + 20
        while kernel.manager.is_alive() and time.monotonic() < end:
            time.sleep(0.02)
        assert not kernel.manager.is_alive()


def test_restart_through_the_manager(kernel: Kernel):
    kernel.execute("const gone = 1;")
    kernel.manager.restart_kernel(now=False)
    kernel.client.wait_for_ready(timeout=60)
    assert kernel.execute("typeof gone").result == "'undefined'"
    assert kernel.execute("1").content["execution_count"] == 2


def test_interrupt_request(kernel: Kernel):
    running = kernel.client.execute("console.log('on'); for (;;);")
    kernel.wait_for_output(running)
    assert kernel.request("control", "interrupt_request", {}).content == {"status": "ok"}
    assert kernel.finish(running).content["ename"] == "Interrupted"


# ------------------------------------------------------------------------------------------------ output


def test_streams(shared: Kernel):
    run = shared.execute("console.log('out'); console.error('err')")
    assert (run.text("stdout"), run.text("stderr")) == ("out\n", "err\n")


def test_display_update_and_clear(shared: Kernel):
    run = shared.execute("const d = display.html('<i>a</i>'); d.update.html('<i>b</i>'); clearOutput();")
    shown, updated = run.of("display_data")[0], run.of("update_display_data")[0]
    assert shown["data"]["text/html"] == "<i>a</i>" and updated["data"]["text/html"] == "<i>b</i>"
    assert shown["transient"]["display_id"] == updated["transient"]["display_id"]
    assert run.of("clear_output") == [{"wait": False}]


def test_late_output_carries_the_parent_of_its_cell(kernel: Kernel):
    first = kernel.execute("setTimeout(() => console.log('late'), 500); 0")
    second = kernel.execute("await new Promise((resolve) => setTimeout(resolve, 1000)); console.log('second')")
    assert second.text() == "second\n"
    assert kernel.iopub(first.id)["content"] == {"name": "stdout", "text": "late\n"}


def test_all_that_a_cell_awaited_comes_before_its_idle(shared: Kernel):
    run = shared.execute(
        "await Promise.all([30, 10, 20].map(async (ms) => {"
        " await new Promise((resolve) => setTimeout(resolve, ms)); console.log(ms); }));"
    )
    assert run.text() == "10\n20\n30\n"


def test_two_queued_cells_never_mix(shared: Kernel):
    ids = [
        shared.client.execute(f"for (let i = 0; i < 2000; i++) console.log('{name} ' + i)") for name in ("a", "b")
    ]
    for name, each in zip(("a", "b"), ids):
        run = shared.finish(each)
        assert run.text() == "".join(f"{name} {i}\n" for i in range(2000))


def test_iopub_welcomes_every_subscription(shared: Kernel):
    socket = shared.client.connect_iopub()
    try:
        assert socket.poll(20_000)
        own = Session(key=shared.client.session.key)
        _, message = own.feed_identities(socket.recv_multipart())
        welcome = own.deserialize(message)
        assert (welcome["msg_type"], welcome["content"]) == ("iopub_welcome", {"subscription": ""})
        assert welcome["parent_header"] == {}
    finally:
        socket.close()


# ------------------------------------------------------------------------------------------------ stdin


def test_input_request_with_password(kernel: Kernel):
    running = kernel.client.execute("(await input('Secret: ', { password: true })).toUpperCase()", allow_stdin=True)
    question = kernel.client.get_stdin_msg(timeout=20)
    assert question["content"] == {"prompt": "Secret: ", "password": True}
    assert question["parent_header"]["msg_id"] == running
    kernel.client.input("abc")
    assert kernel.finish(running).result == "'ABC'"


@pytest.mark.parametrize("code", ["await input('x')", "prompt('x')", "confirm('x')"])
def test_without_stdin_questions_throw_at_once(shared: Kernel, code: str):
    run = shared.execute(code, allow_stdin=False)
    assert run.content["status"] == "error"


# ------------------------------------------------------------------------------------------------ subshells


def test_a_subshell_runs_a_cell_while_another_awaits(kernel: Kernel):
    subshell = kernel.request("control", "create_subshell_request", {}).content["subshell_id"]
    assert kernel.request("control", "list_subshell_request", {}).content["subshell_id"] == [subshell]
    waiting = kernel.client.execute("console.log('on'); await new Promise((resolve) => { globalThis.go = resolve; });")
    kernel.wait_for_output(waiting)
    content = {"code": "globalThis.go(); 'beside'", "silent": False}
    beside = kernel.request("shell", "execute_request", content, header={"subshell_id": subshell})
    assert beside.result == "'beside'"
    kernel.finish(waiting)
    gone = kernel.request("control", "delete_subshell_request", {"subshell_id": subshell})
    assert gone.content == {"status": "ok"}
    assert kernel.request("control", "list_subshell_request", {}).content["subshell_id"] == []


# ------------------------------------------------------------------------------------------------ what is wrong


@pytest.mark.parametrize(
    "msg_type",
    ["execute_request", "complete_request", "inspect_request", "history_request", "is_complete_request"],
)
def test_a_bad_request_gets_busy_an_error_and_idle(shared: Kernel, msg_type: str):
    run = shared.request("shell", msg_type, {"code": 5, "hist_access_type": 5})
    assert run.content["status"] == "error"
    assert run.states == ["busy", "idle"]


def test_wrong_signatures_replays_and_unknown_types_get_no_answer(kernel: Kernel):
    forger = Session(key=b"not the key")
    socket = kernel.client.shell_channel.socket
    forger.send(socket, "execute_request", {"code": "console.log('forged')"})
    kernel.send("shell", "make_coffee_request", {})
    socket.send_multipart([b"garbage"])
    socket.send_multipart([b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"{}"])
    message = kernel.client.session.msg("execute_request", {"code": "globalThis.n = (globalThis.n ?? 0) + 1; n"})
    frames = kernel.client.session.serialize(message)
    socket.send_multipart(frames)
    assert kernel.finish(message["header"]["msg_id"]).result == "1"
    socket.send_multipart(frames)
    assert kernel.execute("n").result == "1"
    with pytest.raises(Empty):
        kernel.client.get_shell_msg(timeout=0.3)


def test_bad_json_with_a_right_signature_is_dropped(kernel: Kernel):
    session = kernel.client.session
    header = json.dumps(session.msg("execute_request", {})["header"], default=str).encode()
    parts = [header, b"{}", b"{}", b'{"code": "1"']
    kernel.client.shell_channel.socket.send_multipart([b"<IDS|MSG>", session.sign(parts), *parts])
    assert kernel.execute("1").result == "1"


# ------------------------------------------------------------------------------------------------ transports


def test_ipc_transport():
    with start_kernel(transport="ipc") as kernel:
        assert kernel.execute("1").result == "1"
        assert kernel.client.hb_channel.is_alive()


def test_curve_encryption_as_jupyter_client_sets_it_up():
    with start_kernel(transport_encryption="required") as kernel:
        info = json.loads(open(kernel.manager.connection_file).read())
        assert len(info["curve_publickey"]) == 40
        assert kernel.execute("1").result == "1"


def test_the_heartbeat_beats_while_a_cell_is_busy(kernel: Kernel):
    kernel.client.hb_channel.unpause()
    running = kernel.client.execute("const stop = Date.now() + 2500; while (Date.now() < stop);")
    for _ in range(20):
        time.sleep(0.1)
        assert kernel.client.hb_channel.is_beating()
    kernel.finish(running)
