"""A terminal with a program in it: a pseudo-terminal, and pyte that reads what the program writes."""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

try:
    import pyte
except ModuleNotFoundError: # a Python that is not Debian's
    sys.path.append("/usr/lib/python3/dist-packages")
    import pyte

UP, DOWN, ENTER, ESCAPE = "\x1b[A", "\x1b[B", "\r", "\x1b"


class Terminal:
    """`raw` keeps every byte that came; `lines` is the screen. pyte knows what the Linux console knows: of xterm it lacks
    the repeated character."""

    def __init__(self, argv, rows=24, columns=80, term="linux", **environment):
        self.raw = bytearray()
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.status = None
        env = {**os.environ, "TERM": term, "LC_ALL": "C.UTF-8", "TZ": "UTC", **environment}
        size = struct.pack("HHHH", rows, columns, 0, 0)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, size)
                os.execvpe(str(argv[0]), [str(a) for a in argv], env)
            finally:
                os._exit(127)

    def read(self, seconds):
        """What comes within this time; False when the program has closed the terminal."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.raw += data
        self.stream.feed(data)
        return data != b""

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def wait(self, *parts, seconds=60, gone=()):
        """Until all of `parts` are on the screen and none of `gone` is."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            text = self.text()
            if all(part in text for part in parts) and not any(part in text for part in gone):
                return text
            if not self.read(0.1):
                break
        raise TimeoutError(f"not within {seconds} s: {parts}, without {gone}\n{self.text()}")

    def type(self, text):
        os.write(self.fd, text.encode())

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self, seconds=30):
        """Waits for the program to end by itself; its exit status."""
        end = time.monotonic() + seconds
        while self.status is None and time.monotonic() < end:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def close(self):
        """Ends the program, if it has not ended; a second time does nothing."""
        if self.fd is None:
            return
        if self.status is None:
            os.kill(self.pid, signal.SIGTERM)
            if self.end() is None:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        os.close(self.fd)
        self.fd = None
