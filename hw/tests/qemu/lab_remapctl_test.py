#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""remapctl attached to a QEMU that runs (docs/laboratory.md): what it changes has its effect on the machine, what it
shows is what the machine did and what its tables say, and neither side minds how the other one ends.

usage: lab_remapctl_test.py QEMU REMAPCTL [CASE]"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from random import Random

from gpu import HALTED, IDLE, fill
from laboratory import FRAME, LOGICAL, Laboratory, OTHER, RING, Remapctl, rule, text_of
from machine import MIB, wait_until
from tap import case, expect, expect_equal, main
from vtd import PAGE, QIE

REMAPCTL = sys.argv[2]
GPU = "00:03.0"
NO_WRITES = rule("dma", {"refuse": True}, name="no writes", access="write", device=GPU)
SECOND_STAGE_LEVEL_1 = "second-stage entry of level 1"


def attached(machine):
    return Remapctl(REMAPCTL, "-m", machine.name)


def run_fill(machine, address=LOGICAL):
    return machine.run(fill(address, 8, 0x11111111))


def listed(name):
    """Of a machine, as the list says; whoever lists machines removes dead ones, tests beside this one too."""
    machines = {entry["name"]: entry for entry in Remapctl(REMAPCTL).json("list")}
    return machines.get(name, {"state": "removed"})


def refused(machine, *arguments, text=None, code=1):
    """What it says when the answer is no: one problem, in words."""
    said = attached(machine).call(*arguments, text=text, code=code).stderr
    expect(said.startswith("remapctl: "), said)
    return said


@case
def a_machine_is_listed_as_long_as_it_runs():
    with Laboratory() as machine:
        found, name = listed(machine.name), machine.name
        expect_equal([found["state"], found["pid"]], ["running", machine.process.pid], "state and process")
        expect(time.time() - 600 < found["started"] / 1e9 <= time.time(), f"when it began: {found['started']}")
        expect(name in Remapctl(REMAPCTL).call("list").stdout, "its name is in the table")
    expect(not os.path.exists(f"/dev/shm/remaplab-lab-{name}"), "it has left something")
    expect_equal(listed(name)["state"], "removed", "state")


@case
def what_a_killed_machine_has_left_is_removed_and_its_name_is_free():
    name = f"killed-{os.getpid()}"
    machine = Laboratory(unit=f"lab={name}")
    machine.__enter__()
    expect_equal(listed(name)["pid"], machine.process.pid, "the process of its name")
    machine.end(False)  # SIGKILL: its segment is left, unless somebody has asked for a list already
    with Laboratory(unit=f"lab={name}") as machine:
        expect_equal(listed(name)["pid"], machine.process.pid, "the process of its name")
        expect_equal(Remapctl(REMAPCTL, "-m", name).json("rules", "show")["rules"], [], "rules")
        machine.process.kill()
        machine.process.wait()
        said = Remapctl(REMAPCTL, "-m", name).call("rules", "show", code=1).stderr
        expect(said.startswith("remapctl: "), said)
        expect_equal(listed(name)["state"], "removed", "state")
        expect(not os.path.exists(f"/dev/shm/remaplab-lab-{name}"), "it is still there")
        machine.quit = lambda: None  # nobody is there to be asked


