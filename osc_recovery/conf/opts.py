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


"""The options of our own configuration file."""

import os
from typing import Any

from oslo_config import cfg

from osc_recovery.conf import fencing

#: where nova.conf is looked for when nothing names it: the package's
#: place, then those of kolla-ansible (its nova-api and super conductor have
#: both databases, its compute nodes have neither)
NOVA_CONFIG_FILES = (
    '/etc/nova/nova.conf',
    '/etc/kolla/nova-api/nova.conf',
    '/etc/kolla/nova-super-conductor/nova.conf',
)
CINDER_CONFIG_FILES = (
    '/etc/cinder/cinder.conf',
    '/etc/kolla/cinder-api/cinder.conf',
    '/etc/kolla/cinder-volume/cinder.conf',
)

nova_group = cfg.OptGroup('nova', title="Where nova's configuration is")
cinder_group = cfg.OptGroup('cinder', title="Where cinder's configuration is")
storage_group = cfg.OptGroup('storage', title='The storage of the hosts')
fencing_group = cfg.OptGroup('fencing', title='Proving that a host is dead')
journal_group = cfg.OptGroup('journal', title='The journal of all runs')
evacuate_group = cfg.OptGroup('evacuate', title='Evacuations by nova')
engine_group = cfg.OptGroup('engine', title='How fast, and when to give up')


def state_home() -> str:
    """The user's state directory of this program (XDG)."""
    home = os.environ.get('XDG_STATE_HOME') or os.path.expanduser(
        '~/.local/state'
    )
    return os.path.join(home, 'osc-recovery')


def journal_default() -> str:
    """The journal's URL when the configuration names none."""
    return 'sqlite:///' + os.path.join(state_home(), 'journal.db')


def _file_opts(service: str, files: tuple[str, ...]) -> list[cfg.Opt]:
    return [
        cfg.ListOpt(
            'config_files',
            default=[],
            sample_default=[files[0]],
            help=(
                f"{service}'s configuration files, in the order in which "
                f'{service} reads them; a later file overrides an earlier '
                'one. When empty, the first one that exists of '
                f'{", ".join(files)} is read.'
            ),
        ),
        cfg.ListOpt(
            'config_dirs',
            default=[],
            help=(
                'Directories whose .conf files are read after config_files.'
            ),
        ),
    ]


nova_opts = _file_opts('nova', NOVA_CONFIG_FILES)
cinder_opts = _file_opts('cinder', CINDER_CONFIG_FILES)

storage_opts = [
    cfg.ListOpt(
        'shared_instances',
        default=[],
        help=(
            'Patterns (as of a shell) of the compute hosts whose instances '
            'directory is on storage that they all share, mounted alike. '
            'This is your statement: it is shown in every plan and not '
            'proven. Servers with a local disk on other hosts are not '
            'relocated.'
        ),
    ),
    cfg.StrOpt(
        'connectors_dir',
        help=(
            'Directory with a file <host>.json per compute host that holds '
            'the connector of the host, for hosts that have no volume '
            'attached. os_brick prints it on the host; nova-manage '
            'volume_attachment get_connector does so too.'
        ),
    ),
]

fencing_opts = [
    cfg.IntOpt(
        'agent_report_interval',
        default=30,
        min=1,
        help=(
            'Seconds between two reports of a neutron agent or a cinder '
            'service. A host is dead only when two intervals pass without '
            'a report.'
        ),
    ),
    cfg.ListOpt(
        'agents',
        default=[],
        sample_default=['ipmi'],
        help=(
            'Names of the fence agents to use; each has its section '
            '[fence_agent:<name>].'
        ),
    ),
    cfg.IntOpt(
        'max_hosts',
        default=5,
        min=1,
        help=(
            'Hosts that may be fenced within the window. One more is '
            'refused: so many hosts do not die by themselves.'
        ),
    ),
    cfg.FloatOpt(
        'max_share',
        default=0.25,
        min=0.0,
        max=1.0,
        help=(
            'Share of all compute hosts that may be fenced within the '
            'window, rounded down; one always may.'
        ),
    ),
    cfg.IntOpt(
        'window',
        default=3600,
        min=1,
        help='Seconds for which a fence counts for max_hosts and max_share.',
    ),
]

journal_opts = [
    cfg.StrOpt(
        'connection',
        secret=True,
        sample_default=('sqlite:///$XDG_STATE_HOME/osc-recovery/journal.db'),
        help=(
            "SQLAlchemy URL of the journal. The default is a file in the "
            "user's state directory; a team that shares one journal names "
            'a MariaDB or PostgreSQL database.'
        ),
    ),
]

engine_opts = [
    cfg.IntOpt(
        'concurrency',
        default=8,
        min=1,
        max=128,
        help='Servers that are worked on at the same time.',
    ),
    cfg.IntOpt(
        'per_target',
        default=4,
        min=1,
        max=128,
        help='Servers that go to the same target host at the same time.',
    ),
    cfg.IntOpt(
        'pause_after',
        default=3,
        min=1,
        help=(
            'Servers that may fail one after the other for the same reason '
            'before the run pauses.'
        ),
    ),
    cfg.IntOpt(
        'start_timeout',
        default=300,
        min=1,
        help='Seconds that a server has to become active.',
    ),
    cfg.IntOpt(
        'step_timeout',
        default=120,
        min=1,
        help='Seconds that any other step may take.',
    ),
    cfg.FloatOpt(
        'poll_interval',
        default=1.0,
        min=0.05,
        help='Seconds between two looks at something that is waited for.',
    ),
]

evacuate_opts = [
    cfg.StrOpt(
        'priority_key',
        default='recovery_priority',
        help=(
            'Key of the metadata of servers whose number says who is '
            'evacuated first: the highest number is. Servers without one '
            'count as 0.'
        ),
    ),
    cfg.IntOpt(
        'timeout',
        default=900,
        min=1,
        help=(
            'Seconds that nova has for evacuating one server, from its '
            'submission on.'
        ),
    ),
    cfg.IntOpt(
        'lost_after',
        default=120,
        min=1,
        help=(
            'Seconds after which an evacuation that no host works on, '
            'although nova-conductor does report, counts as lost and is '
            'submitted again.'
        ),
    ),
    cfg.IntOpt(
        'retries',
        default=2,
        min=0,
        help=(
            'Times that a server is submitted again in one run: when a '
            'target gave it up before anything was begun, when a fenced '
            'target died, or when nova lost it.'
        ),
    ),
]

GROUPS = (
    (nova_group, nova_opts),
    (cinder_group, cinder_opts),
    (storage_group, storage_opts),
    (fencing_group, fencing_opts),
    (journal_group, journal_opts),
    (engine_group, engine_opts),
    (evacuate_group, evacuate_opts),
)


def register(conf: cfg.ConfigOpts) -> None:
    """Register every option of ours."""
    for group, options in GROUPS:
        conf.register_group(group)
        conf.register_opts(options, group=group)
    conf.set_default('connection', journal_default(), group='journal')


def list_opts() -> list[tuple[cfg.OptGroup, list[Any]]]:
    """The options for oslo-config-generator."""
    made = [(group, list(options)) for group, options in GROUPS]
    return [*made, (fencing.agent_group, list(fencing.agent_opts))]
