"""A Postgres server of the tests' own, of Debian's package, and Dagster's history on it."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from source_servers import free_port

CONFIGURATION = """
telemetry:
  enabled: false
storage:
  postgres:
    postgres_db:
      username: dagster
      password: ""
      hostname: 127.0.0.1
      port: {port}
      db_name: {name}
      scheme: postgresql+psycopg2
"""


def programs() -> Path | None:
    """Returns the folder of Postgres' programs; None where it is not installed."""
    initdb = shutil.which("initdb")
    folders = [Path(initdb).parent] if initdb else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class Postgres:
    """A running server.

    Attributes:
        port: Its port on this machine.
    """

    def __init__(self, folder: Path, tools: Path) -> None:
        self._folder, self._tools = folder, tools
        self.port = free_port()

    def start(self) -> None:
        """Start it; it refuses to run as root, and then runs as a user without rights."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self._folder} -c fsync=off"
        self._call("initdb", "-D", "data", "-A", "trust", "-U", "dagster")
        self._call("pg_ctl", "-D", "data", "-o", options, "-l", "log", "-w", "start")

    def stop(self) -> None:
        """Stop it, whoever is connected."""
        self._call("pg_ctl", "-D", "data", "-m", "immediate", "stop")

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Returns the rows of one statement, none where it has none."""
        words = {"host": "127.0.0.1", "port": self.port, "user": "dagster", "dbname": "postgres"}
        with closing(psycopg2.connect(**words)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def home(self, folder: Path, name: str) -> Path:
        """Make a Dagster home whose history lies in a new database."""
        self.run(f"create database {name}")
        folder.mkdir()
        content = CONFIGURATION.format(port=self.port, name=name)
        (folder / "dagster.yaml").write_text(content)
        return folder

    def _call(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._tools / program, *words],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            # The server holds on to what it was started with.
            stdout=subprocess.DEVNULL,
            user=_user().pw_uid if os.geteuid() == 0 else None,
            check=False,
        )
        log = self._folder / "log"
        assert done.returncode == 0, log.read_text() if log.exists() else program


def _user() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server for the tests of a process."""
    tools = programs()
    if tools is None:
        pytest.skip("Postgres is not installed; on Debian: apt-get install postgresql")
    # A socket's path is short.
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    if os.geteuid() == 0:
        os.chown(folder, _user().pw_uid, _user().pw_gid)
    server = Postgres(folder, tools)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