@case
def rules_come_and_go_while_the_machine_works():
    with Laboratory() as machine, tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        tool = attached(machine)
        expect_equal(run_fill(machine), IDLE, "without a rule")
        file.write(text_of(NO_WRITES, seed=9))
        file.flush()
        expect_equal(tool.call("rules", "add", file.name).stdout, "1 rules added\n", "what it says")
        expect_equal([run_fill(machine) for _ in range(3)], [HALTED] * 3, "with a rule")
        shown = tool.json("rules", "show")
        expect_equal([shown["seed"], [one["rule"] for one in shown["rules"]]], [9, [NO_WRITES]], "seed and rules")
        one = shown["rules"][0]
        expect_equal([one["matched"], one["acted"], one["injected"]], [3, 3, 3], "met, acted, injected")
        expect("met 3 times, acted 3 times" in tool.call("rules", "show").stdout, "in the text")
        expect_equal(json.loads(machine.ask("rules"))["rules"], [NO_WRITES], "as QMP has them")
        tool.call("rules", "add", "-", text=text_of(rule("packet", {"hang": True}, name="never", nth=100)))
        expect_equal(tool.call("rules", "remove", "no writes").stdout, "1 rules removed\n", "what it says")
        expect_equal(run_fill(machine), IDLE, "without the rule")
        expect_equal(tool.call("rules", "remove", "--all").stdout, "1 rules removed\n", "what it says")
        expect_equal(tool.json("rules", "show")["rules"], [], "rules")
        tool.expect_injections(machine, 3)
        gone = {one["name"]: one for one in tool.json("account")["rules"]}
        expect_equal([gone["no writes"][key] for key in ("removed", "matched", "injected", "traced")],
                     [True, 3, 3, 3], "the account of a rule that is gone")


@case
def what_makes_no_sense_is_refused_with_its_place_and_changes_nothing():
    with Laboratory(NO_WRITES) as machine:
        good = text_of(rule("packet", {"hang": True}, name="another"))
        for text, words in (
                ('{"rules": [\n{"name": "a", "when": {"on": "dma"}, "do": {"explode": true}}]}', "standard input:2:"),
                (good[:-2], "standard input:1:"), ("", "standard input:1:"), ("[" * 60000, "standard input:1:"),
                (text_of(NO_WRITES), "no writes"), ("\x00" * 100, "standard input:1:"),
                (text_of(*(rule("dma", {"refuse": True}, name=f"rule {n}") for n in range(300))), "256"),
                (good + " " * 70000, "at most 65536 bytes")):
            said = refused(machine, "rules", "add", "-", text=text)
            expect(words in said, f"{words} is not in {said}")
        expect("other" in refused(machine, "rules", "remove", "other"), "a rule that there is not")
        refused(machine, "rules", "add", "/nowhere/at/all")
        expect_equal(json.loads(machine.ask("rules"))["rules"], [NO_WRITES], "rules")
        expect_equal(run_fill(machine), HALTED, "the rule is still there")
        machine.expect_injections(1)


@case
def another_machines_name_is_refused():
    with Laboratory() as machine:
        impossible = "no machine can have"
        for name, words, code in (("nobody-has-this-name", "remapctl list", 1), ("", "it is empty", 2),
                                  ("../" + machine.name, impossible, 1), (machine.name + "/", impossible, 1),
                                  ("x" * 300, impossible, 1)):
            said = Remapctl(REMAPCTL, "-m", name).call("rules", "add", "-", text=text_of(NO_WRITES), code=code).stderr
            expect(words in said, f"{words} is not in {said}")
        Remapctl(REMAPCTL, "--file", "/dev/null").call("trace", code=1)
        expect_equal(run_fill(machine), IDLE, "no rule has come to this machine")


@case
def the_trace_shows_what_was_done_and_what_was_injected():
    with Laboratory() as machine:
        tool = attached(machine)
        expect("The trace is off" in tool.call("trace").stderr, "it is said that the trace is off")
        tool.call("trace", "on")
        expect_equal(machine.ask("trace"), True, "trace")
        tool.call("rules", "add", "-", text=text_of(rule("dma", {"flip-bit": 12}, access="write", nth=2)))
        expect_equal([run_fill(machine), run_fill(machine, LOGICAL + PAGE)], [IDLE, IDLE], "states")
        expect_equal([machine.read64(FRAME), machine.read64(FRAME + PAGE)], [0x1111111111111111, 0x1111111111110111],
                     "memory")
        writes = [event for event in tool.events("dma") if "write" in event["flags"]]
        expect_equal([[event[key] for key in ("device", "address", "result", "length")] for event in writes],
                     [[GPU, LOGICAL, FRAME, 8], [GPU, LOGICAL + PAGE, FRAME + PAGE, 8]], "writes")
        expect_equal(["tampered" in event["flags"] for event in writes], [False, True], "which the rule had part in")
        [injection] = tool.events("injection")
        expect_equal([injection[key] for key in ("device", "address", "detail")], [GPU, LOGICAL + PAGE, 1], "injection")
        tool.expect_injections(machine, 1)
        expect_equal(len(tool.events()), machine.ask("trace-records"), "all that was written is shown")
        line = tool.call("trace", "--kind", "injection", "--device", GPU).stdout
        expect(f"injection {GPU} rule {injection['code']}, 1 times, on dma" in line, line)
        expect_equal(tool.call("trace", "--device", "00:1f.0").stdout, "", "of another device")
        tool.call("trace", "off")
        run_fill(machine)
        expect_equal(len(tool.events("packet")), 2, "packets while it was on")


