# SPDX-License-Identifier: MIT
"""A running QEMU, asked over QMP."""

import json
import socket


class Monitor:
    """The client's end of a socket pair whose other end is QEMU's monitor."""

    def __init__(self, seconds=10):
        self.socket, self.for_qemu = socket.socketpair()
        self.socket.settimeout(seconds)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.greeted = False
        self.events = []

    def arguments(self):
        return ["-chardev", f"socket,id=monitor,fd={self.for_qemu.fileno()}", "-mon", "chardev=monitor,mode=control"]

    def ask(self, command, **arguments):
        """The answer's "return"; a RuntimeError with QEMU's words when it refuses, an OSError when it does not answer."""
        if not self.greeted:
            self.greeted = True
            self.lines.readline()
            self.ask("qmp_capabilities")
        request = json.dumps({"execute": command, "arguments": arguments})
        self.socket.sendall(request.encode() + b"\n")
        while True:
            answer = self.next_message(f"it answered {command}")
            if "error" in answer:
                raise RuntimeError(f"QEMU refused {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
            self.events.append(answer)

    def wait_for(self, event):
        """Until the event was seen, once for each call; an OSError when it does not come."""
        while True:
            for seen in self.events:
                if seen.get("event") == event:
                    self.events.remove(seen)
                    return seen
            self.events.append(self.next_message(f"the event {event}"))

    def next_message(self, before_what):
        line = self.lines.readline()
        if not line:
            raise OSError(f"QEMU ended before {before_what}")
        return json.loads(line)

    def save_picture(self, path):
        """What the first display shows, as PNG or, for a name that ends so, as PPM."""
        self.ask("screendump", filename=path, format="ppm" if path.endswith(".ppm") else "png")

    def objects(self, kind):
        """Paths of the objects of a type among the devices."""
        for folder in ("/machine/peripheral", "/machine/peripheral-anon"):
            for child in self.ask("qom-list", path=folder):
                if child["type"] == f"child<{kind}>":
                    yield f"{folder}/{child['name']}"
