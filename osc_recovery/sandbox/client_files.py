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

"""The files that point a client, and this tool, at the sandbox."""

import json
import shlex

from osc_recovery.sandbox import configuration
from osc_recovery.sandbox import endpoints
from osc_recovery.sandbox import ini
from osc_recovery.sandbox import layout as layouts
from osc_recovery.sandbox import state as states

CLOUD = 'recovery-sandbox'

CLOUDS_YAML = """\
clouds:
  {cloud}:
    auth:
      auth_url: {url}
      username: admin
      password: {password}
      project_name: admin
      user_domain_name: Default
      project_domain_name: Default
    region_name: {region}
    interface: public
    identity_api_version: 3
"""

OPENRC = """\
# Source this file to use the sandbox in {directory}.
for name in $(env | sed -n 's/^\\(OS_[A-Za-z0-9_]*\\)=.*/\\1/p'); do
    unset "$name"
done
unset name
export OS_CLIENT_CONFIG_FILE={clouds}
export OS_CLOUD={cloud}
export OSC_RECOVERY_CONFIG={config}
# The sandbox is on this machine: no proxy leads there.
export no_proxy="127.0.0.1${{no_proxy:+,$no_proxy}}"
export NO_PROXY="$no_proxy"
"""


def write(layout: layouts.Layout, state: states.State) -> None:
    """Write clouds.yaml, openrc, recovery.conf and the connectors."""
    clouds = CLOUDS_YAML.format(
        cloud=CLOUD,
        url=endpoints.url(endpoints.IDENTITY, state.ports),
        password=state.admin_password,
        region=endpoints.REGION,
    )
    layout.clouds_yaml.touch(mode=0o600)
    layout.clouds_yaml.write_text(clouds)
    layout.openrc.write_text(openrc(layout))
    ini.write(layout.recovery_conf, recovery_conf(layout))
    for number, host in enumerate(state.shape.host_names, start=1):
        found = configuration.connector(host, number)
        path = layout.connectors / f'{host}.json'
        path.write_text(json.dumps(found, indent=1) + '\n')


def openrc(layout: layouts.Layout) -> str:
    """What a shell sources."""
    return OPENRC.format(
        directory=layout.directory,
        clouds=shlex.quote(str(layout.clouds_yaml)),
        cloud=CLOUD,
        config=shlex.quote(str(layout.recovery_conf)),
    )


def recovery_conf(layout: layouts.Layout) -> ini.Sections:
    """This tool's own configuration.

    The journal is the sandbox's own: its runs never mix with a real
    cloud's.
    """
    journal = layout.directory / 'journal.db'
    return {
        'nova': {'config_files': layout.etc / 'nova.conf'},
        'cinder': {'config_files': layout.etc / 'cinder.conf'},
        'storage': {
            'shared_instances': '*',
            'connectors_dir': layout.connectors,
        },
        'fencing': {
            'agent_report_interval': configuration.REPORT_INTERVAL,
            # every host of so small a cloud is a large share of it
            'max_share': 1,
        },
        'journal': {'connection': f'sqlite:///{journal}'},
    }
