# SPDX-License-Identifier: MIT
"""A Slurm cluster of one node on this machine, for the time of a test."""

import os
import pwd
import socket
import subprocess
import time
from pathlib import Path

# No munge: everybody on this cluster is who starts it. The ports are taken from those that are free.
CONFIGURATION = """
ClusterName=remaplab
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/none
CryptoType=crypto/none
CredType=cred/none
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/node
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MinJobAge=300
NodeName=lab NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


# Nothing of what cgroups offer is used, and a machine may have none: v1 is content without them.
CONTROL_GROUPS = """
CgroupPlugin=cgroup/v1
CgroupAutomount=no
"""


class Cluster:
    def __init__(self, folder):
        self.folder = Path(folder)
        (self.folder / "cgroup.conf").write_text(CONTROL_GROUPS, encoding="utf-8")
        for name in ("controller", "node"):
            (self.folder / name).mkdir()
        self.configuration = self.folder / "slurm.conf"
        self.configuration.write_text(CONFIGURATION.format(
            host=socket.gethostname().split(".")[0], user=pwd.getpwuid(os.getuid()).pw_name, ports=free_ports(2),
            folder=self.folder), encoding="utf-8")
        self.environment = dict(os.environ, SLURM_CONF=str(self.configuration))
        self.logs = []
        self.processes = []
        try:
            self.start("slurmctld", "-D", "-c")
            self.start("slurmd", "-D", "-N", "lab")
            self.wait_for("idle")
        except BaseException:
            self.stop()
            raise

    def start(self, program, *words):
        log = open(self.folder / f"{program}.log", "a", encoding="utf-8")
        self.logs.append(log)
        self.processes.append(subprocess.Popen([f"/usr/sbin/{program}", *words, "-f", str(self.configuration)],
                                               stdout=log, stderr=log, env=self.environment))

    def ask(self, *command):
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30, check=False).stdout

    def wait_for(self, state, seconds=40):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.ask("sinfo", "--noheader", "--format=%T").strip() == state:
                return
            time.sleep(0.2)
        raise RuntimeError(f"the node is not {state}: {self.ask('sinfo')}{self.log('slurmctld')}{self.log('slurmd')}")

    def log(self, program):
        return (self.folder / f"{program}.log").read_text(encoding="utf-8")[-3000:]

    def stop(self):
        self.ask("scancel", "--me")
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for log in self.logs:
            log.close()
