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
"""An emulated Redfish service over TLS that cuts a sandbox host's power.

sushy-tools speaks Redfish as ironic's own tests know it; fence_redfish is
the real one.
"""

import datetime
import ipaddress
import pathlib
import socket
import subprocess
import sys
import time

import bcrypt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography import x509
from cryptography.x509 import oid
import fixtures
import requests

from osc_recovery.sandbox import controller
from osc_recovery.tests.functional import bmc

#: the second one is what an agent that is not told a system would take
SYSTEMS = (
    '11111111-0000-0000-0000-000000000001',
    '11111111-0000-0000-0000-000000000002',
)
#: seconds for the emulator to answer
_STARTED = 60.0
#: seconds from an order to its effect: the answer comes before
_DELAY = 2

#: its configuration is Python
_CONFIG = """\
import subprocess
import sushy_tools.emulator.resources.systems.fakedriver as _fake
SUSHY_EMULATOR_LISTEN_IP = '127.0.0.1'
SUSHY_EMULATOR_LISTEN_PORT = {port}
SUSHY_EMULATOR_SSL_CERT = {directory!r} + '/cert.pem'
SUSHY_EMULATOR_SSL_KEY = {directory!r} + '/key.pem'
SUSHY_EMULATOR_AUTH_FILE = {directory!r} + '/htpasswd'
SUSHY_EMULATOR_STATE_DIR = {directory!r}
SUSHY_EMULATOR_FAKE_DRIVER = True
SUSHY_EMULATOR_FAKE_SYSTEMS = [
    {{'uuid': uuid, 'name': uuid[-5:], 'power_state': 'On',
      'external_notifier': False, 'nics': []}} for uuid in {systems!r}]
class _Random:
    randint = staticmethod(lambda low, high: {delay})
_fake.random = _Random
_set = _fake.FakeDriver.set_power_state
def _set_and_cut(self, identity, state):
    with open({directory!r} + '/orders', 'a') as stream:
        stream.write(identity + ' ' + state + '\\n')
    if state == 'ForceOff' and identity == {systems!r}[0]:
        subprocess.run({cut!r}, check=True)
    return _set(self, identity, state)
_fake.FakeDriver.set_power_state = _set_and_cut
"""


class Redfish(fixtures.Fixture):
    """A Redfish service; the first of its systems is the host."""

    def __init__(self, sandbox: controller.Sandbox, host: str) -> None:
        super().__init__()
        self._sandbox = sandbox
        self.host = host

    def _setUp(self) -> None:
        self._directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path
        )
        self.port = _free_port()
        self._write()
        program = (
            'import sys; from sushy_tools.emulator import main; '
            'sys.exit(main.main())'
        )
        config = str(self._directory / 'emulator.conf')
        process = subprocess.Popen(
            [sys.executable, '-c', program, '--config', config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self._wait()

    @property
    def orders(self) -> list[str]:
        """What it was told: system and kind of reset."""
        path = self._directory / 'orders'
        return path.read_text().splitlines() if path.exists() else []

    def _write(self) -> None:
        _certify(self._directory)
        hashed = bcrypt.hashpw(bmc.PASSWORD.encode(), bcrypt.gensalt(4))
        (self._directory / 'htpasswd').write_text(
            f'{bmc.USER}:{hashed.decode()}\n'
        )
        cut = [sys.executable, '-c', bmc.CUT]
        (self._directory / 'emulator.conf').write_text(
            _CONFIG.format(
                port=self.port,
                directory=str(self._directory),
                systems=SYSTEMS,
                delay=_DELAY,
                cut=[*cut, str(self._sandbox.directory), self.host],
            )
        )

    def _wait(self) -> None:
        limit = time.monotonic() + _STARTED
        while time.monotonic() < limit:
            try:
                requests.get(
                    f'https://127.0.0.1:{self.port}/redfish/v1/',
                    verify=str(self._directory / 'cert.pem'),
                    timeout=5,
                )
            except requests.ConnectionError:
                time.sleep(0.2)
            else:
                return
        raise TimeoutError('sushy-emulator did not answer')


class Mute(fixtures.Fixture):
    """Accepts every connection and never answers."""

    def _setUp(self) -> None:
        listening = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(listening.close)
        self.port = int(listening.getsockname()[1])


def _free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as probe:
        return int(probe.getsockname()[1])


def _certify(directory: pathlib.Path) -> None:
    """A key, and a certificate for the loopback address it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(oid.NameOID.COMMON_NAME, '127.0.0.1')]
    )
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address('127.0.0.1'))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (directory / 'cert.pem').write_bytes(made.public_bytes(pem))
    (directory / 'key.pem').write_bytes(
        key.private_bytes(
            pem,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