@case
def tables_in_the_guests_memory_are_shown_and_explained():
    with Laboratory() as machine:
        tool = attached(machine)
        where = ("tables", "--device", GPU)
        runs = tool.json(*where)["runs"]
        expect_equal([[int(run[key], 16) for key in ("first", "bytes", "physical", "leaf")] for run in runs],
                     [[RING, 2 * MIB, RING, 2 * MIB], [LOGICAL, 4 * PAGE, FRAME, PAGE]], "runs")
        machine.write64(machine.leaf(2), FRAME | 1)
        expect(f"{LOGICAL + 2 * PAGE:#014x}-{LOGICAL + 3 * PAGE - 1:#014x}      4 KiB  -> {FRAME:#014x}  r-"
               in tool.call(*where).stdout, "the entry as it is now")
        why = ("explain", hex(LOGICAL + 2 * PAGE), "--device", GPU)
        expect_equal(tool.json(*why)["allowed"], True, "a read")
        answer = tool.json(*why, "--write")
        expect_equal([answer["allowed"], answer["reason"]], [False, 5], "a write")
        last = answer["steps"][-1]
        expect_equal([last["entry"], last["address"], last["words"]],
                     [SECOND_STAGE_LEVEL_1, hex(machine.leaf(2)), [hex(FRAME | 1)]], "the last step")
        expect("lacks the right to write" in answer["advice"], answer["advice"])
        expect_equal(run_fill(machine, LOGICAL + 2 * PAGE), HALTED, "as it was said")
        wait_until(lambda: machine.unit.get(0x34) & 2, "a fault is recorded")
        expect_equal(machine.unit.get(0x228, 8) >> 32 & 0xff, answer["reason"], "its reason")
        said = tool.call("explain", hex(LOGICAL), "--device", "00:1f.0").stdout
        expect("refused: fault 0x2" in said, f"a device that has no context: {said}")


@case
def an_invalidation_that_is_missing_is_explained():
    with Laboratory() as machine:
        tool = attached(machine)
        expect_equal(run_fill(machine), IDLE, "the page is known")
        why = ("explain", hex(LOGICAL), "--device", GPU, "--write")
        expect_equal(tool.json(*why)["stale"], None, "what caches say otherwise")
        machine.unit.map_page(machine.top, LOGICAL, OTHER)
        said = tool.call(*why).stdout
        for words in (f"=> allowed: physical address {OTHER:#x}",
                      f"!! the IOTLB still says: allowed: physical address {FRAME:#x}",
                      "invalidate the IOTLB for domain 1"):
            expect(words in said, f"{words} is not in {said}")
        machine.unit.invalidate()
        expect_equal(tool.json(*why)["stale"], None, "what caches say otherwise")


