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


"""Journals for tests, made quickly."""

import functools
import pathlib
import sqlite3
import tempfile
from typing import Any

import fixtures
import sqlalchemy
from sqlalchemy import event

from osc_recovery.journal import store


class Unsynced(fixtures.Fixture):
    """SQLite leaves writing to the disk to the system.

    What a process has committed outlives it all the same; only a power cut
    would show the difference.
    """

    def _setUp(self) -> None:
        event.listen(sqlalchemy.Engine, 'connect', _leave_it)
        self.addCleanup(event.remove, sqlalchemy.Engine, 'connect', _leave_it)


def _leave_it(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute('PRAGMA synchronous=OFF')


def make(path: pathlib.Path) -> str:
    """Put an empty journal at a place; its URL."""
    path.write_bytes(_empty())
    return f'sqlite:///{path}'


@functools.cache
def _empty() -> bytes:
    """An empty journal's file: the migrations take the longest."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / 'journal.db'
        journal = store.Journal(f'sqlite:///{path}')
        journal.upgrade()
        journal.dispose()
        return path.read_bytes()
