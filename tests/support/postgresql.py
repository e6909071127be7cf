"""A real PostgreSQL server of the tests' own, as Debian ships it; its data and its socket are in a new folder."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg
from support.require import require_file
from support.wait import wait_until

_PORT = 5432  # part of the socket's name only
_SECONDS = 60.0
_ENOUGH_BYTES = 2**30
_SETTINGS = {"listen_addresses": "", "max_connections": "40", "shared_buffers": "32MB"}


class PostgreSQL:
    """A server that can be stopped, crashed and started again on what is left.

    Parameters
    ----------
    folder
        An empty folder that belongs to the user under whom the server runs.
    user
        That user's name; None for the user who runs the tests.
    """

    def __init__(self, folder: Path, user: str | None) -> None:
        self._folder = folder
        self._user = user
        self._numbers = count()
        self._programs = _programs()
        self._process: subprocess.Popen[bytes] | None = None
        self._run([str(self._programs / "initdb"), "--no-sync", *_initdb_options(self._programs), str(folder / "data")])

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://glia@/{database}?host={self._folder}"

    def new_database(self, template: str = "template1") -> str:
        """Make a database, empty or as another one is, and return its name."""
        name = f"glia_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Do as the administrator does, and return the rows."""
        with psycopg.connect(self.url(database), autocommit=True) as conn:
            cursor = conn.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", "-k", self._folder, *settings],
                cwd=self._folder,
                user=self._user,
                group=self._user and pwd.getpwnam(self._user).pw_gid,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, timeout=_SECONDS, what=f"PostgreSQL; its log is {self._folder / 'log'}")

    def stop(self) -> None:
        """Stop the server; connections are cut off."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End the server at once, so that it has to recover when it is started again."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_SECONDS)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.url("postgres")).close()
            return True
        return False

    def _run(self, command: Sequence[str]) -> None:
        done = subprocess.run(command, cwd=self._folder, user=self._user, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


@contextmanager
def running_postgresql(on_disk: bool = False) -> Iterator[PostgreSQL]:
    """Run a server until the end; what it keeps, in memory where there is enough, is removed then."""
    # PostgreSQL refuses to be root, and nobody else may look into pytest's folders.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="glia-postgresql-", dir=None if on_disk else quick_folder()))
    try:
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        server = PostgreSQL(folder, user)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def quick_folder() -> Path | None:
    """Return a folder in memory; None where there is none that is large enough."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > _ENOUGH_BYTES else None


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return require_file(found[-1] if found else Path("/usr/lib/postgresql/15/bin/initdb")).parent


def _initdb_options(programs: Path) -> list[str]:
    """Say how to sort: as a language does, where the server can, so that tests see what we must not rely on."""
    options = ["--username=glia", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
    offered = subprocess.run([programs / "initdb", "--help"], capture_output=True, check=True).stdout
    return options + ["--locale-provider=icu", "--icu-locale=en-US"] * (b"--icu-locale" in offered)
