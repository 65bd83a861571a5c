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


"""The journal's file is its owner's alone."""

import os
import pathlib
import stat
from unittest import mock

from osc_recovery import exceptions
from osc_recovery.journal import process
from osc_recovery.journal import store
from osc_recovery.tests.unit import base


def _mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class FileTestCase(base.TestCase):
    """Modes of what is made, and errors for what cannot be used."""

    def setUp(self) -> None:
        super().setUp()
        former = os.umask(0)
        self.addCleanup(os.umask, former)
        self.path = self.home / 'state' / 'osc-recovery' / 'journal.db'

    def _journal(self) -> store.Journal:
        journal = store.Journal(f'sqlite:///{self.path}')
        self.addCleanup(journal.dispose)
        return journal

    def test_made(self) -> None:
        journal = self._journal()
        self.assertFalse(self.path.exists())
        journal.create_run('relocate', 'dead1', {}, process.current())
        self.assertEqual(0o700, _mode(self.path.parent))
        self.assertEqual(0o700, _mode(self.path.parent.parent))
        # With it come the files that SQLite makes beside it.
        with journal._database.writing() as connection:
            connection.exec_driver_sql('DELETE FROM runs')
            modes = {p.name: _mode(p) for p in self.path.parent.iterdir()}
        self.assertEqual({0o600}, set(modes.values()), str(modes))
        self.assertIn('journal.db-wal', modes)

    def test_mode_is_put_right(self) -> None:
        self.path.parent.mkdir(parents=True)
        os.chmod(self.path.parent, 0o755)
        self.path.touch()
        os.chmod(self.path, 0o644)
        self._journal().upgrade()
        self.assertEqual(0o600, _mode(self.path))
        # A directory that was there may be anybody's.
        self.assertEqual(0o755, _mode(self.path.parent))

    def test_a_file_that_is_there_is_not_opened(self) -> None:
        """Closing it would drop the locks of our own connections."""
        first = self._journal()
        first.upgrade()
        with mock.patch.object(os, 'close', wraps=os.close) as close:
            self._journal().upgrade()
        close.assert_not_called()
        self.assertEqual((), first.runs())

    def test_cannot_be_used(self) -> None:
        self.path.parent.parent.mkdir(parents=True)
        self.path.parent.touch()
        error = self.assertRaises(
            exceptions.ConfigError, self._journal().upgrade
        )
        self.assertIn(str(self.path), str(error))
        self.assertIn('[journal] connection', str(error))
        self.assertNotIn('\n', str(error))

    def test_a_directory(self) -> None:
        self.path.mkdir(parents=True)
        self.assertRaises(exceptions.ConfigError, self._journal().upgrade)

    def test_in_memory(self) -> None:
        journal = store.Journal('sqlite://')
        self.addCleanup(journal.dispose)
        journal.upgrade()
        self.assertEqual((), journal.runs())
