#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Drives remapctl as people do, against machines without a guest, and reports in TAP.

usage: remapctl_test.py REMAPCTL TEST_MACHINE
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "hw/tests/qemu"))

from tap import case, main  # pylint: disable=wrong-import-position

REMAPCTL, MACHINE = sys.argv[1:3]
RULES = """{"seed": 9, "rules": [{"name": "no writes", "when": {"on": "dma", "access": "write", "every": 2},
 "do": {"refuse": true}}]}"""


class Machine:
    number = 0

    def __init__(self, file=None):
        Machine.number += 1
        self.name = f"tools-{os.getpid()}-{Machine.number}"
        self.process = subprocess.Popen([MACHINE, self.name, *([file] if file else [])], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n", line

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=20) == 0

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=20)


@contextlib.contextmanager
def machine(**options):
    made = Machine(**options)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.end()


def call(*arguments, text=None, code=0):
    done = subprocess.run([REMAPCTL, *map(str, arguments)], input=text, text=True, capture_output=True, timeout=60,
                          check=False)
    assert done.returncode == code, f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
    assert "\nremapctl" not in done.stderr, done.stderr
    return done


def expect(found, wanted):
    assert found == wanted, f"found:\n{found}\nwanted:\n{wanted}"


def expect_in(part, text):
    assert part in text, f"{part!r} is not in:\n{text}"


@case
def a_trace_in_text_is_always_the_same():
    with machine() as one:
        call("-m", one.name, "trace", "on")
        one.tell("dma 2")
        one.tell("inject 1")
        done = call("-m", one.name, "trace")
        lines = done.stdout.splitlines()
        expect(len(lines), 3)
        expect_in("0.000001000   0  dma 00:02.0 write", lines[0])
        expect_in("0.000002000   0  dma 00:02.0 write", lines[1])
        expect_in("0.000003000   3  injection", lines[2])
        expect(done.stderr, "3 events shown, 0 lost (0 overwritten before they were read, 0 never finished)\n")


@case
def what_is_lost_is_said():
    with machine() as one:
        call("-m", one.name, "trace", "on")
        one.tell("dma 3000")
        done = call("-m", one.name, "trace", "--count", 5)
        expect(len(done.stdout.splitlines()), 5)
        expect_in("1976 lost (1976 overwritten", done.stderr)


@case
def a_trace_is_filtered_and_is_json():
    with machine() as one:
        call("-m", one.name, "trace", "on")
        one.tell("dma 3")
        one.tell("inject 2")
        done = call("-m", one.name, "trace", "--json", "--kind", "injection")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        expect([event["code"] for event in events], [0, 1])
        expect(events[0]["kind"], "injection")
        expect(call("-m", one.name, "trace", "--device", "00:03.0").stdout, "")
        expect(len(call("-m", one.name, "trace", "--kind", "dma,injection").stdout.splitlines()), 5)
        [first] = call("-m", one.name, "trace", "--json", "--count", 1).stdout.splitlines()
        expect(json.loads(first), {"time": 1000, "lane": 0, "kind": "dma", "device": "00:02.0", "address": 0,
                                   "length": 64, "result": 0x7f000, "detail": 0, "code": 0, "flags": ["write"]})


@case
def a_trace_that_is_off_is_said_to_be():
    with machine() as one:
        call("-m", one.name, "trace", "on")
        one.tell("dma 1")
        call("-m", one.name, "trace", "off")
        one.tell("dma 1")
        done = call("-m", one.name, "trace")
        expect(len(done.stdout.splitlines()), 1)
        expect_in("The trace is off", done.stderr)


