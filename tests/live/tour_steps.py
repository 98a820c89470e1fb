"""The steps of the tour: what each waits for, and what a recording must say of it.

`tests/live/tour` has the program. A step is a process of the step's name; a process or thread that
it makes to end its wait is named ``w:STEP``, one that holds a lock for it ``h:STEP``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OFF_CPU_MODES = ("offcpu", "events", "wakeup")
LOCK_MODES = (*OFF_CPU_MODES, "locks")

PEER = "its peer"
TIMER = "a timer"
DEVICE = "a device"
KWORKER = "kworker"
RCU = "RCU's thread"
ITSELF = "itself"
WORKER = "io_uring's worker"

WAKERS = {
    PEER: r"[whtr]:{step}",
    TIMER: r"\[interrupt\]",
    DEVICE: r"\[interrupt\]",
    KWORKER: r"kworker/.*",
    RCU: r"rcu_\w+",
    ITSELF: r"(s:)?{step}",
    WORKER: r"iou-wrk-\d+",
}
"""Who may end a wait, as the table calls it: a regular expression for the name of the process."""

DISK = "disk, GEOM, CAM"

WAITS = {
    "RCU grace period": ("kernel", "RCU"),
    "SysV semaphore": ("user", "System V and POSIX IPC"),
    "asynchronous I/O": ("io", "AIO"),
    "buffer I/O": ("io", "buffer cache"),
    "coredump": ("io", "other"),
    "direct I/O": ("io", DISK),
    "dirty page throttling": ("io", "page cache"),
    "epoll": ("ipc", "select/epoll"),
    "eventfd": ("ipc", "other"),
    "exec: other threads": ("kernel", "proc tree"),
    "ext4 i_data_sem": ("kernel", "vnode/namecache"),
    "file lock": ("user", "advisory file locks"),
    "file position mutex": ("kernel", "file descriptors"),
    "flush of a disk's cache": ("io", DISK),
    "futex": ("user", "futex"),
    "inotify": ("ipc", "other"),
    "inode rwsem": ("kernel", "vnode/namecache"),
    "io_uring": ("io", "io_uring"),
    "journal commit": ("io", "file system journal"),
    "journal transaction": ("kernel", "file system journal"),
    "memory reclaim": ("kernel", "memory shortage"),
    "message queue": ("ipc", "System V and POSIX IPC"),
    "mmap_lock": ("kernel", "vm map"),
    "nanosleep": ("timer", "other"),
    "open of a fifo": ("ipc", "pipe"),
    "page I/O": ("io", "page cache"),
    "pipe mutex": ("kernel", "pipe"),
    "pipe read": ("ipc", "pipe"),
    "pipe write": ("ipc", "pipe"),
    "poll": ("ipc", "select/epoll"),
    "preempted": ("runq", "preempted"),
    "rename mutex": ("kernel", "vnode/namecache"),
    "select": ("ipc", "select/epoll"),
    "signalfd": ("ipc", "other"),
    "signal": ("ipc", "other"),
    "socket accept": ("ipc", "socket/network"),
    "socket close": ("ipc", "socket/network"),
    "socket connect": ("ipc", "socket/network"),
    "socket read": ("ipc", "socket/network"),
    "socket write": ("ipc", "socket/network"),
    "stopped": ("ipc", "other"),
    "terminal": ("ipc", "tty/console"),
    "throttled": ("runq", "throttled"),
    "timerfd": ("timer", "other"),
    "userfaultfd": ("user", "other"),
    "vfork": ("child", "proc tree"),
    "wait": ("child", "proc tree"),
    "writeback of pages": ("io", "page cache"),
}
"""Kind and class of each wait that a step may name."""


@dataclass(frozen=True)
class Step:
    """One way to wait.

    Attributes:
        name: of the step of the program, and of its process.
        does: what it does, for the table.
        waits: what the measured call may wait for, one or more of them.
        wakers: who may end its waits (`WAKERS`).
        who: whose waits they are, if not those of the process: a regular expression for the name
            of the process or thread, and nothing is measured.
        is_alone: whether it uses much of a CPU or a disk, so that no other runs beside it.
        modes: the modes that show it.
    """

    name: str
    does: str
    waits: tuple[str, ...]
    wakers: tuple[str, ...]
    who: str = ""
    is_alone: bool = False
    modes: tuple[str, ...] = OFF_CPU_MODES

    @property
    def id(self) -> str:
        return f"{self.name}: {self.who}" if self.who else self.name

    @property
    def process(self) -> re.Pattern[str]:
        """Return the pattern for the names of the processes whose waits they are."""
        return re.compile(f"^({self.who or re.escape(self.name)})$")


PARTS_OF_A_WRITE = (
    "writeback of pages",
    "flush of a disk's cache",
    "buffer I/O",
    "journal commit",
    "journal transaction",
    "direct I/O",
)
FROM_DISK = (DEVICE, KWORKER)

PIPES = (
    Step("pipe_read", "read an empty pipe", ("pipe read",), (PEER,)),
    Step("pipe_write", "write to a full pipe", ("pipe write",), (PEER,)),
    Step("fifo_open", "open a fifo that has no writer", ("open of a fifo",), (PEER,)),
    Step("splice", "splice from an empty pipe", ("pipe read",), (PEER,)),
    Step(
        "pipe_mutex", "write while another one writes", ("pipe mutex",), (PEER,), modes=LOCK_MODES
    ),
    Step("tty_read", "read a terminal", ("terminal",), (KWORKER,)),
    Step("tty_write", "write to a full terminal", ("terminal",), (PEER, KWORKER)),
    Step("pty_read", "read what a terminal shows", ("terminal",), (KWORKER,)),
)
SOCKETS = (
    Step("unix_read", "read a stream", ("socket read",), (PEER,)),
    Step("unix_dgram_rd", "receive a datagram", ("socket read",), (PEER,)),
    Step("unix_write", "write to a full stream", ("socket write",), (PEER,)),
    Step("unix_dgram_wr", "send to a full socket", ("socket write",), (PEER,)),
    Step("unix_accept", "accept", ("socket accept",), (PEER,)),
    Step("unix_connect", "connect to a full queue", ("socket connect",), (PEER,)),
    Step("tcp_read", "read from TCP", ("socket read",), (PEER,)),
    Step("tcp_write", "write to a full window", ("socket write",), (PEER, TIMER)),
    Step("tcp_accept", "accept from TCP", ("socket accept",), (PEER,)),
    Step("tcp_connect", "connect to a full queue", ("socket connect",), (TIMER,)),
    Step("tcp_close", "close before all is read", ("socket close",), (PEER, TIMER)),
    Step("udp_read", "receive from UDP", ("socket read",), (PEER,)),
    Step("netlink_read", "receive, until a timeout", ("socket read",), (TIMER,)),
    Step("packet_read", "receive, until a timeout", ("socket read",), (TIMER,)),
)
POLLING = (
    Step("epoll", "wait for a pipe", ("epoll",), (PEER,)),
    Step("poll", "wait for a pipe", ("poll",), (PEER,)),
    Step("select", "wait for a pipe", ("select",), (PEER,)),
    Step("epoll_timed", "until a timeout", ("epoll",), (TIMER,)),
    Step("poll_timed", "until a timeout", ("poll",), (TIMER,)),
    Step("select_timed", "until a timeout", ("select",), (TIMER,)),
    Step("poll_pidfd", "until a process ends", ("poll",), (PEER,)),
    Step("eventfd_read", "read a counter that is 0", ("eventfd",), (PEER,)),
    Step("eventfd_write", "add to a full counter", ("eventfd",), (PEER,)),
    Step("signalfd", "read signals", ("signalfd",), (PEER,)),
    Step("inotify", "read changes of a directory", ("inotify",), (PEER,)),
    Step("timerfd", "read a timer", ("timerfd",), (TIMER,)),
    Step("nanosleep", "nanosleep", ("nanosleep",), (TIMER,)),
    Step("clock_sleep", "clock_nanosleep", ("nanosleep",), (TIMER,)),
)
FUTEXES = (
    Step("mutex", "lock a mutex that is held", ("futex",), (PEER,)),
    Step("pi_mutex", "the same, with priority inheritance", ("futex",), (PEER,)),
    Step("rwlock", "read-lock what is write-locked", ("futex",), (PEER,)),
    Step("condition", "wait for a condition", ("futex",), (PEER,)),
    Step("cond_timed", "the same, until a timeout", ("futex",), (TIMER,)),
    Step("thread_join", "until a thread ends", ("futex",), (PEER,)),
    Step("barrier", "until the other one is there", ("futex",), (PEER,)),
    Step("posix_sem", "a semaphore of a process", ("futex",), (PEER,)),
    Step("named_sem", "a semaphore of two processes", ("futex",), (PEER,)),
    Step("sysv_sem", "a System V semaphore", ("SysV semaphore",), (PEER,)),
    Step("futex_waitv", "several futexes at once", ("futex",), (PEER,)),
)
PROCESSES = (
    Step("waitpid", "until a child ends", ("wait",), (PEER,)),
    Step("waitid", "until any child ends", ("wait",), (PEER,)),
    Step("vfork", "until the child lets go of the memory", ("vfork",), (PEER,)),
    Step("sigsuspend", "until a signal comes", ("signal",), (PEER,)),
    Step("sigwait", "until a signal comes", ("signal",), (PEER,)),
    Step("pause_alarm", "until a timer's signal comes", ("signal",), (TIMER,)),
    Step("sigstop", "stopped by a signal", ("stopped",), (PEER,)),
    Step("ptrace_stop", "stopped for a debugger", ("stopped",), (PEER,)),
    Step(
        "exec_threads",
        "become another program, with 200 threads",
        ("exec: other threads",),
        (PEER,),
        is_alone=True,
    ),
    Step(
        "exit_threads",
        "until a child with 100 threads has ended",
        ("wait",),
        (PEER,),
        is_alone=True,
    ),
    Step("core_dump", "until a child has dumped its memory", ("wait",), (PEER,), is_alone=True),
    Step(
        "core_dump",
        "its other threads, until the dump is done",
        ("coredump",),
        (PEER,),
        who="t:core_dump",
        is_alone=True,
    ),
)
FILES = (
    Step("flock", "flock", ("file lock",), (PEER,)),
    Step("fcntl_lock", "a lock of a process", ("file lock",), (PEER,)),
    Step("ofd_lock", "a lock of an open file", ("file lock",), (PEER,)),
    Step("lease", "open a file that another one leases", ("file lock",), (PEER,)),
    Step("msgrcv", "receive from a System V queue", ("message queue",), (PEER,)),
    Step("msgsnd", "send to a full System V queue", ("message queue",), (PEER,)),
    Step("mq_receive", "receive from a POSIX queue", ("message queue",), (PEER,)),
    Step("mq_send", "send to a full POSIX queue", ("message queue",), (PEER,)),
)
DISKS = tuple(
    Step(name, does, waits, FROM_DISK, is_alone=True)
    for name, does, waits in (
        ("fsync", "write 1 MB and fsync", PARTS_OF_A_WRITE),
        ("fdatasync", "overwrite 64 KB and fdatasync", PARTS_OF_A_WRITE),
        ("sync_write", "write 64 KB to an O_SYNC file", PARTS_OF_A_WRITE),
        ("msync", "change a mapping and msync", PARTS_OF_A_WRITE),
        ("direct_read", "read 1 MB with O_DIRECT", ("direct I/O",)),
        ("direct_write", "write 1 MB with O_DIRECT", ("direct I/O", "buffer I/O")),
        ("cold_read", "read what is in no cache", ("page I/O",)),
        ("cold_mapping", "touch what is in no cache", ("page I/O",)),
        ("aio", "io_getevents", ("asynchronous I/O",)),
    )
)
URINGS = (
    Step("uring_pipe", "read an empty pipe", ("io_uring",), (PEER,)),
    Step("uring_timeout", "until a timeout", ("io_uring",), (TIMER,)),
    Step("uring_worker", "have a worker open a fifo", ("io_uring",), (WORKER,)),
    Step("uring_worker", "the worker", ("open of a fifo",), (PEER,), who=r"iou-wrk-\d+"),
    Step("uring_read", "read 1 MB with O_DIRECT", ("io_uring",), FROM_DISK, is_alone=True),
    Step("uring_fsync", "have a worker fsync", ("io_uring",), (WORKER,), is_alone=True),
    Step(
        "uring_fsync",
        "the worker",
        PARTS_OF_A_WRITE,
        FROM_DISK,
        who=r"iou-wrk-\d+",
        is_alone=True,
    ),
)
KERNEL_LOCKS = (
    Step("userfaultfd", "touch a page that a thread supplies", ("userfaultfd",), (PEER,)),
    Step(
        "file_position",
        "read a file while a thread reads it",
        ("file position mutex",),
        (PEER,),
        modes=LOCK_MODES,
    ),
    Step(
        "inode",
        "write to a file while a thread writes",
        ("inode rwsem",),
        (PEER,),
        modes=LOCK_MODES,
    ),
    Step("inode_tmpfs", "the same, on tmpfs", ("inode rwsem",), (PEER,), modes=LOCK_MODES),
    Step(
        "dir_create",
        "create a file while a thread lists the directory",
        ("inode rwsem",),
        (PEER,),
        modes=LOCK_MODES,
    ),
    Step(
        "rename_dirs",
        "rename between directories, two at once",
        ("rename mutex",),
        (PEER,),
        modes=LOCK_MODES,
    ),
    Step(
        "mmap_lock",
        "mmap while a thread fills memory",
        ("mmap_lock",),
        (PEER,),
        is_alone=True,
        modes=LOCK_MODES,
    ),
    Step(
        "mlock",
        "mlock while a thread fills memory",
        ("mmap_lock",),
        (PEER,),
        is_alone=True,
        modes=LOCK_MODES,
    ),
    Step(
        "mmap_crowd",
        "four threads map, touch and unmap",
        ("mmap_lock",),
        (ITSELF,),
        who="mmap_crowd",
        is_alone=True,
        modes=LOCK_MODES,
    ),
    Step("rcu", "membarrier", ("RCU grace period",), (RCU,), is_alone=True),
)
CONTROL_GROUPS = (
    Step(
        "memory_limit",
        "write more than the group may hold",
        ("memory reclaim", "writeback of pages", "ext4 i_data_sem"),
        (TIMER, KWORKER),
        is_alone=True,
    ),
    Step(
        "cpu_quota",
        "compute more than the group may",
        ("throttled", "preempted"),
        (),
        is_alone=True,
        modes=("runq",),
    ),
    Step(
        "one_cpu",
        "two processes compute on one CPU",
        ("preempted",),
        (),
        is_alone=True,
        modes=("runq",),
    ),
)
TOPICS = {
    "Pipes and terminals": PIPES,
    "Sockets": SOCKETS,
    "Polling, events, timers": POLLING,
    "Futexes and semaphores": FUTEXES,
    "Processes and signals": PROCESSES,
    "File locks and message queues": FILES,
    "Disks": DISKS,
    "io_uring": URINGS,
    "Locks of the kernel": KERNEL_LOCKS,
    "Control groups, and waiting for a CPU": CONTROL_GROUPS,
}
STEPS = tuple(step for steps in TOPICS.values() for step in steps)