@case
def a_trace_is_exported_and_becomes_a_page():
    with tempfile.TemporaryDirectory() as folder:
        segment, page, trace = (os.path.join(folder, name) for name in ("segment", "page.html", "run.pftrace"))
        with Laboratory(NO_WRITES, unit=f"lab-file={segment},trace=on") as machine:
            tool = Remapctl(REMAPCTL, "--file", segment)
            expect_equal([run_fill(machine), run_fill(machine)], [HALTED] * 2, "states")
            tool.expect_injections(machine, 2)
            events = len(tool.events())
            for command, path in (("page", page), ("export", trace)):
                expect(f"{events} events written, 0 lost" in tool.call(command, "--output", path).stderr, command)
            with open(page, encoding="utf-8") as file:
                data = json.loads(file.read().split('type="application/json">')[1].split("</script>")[0])
            expect_equal([[one["name"], one["seen"]] for one in data["rules"]], [["no writes", 2]], "rules of the page")
            expect_equal(len(data["events"]["time"]), events, "events of the page")
            with open(trace, "rb") as file:
                written = file.read()
            expect(written[0] == 0x0a and GPU.encode() in written, "a trace of Perfetto with the device")
            said = tool.call("page", "-o", f"{folder}/no/where", code=1).stderr
            expect("cannot write" in said, said)
        expect_equal([len(tool.events()), len(tool.events("injection"))], [events, 2], "of a machine that is gone")
        expect_equal([one["traced"] for one in tool.json("account")["rules"]], [2], "its account")
        expect("the machine has ended" in tool.call("rules", "show", code=1).stderr, "who should answer")
        tool.call("export", "-o", trace)


class Follower:
    """A tool in the middle of its work: it has shown an event, and waits for more."""

    def __init__(self, machine):
        self.files = [tempfile.TemporaryFile("w+") for _ in range(2)]  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            attached(machine).command("trace", "--follow"), stdout=self.files[0], stderr=self.files[1])
        wait_until(lambda: os.fstat(self.files[0].fileno()).st_size > 0, "it shows something")

    def end(self, signal_number=None):
        """Its status, its events and what it has said besides."""
        if signal_number:
            self.process.send_signal(signal_number)
        status = self.process.wait(30)
        texts = []
        for file in self.files:
            file.seek(0)
            texts.append(file.read())
            file.close()
        return status, texts[0].splitlines(), texts[1]


@case
def nobody_misses_a_tool_that_is_killed():
    with Laboratory(NO_WRITES, unit="lab=on,trace=on") as machine:
        for number in range(3):
            expect_equal(run_fill(machine), HALTED, "state")
            follower = Follower(machine)
            expect_equal(run_fill(machine), HALTED, "state")
            expect_equal(follower.end(signal.SIGKILL)[0], -signal.SIGKILL, "how it ended")
            expect_equal(run_fill(machine), HALTED, "state")
            attached(machine).expect_injections(machine, 3 * number + 3)
        expect_equal(machine.is_alive(), "running", "the machine")


