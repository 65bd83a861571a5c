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

"""The first tables: runs, leases, steps, servers and fences.

MariaDB has no transactions around such statements: one that was cut off is
begun again, and finds some of the tables made.
"""

from alembic import op
import sqlalchemy as sa

revision = '001'
down_revision = None


def upgrade() -> None:
    """Create all of them."""
    _create_runs()
    _create_entries()
    op.create_table(
        'fences',
        sa.Column('host', sa.String(255), primary_key=True),
        sa.Column('recorded_at', sa.String(32), primary_key=True),
        sa.Column('method', sa.String(64), nullable=False),
        sa.Column('statement', sa.Text, nullable=False),
        sa.Column('operator', sa.String(255), nullable=False),
        sa.Column('run_id', sa.String(32), nullable=False),
        sa.Column('released_at', sa.String(32), nullable=False),
        sa.Column('last_seen_up', sa.String(64), nullable=False),
        if_not_exists=True,
    )


def _create_runs() -> None:
    op.create_table(
        'runs',
        sa.Column('id', sa.String(32), primary_key=True),
        sa.Column('scenario', sa.String(64), nullable=False),
        sa.Column('host', sa.String(255), nullable=False),
        sa.Column('state', sa.String(32), nullable=False),
        sa.Column('plan', sa.JSON, nullable=False),
        sa.Column('machine', sa.String(255), nullable=False),
        sa.Column('pid', sa.BigInteger, nullable=False),
        sa.Column('started', sa.BigInteger, nullable=False),
        sa.Column('operator', sa.String(255), nullable=False),
        sa.Column('created_at', sa.String(32), nullable=False),
        sa.Column('finished_at', sa.String(32), nullable=False),
        sa.Column('message', sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        'leases',
        sa.Column('host', sa.String(255), primary_key=True),
        sa.Column('run_id', sa.String(32), nullable=False),
        sa.Column('since', sa.String(32), nullable=False),
        if_not_exists=True,
    )


def _create_entries() -> None:
    op.create_table(
        'steps',
        sa.Column('run_id', sa.String(32), primary_key=True),
        sa.Column('subject', sa.String(255), primary_key=True),
        sa.Column(
            'step_index', sa.Integer, primary_key=True, autoincrement=False
        ),
        sa.Column('kind', sa.String(64), nullable=False),
        sa.Column('state', sa.String(32), nullable=False),
        sa.Column('intent', sa.JSON, nullable=False),
        sa.Column('outcome', sa.JSON, nullable=False),
        sa.Column('error', sa.Text, nullable=False),
        sa.Column('started_at', sa.String(32), nullable=False),
        sa.Column('finished_at', sa.String(32), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        'servers',
        sa.Column('run_id', sa.String(32), primary_key=True),
        sa.Column('uuid', sa.String(255), primary_key=True),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('state', sa.String(32), nullable=False),
        sa.Column('message', sa.Text, nullable=False),
        sa.Column('checks', sa.JSON, nullable=False),
        sa.Column('seconds', sa.Float, nullable=False),
        if_not_exists=True,
    )