@case
def following_sees_all_and_ends_with_the_machine():
    with machine() as one:
        call("-m", one.name, "trace", "on")
        follower = subprocess.Popen([REMAPCTL, "-m", one.name, "trace", "--follow", "--json"], text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(5):
            one.tell("dma 100")
            time.sleep(0.05)
        time.sleep(0.3)
        one.end()
        out, err = follower.communicate(timeout=30)
        expect(len(out.splitlines()), 500)
        expect_in("500 events shown, 0 lost", err)
        expect_in("the machine has ended", err)


@case
def following_ends_with_an_interrupt_and_its_balance():
    with machine() as one:
        follower = subprocess.Popen([REMAPCTL, "-m", one.name, "trace", "-f"], text=True, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE)
        one.tell("inject 1")
        follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        out, err = follower.communicate(timeout=30)
        expect((follower.returncode, out), (0, ""))
        expect_in("1 events shown, 0 lost", err)


@case
def rules_come_and_go_and_count():
    with machine() as one, tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(RULES)
        file.flush()
        expect(call("-m", one.name, "rules", "add", file.name).stdout, "1 rules added\n")
        one.tell("dma 5")
        shown = json.loads(call("-m", one.name, "rules", "show", "--json").stdout)
        expect((shown["seed"], len(shown["rules"])), (9, 1))
        expect((shown["rules"][0]["matched"], shown["rules"][0]["acted"]), (5, 2))
        expect_in("met 5 times, acted 2 times", call("-m", one.name, "rules", "show").stdout)
        expect_in("no writes", call("-m", one.name, "rules", "add", "-", text=RULES, code=1).stderr)
        call("-m", one.name, "rules", "add", "-", text=RULES.replace("no writes", "two"))
        call("-m", one.name, "rules", "remove", "no writes")
        expect_in("other", call("-m", one.name, "rules", "remove", "other", code=1).stderr)
        expect(call("-m", one.name, "rules", "remove", "--all").stdout, "1 rules removed\n")
        expect(json.loads(call("-m", one.name, "rules", "show", "--json").stdout)["rules"], [])


@case
def a_file_with_a_mistake_adds_nothing_and_says_where():
    with machine() as one:
        text = RULES[:-2] + ', {"name": "bad", "when": {"on": "dma"}, "do": {"explode": true}}]}'
        done = call("-m", one.name, "rules", "add", "-", text=text, code=1)
        expect_in("standard input:2:", done.stderr)
        expect(json.loads(call("-m", one.name, "rules", "show", "--json").stdout)["rules"], [])
        call("-m", one.name, "rules", "add", "-", text="[" * 100_000, code=1)
        call("-m", one.name, "rules", "add", "/nowhere/at/all", code=1)


def state_of(name):
    """Of a machine, as the list says. Whoever lists machines removes dead ones, tests beside this one too: then it is
    not in ours."""
    listed = {entry["name"]: entry for entry in json.loads(call("list", "--json").stdout)}
    return listed[name]["state"] if name in listed else "removed"


@case
def machines_are_listed_and_dead_ones_removed():
    with machine() as one:
        dead = Machine()
        dead.kill()
        listed = {entry["name"]: entry for entry in json.loads(call("list", "--json").stdout)}
        expect(listed[one.name]["state"], "running")
        expect(listed[one.name]["pid"], one.process.pid)
        expect(listed.get(dead.name, {"state": "removed"})["state"], "removed")
        assert not Path(f"/dev/shm/remaplab-lab-{dead.name}").exists()
        expect_in(one.name, call("list").stdout)
        expect_in("cannot open", call("-m", dead.name, "trace", code=1).stderr)


@case
def what_a_dead_machine_left_goes_even_when_it_was_spoilt():
    dead = Machine()
    left = Path(f"/dev/shm/remaplab-lab-{dead.name}")
    left.write_bytes(b"\xff" * 8192)
    dead.kill()
    expect(state_of(dead.name), "unusable")  # it may be one that is about to begin
    os.utime(left, (time.time() - 60, time.time() - 60))
    expect(state_of(dead.name), "removed")
    assert not left.exists()


@case
def a_file_is_read_after_the_machine_is_gone():
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/a.lab"
        with machine(file=file) as one:
            call("--file", file, "trace", "on")
            one.tell("dma 4")
            time.sleep(0.2)
            one.kill()
        expect(len(call("--file", file, "trace").stdout.splitlines()), 4)
        top = json.loads(call("--file", file, "top", "--json").stdout)
        expect({row["device"]: row["translations"] for row in top["devices"]}["00:02.0"], 4)
        expect_in("the machine has ended", call("--file", file, "rules", "show", code=1).stderr)
        with open(file, "r+b") as damaged:
            damaged.write(b"\xff" * 200)
        expect_in("not a control segment", call("--file", file, "trace", code=1).stderr)


@case
def top_shows_what_devices_do():
    with machine() as one:
        one.tell("dma 1")
        time.sleep(0.2)
        looking = subprocess.Popen([REMAPCTL, "-m", one.name, "top", "--once", "--json", "--interval", "1.5"],
                                   text=True, stdout=subprocess.PIPE)
        time.sleep(0.5)
        one.tell("dma 10")
        seen = json.loads(looking.communicate(timeout=30)[0])
        rows = {row["device"]: row for row in seen["devices"]}
        expect((rows["00:02.0"]["translations"], rows["00:02.0"]["written-bytes"]), (10, 640))
        table = call("-m", one.name, "top", "--once", "--interval", "0.1").stdout.splitlines()
        expect(table[0], f"{one.name}, by second")
        expect([line.split()[0] for line in table[1:]], ["DEVICE", "00:02.0", "unit"])


@case
def a_segment_that_is_cut_off_crashes_nobody():
    with machine() as one:
        call("-m", one.name, "trace", "on")
        follower = subprocess.Popen([REMAPCTL, "-m", one.name, "trace", "-f"], text=True, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE)
        one.tell("dma 1")
        follower.stdout.readline()
        one.tell("cut 0")
        one.tell("dma 10000")
        one.end()
        follower.communicate(timeout=30)
        assert follower.returncode in (0, 1), follower.returncode


@case
def a_trace_becomes_a_file_for_perfetto_and_a_page():
    with tempfile.TemporaryDirectory() as folder:
        segment, page, trace = (f"{folder}/{name}" for name in ("segment", "page.html", "run.pftrace"))
        with machine(file=segment) as one:
            call("--file", segment, "trace", "on")
            one.tell("dma 5")
            one.tell("inject 2")
            expect_in("7 events written, 0 lost", call("--file", segment, "page", "--output", page).stderr)
            shown = Path(page).read_text(encoding="utf-8")
            data = json.loads(shown.split('type="application/json">')[1].split("</script>")[0])
            expect(data["machine"], one.name)
            expect(len(data["events"]["time"]), 7)
            expect([rule["seen"] for rule in data["rules"]], [1, 1])
        for _ in range(2):  # of a machine that is gone; what was there is replaced
            expect_in("7 events written", call("--file", segment, "export", "-o", trace).stderr)
        written = Path(trace).read_bytes()
        expect(written[0], 0x0a)  # Trace.packet
        expect(written.count(b"DMA throughput"), 1)
        expect(subprocess.run([REMAPCTL, "--file", segment, "export"], capture_output=True, timeout=60,
                              check=True).stdout, written)
        expect_in("cannot write", call("--file", segment, "page", "-o", f"{folder}/no/where", code=1).stderr)


@case
def an_access_is_explained():
    with machine() as one:
        said = call("-m", one.name, "explain", "0x1010", "--device", "00:02.0", "--pasid", 0, "--write").stdout
        expect(said.splitlines()[0], "write to 0x1010 by 00:02.0, PASID 0")
        expect_in("second-stage entry of level 1 (9.8) at 0x33008\n    0x0000000000156001\n", said)
        expect(said.splitlines()[-1], "The second-stage entry of level 1 at 0x33008 lacks the right to write: map the "
                                      "page with that right, then invalidate the IOTLB for domain 7.")
        answer = json.loads(call("-m", one.name, "explain", "4096", "--device", "00:02.0", "--json").stdout)
        expect((answer["allowed"], answer["owner"]), (True, "object 0x2a (MDL, 8 KiB)"))
        one.tell("use 1")
        one.tell("unmap 1")
        said = call("-m", one.name, "explain", "0x1000", "--device", "00:02.0", "--pasid", 0).stdout
        expect_in("!! the IOTLB still says: allowed: physical address 0x156000", said)
        expect_in("An invalidation is missing, or not done yet: invalidate the IOTLB for domain 7", said)
        expect_in("interrupt remapping is off",
                  call("-m", one.name, "explain", "0xfee00000", "--device", "00:02.0", "--data", "0x31").stdout)
        expect_in("device", call("-m", one.name, "explain", "0", "--device", "second", code=1).stderr)
        call("-m", one.name, "explain", "--device", "00:02.0", code=2)
        call("-m", one.name, "explain", "0", "--device", "00:02.0", "--asks", "--translated", code=2)


@case
def what_a_device_reaches_is_shown():
    with machine() as one:
        said = call("-m", one.name, "tables", "--device", "00:02.0", "--to", "0x1fffff").stdout
        expect(said, """device 00:02.0, without PASID: second stage, domain 7
0x000000000000-0x000000000fff      4 KiB  -> 0x000000155000  rw  4 KiB pages  object 0x2a (MDL, 8 KiB)
0x000000001000-0x000000001fff      4 KiB  -> 0x000000156000  r-  4 KiB pages  object 0x2a (MDL, 8 KiB)
0x000000002000-0x000000002fff      4 KiB  -> 0x000000157000  -w  4 KiB pages
""")
        answer = json.loads(call("-m", one.name, "tables", "--device", "00:02.0", "--pasid", 2, "--json").stdout)
        expect([run["physical"] for run in answer["runs"]], ["0x355000", "0x356000", "0x357000", "0x355000",
                                                             "0x800000"])
        expect_in("cut off at 0x1000",
                  call("-m", one.name, "tables", "--device", "00:02.0", "--limit", 1).stdout)
        expect_in("limit", call("-m", one.name, "tables", "--device", "00:02.0", "--limit", "many", code=1).stderr)


@case
def mistakes_on_the_command_line_are_explained():
    expect_in("no kind \"dmaa\"", call("trace", "--kind", "dmaa", code=2).stderr)
    expect_in("00:02.0", call("trace", "--device", "second", code=2).stderr)
    call("rules", code=2)
    call("rules", "remove", code=2)
    call("--file", "x", "-m", "y", "list", code=2)
    expect_in("no machine can have the name", call("-m", "a/b", "trace", code=1).stderr)
    expect_in("remapctl list", call("-m", "nobody-has-this-name", "trace", code=1).stderr)
    for target in ("-m", "--file"):
        expect_in("it is empty", call(target, "", "trace", code=2).stderr)
    call("--help")


main(arguments=2)