@case
def a_tool_that_is_killed_while_it_asks_keeps_nobody_else_from_asking():
    """At any point of a command: before it has asked, while it does, while the machine answers, afterwards."""
    with Laboratory() as machine:
        tool = attached(machine)
        for step in range(40):
            asking = subprocess.Popen(tool.command("tables", "--device", GPU, "--json"), stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
            time.sleep(step * 0.0005)
            asking.send_signal(signal.SIGKILL)
            asking.wait(30)
            if step % 4 == 0:
                expect_equal(tool.json("rules", "show")["rules"], [], "rules")
        tool.call("rules", "add", "-", text=text_of(NO_WRITES))
        expect_equal(run_fill(machine), HALTED, "state")
        tool.expect_injections(machine, 1)


@case
def who_follows_sees_all_until_the_machine_ends():
    with Laboratory(NO_WRITES, unit="lab=on,trace=on") as machine:
        follower = Follower(machine)
        expect_equal([run_fill(machine) for _ in range(20)], [HALTED] * 20, "states")
        written = machine.ask("trace-records")
    status, lines, said = follower.end()
    expect_equal(status, 0, "its status")
    expect_equal(sum("  injection " in line for line in lines), 20, "injections")
    expect(len(lines) >= written, f"{written} were written, {len(lines)} shown")
    for words in (f"{len(lines)} events shown, 0 lost", "the machine has ended"):
        expect(words in said, f"{words} is not in {said}")


@case
def a_stuck_queue_goes_on_when_the_tool_takes_the_rule_away():
    with Laboratory() as machine:
        tool = attached(machine)
        machine.begin_queue()
        tool.call("rules", "add", "-", text=text_of(rule("invalidation", {"stick": True}, name="stuck")))
        machine.invalidate()
        tool.expect_injections(machine, 1)
        expect(machine.head() != machine.tail and machine.unit.get(0x1c) & QIE, "the queue stands")
        tool.call("rules", "remove", "stuck")
        wait_until(lambda: machine.head() == machine.tail, "it goes on")


@case
def two_machines_are_told_apart():
    with Laboratory() as one, Laboratory() as other:
        said = Remapctl(REMAPCTL).call("rules", "add", "-", text=text_of(NO_WRITES), code=1).stderr
        for words in ("several machines run", one.name, other.name, "-m NAME"):
            expect(words in said, f"{words} is not in {said}")
        attached(other).call("rules", "add", "-", text=text_of(NO_WRITES))
        expect_equal([run_fill(one), run_fill(other)], [IDLE, HALTED], "states")
        attached(one).expect_injections(one, 0)
        attached(other).expect_injections(other, 1)


@case
def a_machine_that_is_stopped_answers():
    with Laboratory() as machine:
        tool = attached(machine)
        machine.monitor.ask("stop")
        tool.call("rules", "add", "-", text=text_of(NO_WRITES))
        tool.call("trace", "on")
        expect_equal(len(tool.json("tables", "--device", GPU)["runs"]), 2, "runs")
        expect_equal(machine.is_alive(), "paused", "the machine")
        machine.monitor.ask("cont")
        expect_equal(run_fill(machine), HALTED, "state")
        tool.expect_injections(machine, 1)


@case
def rules_counts_and_trace_outlive_a_reset_of_the_machine():
    with Laboratory(unit="lab=on,trace=on") as machine:
        tool = attached(machine)
        tool.call("rules", "add", "-", text=text_of(NO_WRITES))
        expect_equal(run_fill(machine), HALTED, "state")
        before = len(tool.events())
        machine.reset()
        machine.set_up()
        expect_equal(run_fill(machine), HALTED, "the rule is still there")
        tool.expect_injections(machine, 2)
        events = tool.events()
        expect(len(events) > before, "the trace goes on")
        expect("reset" in [event["kind"] for event in events[before:]], "the reset is in it")
        injections = [event["detail"] for event in events if event["kind"] == "injection"]
        expect_equal(injections, [1, 2], "one after the other")


def spoil(path, size):
    """Nonsense everywhere, in no order."""
    random = Random(5)
    with open(path, "r+b", buffering=0) as file:
        for _ in range(40):
            file.seek(random.randrange(size - MIB))
            file.write(random.randbytes(MIB // 16))
        file.seek(0)
        file.write(b"\xff" * size)


@case
def a_segment_that_is_cut_off_or_spoilt_takes_nothing_from_the_machine():
    for harm, trace_goes_on in ((lambda path, _: os.truncate(path, 0), False), (spoil, True)):
        with Laboratory(unit="lab=on,trace=on") as machine:
            path = f"/dev/shm/remaplab-lab-{machine.name}"
            expect_equal(run_fill(machine), IDLE, "state")
            harm(path, os.path.getsize(path))
            expect_equal([run_fill(machine) for _ in range(5)], [IDLE] * 5, "states")
            expect("not a control segment" in refused(machine, "trace"), "what the tool says")
            machine.set_rules(NO_WRITES)
            expect_equal([run_fill(machine), machine.ask("injections")], [HALTED, 1], "with a rule")
            wait_until(lambda m=machine, on=trace_goes_on: m.ask("trace") == on, "a trace, if there is place for one")
        expect(not os.path.exists(path), "it has left something")


if __name__ == "__main__":
    main(arguments=2)
