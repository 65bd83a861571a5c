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

"""Writes users, roles and the catalogue into keystone's database.

``python -m recovery_sandbox.identity <file>`` does what ``keystone-manage
bootstrap`` and an installer's first API calls do, in one short process and
before keystone is started. The JSON file holds passwords; mode 0600.
"""

import json
import sys
from typing import Any
import uuid

from . import sqlite

REGION = 'RegionOne'


def bootstrap(plan: dict[str, Any]) -> Any:
    """Make the default domain, the admin user and the standard roles."""
    from keystone.cmd import bootstrap as keystone_bootstrap

    maker = keystone_bootstrap.Bootstrapper()
    maker.admin_username = 'admin'
    maker.admin_password = plan['admin_password']
    maker.project_name = 'admin'
    maker.admin_role_name = 'admin'
    maker.service_name = 'keystone'
    maker.region_id = REGION
    maker.public_url = maker.internal_url = plan['identity_url']
    maker.bootstrap()
    return maker


def add_project(name: str) -> str:
    """Make a project of the default domain."""
    from keystone.common import provider_api

    project = {
        'id': uuid.uuid4().hex,
        'name': name,
        'domain_id': 'default',
        'enabled': True,
        'description': '',
    }
    provider_api.ProviderAPIs.resource_api.create_project(
        project['id'], project
    )
    return str(project['id'])


def add_user(
    name: str, password: str, project_id: str, role_ids: list[str]
) -> None:
    """Make a user with these roles on the project."""
    from keystone.common import provider_api

    providers = provider_api.ProviderAPIs
    user = providers.identity_api.create_user(
        {
            'name': name,
            'password': password,
            'domain_id': 'default',
            'enabled': True,
        }
    )
    for role_id in role_ids:
        grant(user['id'], project_id, role_id)


def grant(user_id: str, project_id: str, role_id: str) -> None:
    """Give a user a role on a project."""
    from keystone.common import provider_api

    provider_api.ProviderAPIs.assignment_api.add_role_to_user_and_project(
        user_id, project_id, role_id
    )


def add_service(name: str, kind: str, url: str) -> None:
    """Make a service with its public and internal endpoints."""
    from keystone.common import provider_api

    catalogue = provider_api.ProviderAPIs.catalog_api
    service = {
        'id': uuid.uuid4().hex,
        'name': name,
        'type': kind,
        'enabled': True,
    }
    catalogue.create_service(service['id'], service)
    for interface in ('public', 'internal'):
        endpoint = {
            'id': uuid.uuid4().hex,
            'service_id': service['id'],
            'interface': interface,
            'url': url,
            'region_id': REGION,
            'enabled': True,
        }
        catalogue.create_endpoint(endpoint['id'], endpoint)


def main() -> None:
    """Read the file and write everything it names."""
    with open(sys.argv[1]) as source:
        plan = json.load(source)
    sqlite.install()
    from keystone import server

    sys.argv = ['keystone']
    server.configure(config_files=[plan['config_file']])
    maker = bootstrap(plan)
    project_id = add_project('service')
    roles = [maker.admin_role_id, maker.service_role_id]
    for user in plan['service_users']:
        add_user(user, plan['service_password'], project_id, roles)
    member_id = add_project(plan['member'])
    add_user(
        plan['member'],
        plan['admin_password'],
        member_id,
        [maker.member_role_id],
    )
    # The administrator makes the member's servers on chosen hosts.
    grant(maker.admin_user_id, member_id, maker.admin_role_id)
    for service in plan['services']:
        add_service(service['name'], service['type'], service['url'])


if __name__ == '__main__':
    main()
