#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.


"""Connections to an SQLite file that are kept for the next transaction.

oslo.db has a pool for every database but SQLite's files, which it opens
anew for each transaction; and when the last connection is closed, SQLite
folds its log into the file.  Both take longer than the transaction itself.
"""

import os
import threading

import sqlalchemy

#: as many as there are threads that often want one at the same time
MOST = 8

_FILE = 'osc_recovery_file'


class Idle:
    """The idle connections to the file at ``path``; none keeps nothing.

    A connection must have been made with ``check_same_thread`` off: it
    goes from thread to thread, though never to two at a time.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connections: list[sqlalchemy.Connection] = []

    def take(self) -> sqlalchemy.Connection | None:
        """A connection to the file that is there now, if there is one."""
        while True:
            with self._lock:
                if not self._connections:
                    return None
                connection = self._connections.pop()
            if connection.info.get(_FILE) == self._file():
                return connection
            # The file was removed or replaced: what is written to the
            # former one is lost.
            connection.close()

    def give_back(self, connection: sqlalchemy.Connection) -> None:
        """Keep a connection without a transaction, or close it."""
        file = self._file()
        if file is not None:
            connection.info.setdefault(_FILE, file)
            with self._lock:
                if len(self._connections) < MOST:
                    self._connections.append(connection)
                    return
        connection.close()

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            idle, self._connections = self._connections, []
        for connection in idle:
            connection.close()

    def _file(self) -> tuple[int, int] | None:
        """Which file has the path; one in use keeps its inode number."""
        try:
            status = os.stat(self._path or '')
        except OSError:
            return None
        return status.st_dev, status.st_ino
