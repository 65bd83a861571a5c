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

"""Tests of finding a server by whatever name it has."""

import dataclasses
import os
from typing import Any

from osc_recovery.db import nova_cell
from osc_recovery import exceptions
from osc_recovery.facts import identify
from osc_recovery.facts import sources
from osc_recovery.model import facts
from osc_recovery.tests.unit.db import base as db_base
from osc_recovery.tests.unit.facts import base

ONE, TWO = db_base.uuid(1), db_base.uuid(2)
OTHER = facts.Cell('bb484bcb-e91b-4c2c-a2de-1ed3761ce30b', 'cell2')


class ResolveTest(base.FactsTestCase):
    """identify.resolve over two servers of one cell."""

    def setUp(self) -> None:
        super().setUp()
        self.recorded = base.many('image-backed', 2)
        rows = self.recorded['nova_cell1']
        self.one, self.two = rows['instances']
        self.one.update(id=10, display_name='web')
        self.two.update(id=11, display_name='db')
        self.mapped, self.mapped_too = rows['instance_id_mappings']
        self.mapped.update(id=5561)
        self.mapped_too.update(id=10)

    def found(self, name: str) -> str:
        """The uuid of the server that is meant."""
        return identify.resolve(self.origin(self.recorded), name).uuid

    def refused(self, name: str) -> str:
        """Why no server is meant."""
        error = self.assertRaises(exceptions.UsageError, self.found, name)
        return str(error)

    def test_names(self) -> None:
        for name, uuid in (
            (ONE, ONE),
            (ONE.upper(), ONE),
            (ONE.replace('-', ''), ONE),
            ('web', ONE),
            ('instance-0000000a', ONE),
            ('instance-0000000b', TWO),
            ('i-000015b9', ONE),
            ('i-15B9', ONE),
            # not instances.id 10, which is another server
            ('i-0000000a', TWO),
        ):
            with self.subTest(name=name):
                self.assertEqual(uuid, self.found(name))

    def test_nothing(self) -> None:
        for name in (
            db_base.uuid(9),
            'nobody',
            'instance-000000ff',
            'instance-0a',
            'i-000000ff',
            'i-',
            'i-xyz',
            '',
        ):
            with self.subTest(name=name):
                self.assertIn(f' {name}. ', self.refused(name))

    def test_the_guides_number_only_without_any_mapping(self) -> None:
        self.assertEqual(TWO, self.found('i-0000000b'))

    def test_a_deleted_mapping_is_none(self) -> None:
        self.mapped_too.update(deleted=10)
        self.assertEqual(ONE, self.found('i-0000000a'))

    def test_one_name_of_two_servers(self) -> None:
        self.two.update(display_name='web')
        text = self.refused('web')
        self.assertIn(f'{ONE} (web, cell cell1)', text)
        self.assertIn(f'{TWO} (web, cell cell1)', text)

    def test_a_name_that_looks_like_an_ec2_id(self) -> None:
        self.two.update(display_name='i-000015b9')
        text = self.refused('i-000015b9')
        self.assertIn(ONE, text)
        self.assertIn(TWO, text)


class CellsTest(base.FactsTestCase):
    """The same number in two cells."""

    def both(
        self, first: dict[str, Any], second: dict[str, Any]
    ) -> sources.Sources:
        """Two cells with rows of a server each."""
        origin = self.origin(first)
        other = nova_cell.NovaCell(
            self.database(db_base.NEWEST, second['nova_cell1']), OTHER
        )
        return dataclasses.replace(
            origin, cells={**origin.cells, OTHER.uuid: other}
        )

    def rows(self, number: int, ec2: int) -> dict[str, Any]:
        """A server with this uuid and this number for EC2."""
        made = base.many('image-backed', number)
        for table, rows in made['nova_cell1'].items():
            made['nova_cell1'][table] = [
                row for row in rows if db_base.uuid(number) in str(row)
            ]
        made['nova_cell1']['instance_id_mappings'][0]['id'] = ec2
        made['nova_cell1']['instances'][0]['id'] = 7
        made['nova_api'] = {}
        return made

    def test_ambiguous(self) -> None:
        origin = self.both(self.rows(1, 33), self.rows(2, 33))
        text = str(
            self.assertRaises(
                exceptions.UsageError, identify.resolve, origin, 'i-00000021'
            )
        )
        for part in (ONE, TWO, 'cell1', 'cell2', '2 servers'):
            self.assertIn(part, text)

    def test_a_mapping_anywhere_beats_the_guides_number(self) -> None:
        origin = self.both(self.rows(1, 33), self.rows(2, 7))
        self.assertEqual(TWO, identify.resolve(origin, 'i-00000007').uuid)

    def test_the_guides_number_is_ambiguous_too(self) -> None:
        origin = self.both(self.rows(1, 33), self.rows(2, 34))
        self.assertRaises(
            exceptions.UsageError, identify.resolve, origin, 'i-00000007'
        )

    def test_a_cell_that_cannot_be_read_may_hold_another(self) -> None:
        origin = self.both(self.rows(1, 33), self.rows(2, 34))
        database = origin.cells[OTHER.uuid].database
        os.unlink(str(database.engine.url.database))
        self.assertRaises(
            exceptions.ServiceUnavailable,
            identify.resolve,
            origin,
            'i-00000021',
        )
