# SPDX-License-Identifier: MIT
"""Makes the runs that are missing, several at a time. What counts as made is a run's result.json and nothing else, so
that a campaign can be ended at any moment, and several can work in one folder."""

import concurrent.futures
import fcntl
import json
import sys
import threading
import time

import machine


class Claim:
    """A run that this process makes. The kernel gives it back when the process ends."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.file = open(folder / "claim", "w", encoding="utf-8")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.mine = True
        except BlockingIOError:
            self.mine = False

    def __enter__(self):
        return self.mine

    def __exit__(self, *_):
        self.file.close()


def read_result(folder):
    """None when the run was not made, or its result is not whole: it is made again."""
    try:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and "outcome" in result else None


class Progress:
    """One line that is renewed on a terminal, and now and then a line elsewhere."""

    def __init__(self, total, done, stream=sys.stderr):
        self.total, self.done, self.stream = total, done, stream
        self.before, self.begin, self.shown = done, time.monotonic(), 0.0
        self.lock = threading.Lock()

    def step(self, result):
        with self.lock:
            self.done += 1
            terminal = self.stream.isatty()
            now = time.monotonic()
            if now - self.shown < (0.2 if terminal else 15) and self.done < self.total:
                return
            self.shown = now
            pace = (now - self.begin) / (self.done - self.before)
            left = int(pace * (self.total - self.done))
            text = f"{self.done} of {self.total} runs, {left // 60}:{left % 60:02} left; {result['outcome']}: {result['title']}"
            self.stream.write(f"\r\033[K{text}" if terminal else f"{text}\n")
            if terminal and self.done == self.total:
                self.stream.write("\n")
            self.stream.flush()


def folder_of(root, run):
    return root / "runs" / run.name


def make_one(tools, plan, root, run):
    """None: another process is at it."""
    folder = folder_of(root, run)
    with Claim(folder) as mine:
        if not mine:
            return None
        result = read_result(folder)
        if result is None:
            result = machine.make(tools, plan, run, folder, root / "rules" / run.rules if run.rules else None)
            machine.keep_little(folder, result)
        return result


def make_missing(tools, plan, root, runs, jobs):
    """All results of these runs but those that another process makes meanwhile."""
    missing = [run for run in runs if read_result(folder_of(root, run)) is None]
    progress = Progress(len(runs), len(runs) - len(missing))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(make_one, tools, plan, root, run) for run in missing]
        try:
            for future in concurrent.futures.as_completed(futures):
                if (result := future.result()) is not None:
                    progress.step(result)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def results(plan, root):
    """Of the whole plan: (run, its result or None)."""
    return [(run, read_result(folder_of(root, run))) for run in plan.runs()]
