"""Which texts of a recording are private, and what takes their place.

Owns the rules for each kind of text: a sentence, a name, a frame, a process. The same text always
gets the same replacement, so what was different stays different. It refuses to know where texts are
(``redact`` does).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pvprof.model.stacks import Frame, Stack
from pvprof.recording.manifest import Manifest

ADDRESS = "[address]"
HOST = "[host]"
PATH = "[path]"
QUOTED = "[text]"
USER = "[user]"
WORD = "[word]"

_MIN_WORD = 3
"""Shorter words of a command line are everywhere: ``-j``, ``8``."""

# The upper half of an address space of 64 bits is the kernel's.
_KERNEL_ADDRESS = re.compile(r"(?<![0-9a-f])(?:0x)?f{4}[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE)
_HEX_FRAME = re.compile(r"(?:0x)?[0-9a-f]{6,16}(?:\+0x[0-9a-f]+)?", re.IGNORECASE)
# The directories of an absolute path, up to its last part: /home/me/src/ of /home/me/src/x.c:12.
_DIRECTORIES = re.compile(
    r"(?<![\w.\])])~?/(?:[^/\s`;:()\[\]<>|\"',]+/)+|\b[A-Z]:\\(?:[^\\\s]+\\)+", re.IGNORECASE
)
_WHOLE_PATH = re.compile(rf"(?:{_DIRECTORIES.pattern})[^/\s`;:()\[\]<>|\"',\\]*", re.IGNORECASE)
_HOME = re.compile(r"/(?:home|Users)/([^/\s:;'\"]+)")
_AT_HOST = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w.-]+")
_IP = re.compile(
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])|\b(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{1,4}\b"
)
_QUOTED = re.compile(r"(?<!\w)(?:'(?:[^'\\]|\\.){0,600}+'|\"(?:[^\"\\]|\\.){0,600}+\")(?!\w)")
_TOKEN = re.compile(r"[^\s'\"()\[\],;:=]+")
# Processes of the kernels themselves, which say nothing of the user.
_OF_THE_KERNEL = re.compile(
    r"\[.*\]|kernel|idle.*|intr|geom|cam|usb|crypto|bufdaemon|bufspacedaemon|syncer|vnlru|pagedaemon"
    r"|vmdaemon|rand_harvestq|sctp_iterator|soaiod\d*|zfskern|swapper(?:/\d+)?|init|kthreadd"
    r"|(?:kworker|ksoftirqd|migration|cpuhp|idle_inject|rcu\w*|irq|jbd2|scsi_eh|kswapd|kcompactd)"
    r"\W?.*|khugepaged|ksmd|kdevtmpfs|oom_reaper|writeback|<[^>]*>",
)


class PrivateTexts:
    """Replaces private texts; of what must stay different each is numbered as it comes.

    Args:
        with_processes: whether the names of processes are private, too.
    """

    def __init__(self, with_processes: bool = False) -> None:
        self._with_processes = with_processes
        self._numbers: dict[str, dict[str, int]] = {}
        self._names: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._frames: dict[Frame, Frame] = {}

    def learn(self, manifest: Manifest, processes: Iterable[str]) -> None:
        """Take in what is private in one recording.

        Args:
            manifest: names the host, users, and the words of the workload.
            processes: the names of all processes.
        """
        workload = manifest.workload or ""
        users = _HOME.findall(f"{workload} {manifest.notes} {manifest.kernel.text}")
        words = _TOKEN.findall(workload)
        _take(self._names, (manifest.host, manifest.host.partition(".")[0]), HOST)
        _take(self._names, users, USER)
        _take(self._words, (part for one in words for part in (one, one.rpartition("/")[2])), WORD)
        for process in processes:
            self.process(process)
        self._frames.clear()  # some may be of a process that was not known

    def numbered(self, kind: str, text: str) -> str:
        """Return ``KIND N`` for a text: the same number whenever it comes; nothing for nothing."""
        if not text:
            return ""
        numbers = self._numbers.setdefault(kind, {})
        return f"{kind} {numbers.setdefault(text, len(numbers) + 1)}"

    def sentence(self, text: str) -> str:
        """Return a sentence of a message without what it quotes, and all that is private in it."""
        return _replaced(self._words, self.fact(_QUOTED.sub(QUOTED, text)))

    def fact(self, text: str) -> str:
        """Return a fact about the machine or the recording without hosts, users and paths."""
        text = _AT_HOST.sub(f"{USER}@{HOST}", _WHOLE_PATH.sub(PATH, text))
        return _KERNEL_ADDRESS.sub(ADDRESS, _IP.sub(HOST, _replaced(self._names, text)))

    def name(self, text: str) -> str:
        """Return the name of a lock, a wait or a class; of a path in it the last part stays."""
        return _KERNEL_ADDRESS.sub(ADDRESS, _DIRECTORIES.sub("", text))

    def process(self, text: str) -> str:
        """Return the name of a process: numbered if such names are private."""
        if self._with_processes and not _OF_THE_KERNEL.fullmatch(text):
            return self.numbered("process", text)
        return self.name(text)

    def frame(self, frame: Frame) -> Frame:
        """Return a frame: no address, of a path the last part, the module of no private process."""
        known = self._frames.get(frame)
        if known is None:
            known = self._frames[frame] = self._frame(frame)
        return known

    def _frame(self, frame: Frame) -> Frame:
        if _HEX_FRAME.fullmatch(frame):
            return ADDRESS
        shown = self.name(frame)
        module, mark, function = shown.partition("`")
        if module in self._numbers.get("process", ()):
            return self.process(module) + mark + function
        return shown or PATH

    def stack(self, stack: Stack) -> Stack:
        """Return a stack of the frames that `frame` returns."""
        return Stack(";".join(map(self.frame, stack.split(";"))))


def _take(known: dict[str, str], texts: Iterable[str], replacement: str) -> None:
    for text in texts:
        if len(text) >= _MIN_WORD:
            known.setdefault(text, replacement)


def _replaced(known: Mapping[str, str], text: str) -> str:
    """Return a text with the known ones among its words replaced."""

    def replacement(match: re.Match[str]) -> str:
        word = match.group()
        bare = word.rstrip(".!?")
        return known[bare] + word[len(bare) :] if bare in known else word

    return _TOKEN.sub(replacement, text) if known else text
