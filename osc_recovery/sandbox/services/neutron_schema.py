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

"""Makes neutron's schema on SQLite.

``python -m recovery_sandbox.neutron_schema <url>``; its migrations cannot
run there ("No support for ALTER of constraints in SQLite dialect"). So all
tables are made from the models, and the rows that the migrations insert
(2023.2: default security group rules) are inserted here.
``neutron-db-manage stamp heads`` comes afterwards.
"""

import sys
import uuid

# Loads every model.
from neutron.db.migration.models import head
from neutron_lib.db import model_base
import sqlalchemy

RULES = (
    # direction, ethertype, remote group, used in non-default groups
    ('egress', 'IPv4', None, True),
    ('egress', 'IPv6', None, True),
    ('ingress', 'IPv4', 'PARENT', False),
    ('ingress', 'IPv6', 'PARENT', False),
)


def insert_default_rules(connection: sqlalchemy.Connection) -> None:
    """Insert the rules that a new security group starts with."""
    tables = model_base.BASEV2.metadata.tables
    attributes = tables['standardattributes']
    rules = tables['securitygroupdefaultrules']
    for direction, ethertype, group, non_default in RULES:
        made = connection.execute(
            attributes.insert().values(
                resource_type='security_group_default_rules',
                description='',
                revision_number=0,
            )
        )
        connection.execute(
            rules.insert().values(
                id=str(uuid.uuid4()),
                standard_attr_id=made.inserted_primary_key[0],
                direction=direction,
                ethertype=ethertype,
                remote_group_id=group,
                used_in_default_sg=True,
                used_in_non_default_sg=non_default,
            )
        )


def main() -> None:
    """Make all tables and the rows that belong to them."""
    engine = sqlalchemy.create_engine(sys.argv[1])
    head.get_metadata().create_all(engine)
    with engine.begin() as connection:
        insert_default_rules(connection)


if __name__ == '__main__':
    main()
