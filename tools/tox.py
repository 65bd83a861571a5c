#!/usr/bin/env python3
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

"""Run the pinned tox on a machine that has only Python and a checkout.

``python3 tools/tox.py [tox arguments]`` makes an environment of its own in
``.tox/.bootstrap``, installs the tox that constraints.txt names, and becomes
that tox. Only the standard library is used.

* Where the interpreter cannot install pip by itself (Debian without
  python3-venv), pip's wheel is taken from the package index:
  ``PIP_INDEX_URL`` or PyPI.
* Where the checkout cannot be written, a copy of it in the user's cache
  directory is used instead.
* An interrupted call leaves no trace that matters: the environment counts
  only once a marker, written last, names what it was made from.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import html.parser
import json
import os
import pathlib
import re
import shutil
import ssl
import stat
import subprocess
import sys
import typing as ty
import urllib.error
import urllib.parse
import urllib.request

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
DEFAULT_INDEX = 'https://pypi.org/simple'
# The two forms of the simple API (PEP 503 and PEP 691), JSON preferred.
JSON_TYPE = 'application/vnd.pypi.simple.v1+json'
HTML_TYPE = 'application/vnd.pypi.simple.v1+html'
ACCEPT = f'{JSON_TYPE}, {HTML_TYPE};q=0.2, text/html;q=0.1'
DOWNLOAD_TRIES = 3
DOWNLOAD_TIMEOUT = 60  # seconds without any data
NOT_COPIED = ('.tox', '.stestr', '.*_cache', '__pycache__', '*.egg-info')


class BootstrapError(Exception):
    """What went wrong and what to do, in one sentence."""


class IndexFile(ty.NamedTuple):
    """A file that a package index offers."""

    filename: str
    url: str
    sha256: str | None


def parse_json_index(text: str, base_url: str) -> list[IndexFile]:
    """Read a project page in the JSON form of the simple API (PEP 691)."""
    return [
        IndexFile(
            entry['filename'],
            urllib.parse.urljoin(base_url, entry['url']),
            entry.get('hashes', {}).get('sha256'),
        )
        for entry in json.loads(text)['files']
    ]


class _Links(html.parser.HTMLParser):
    """Collect the targets of a page's links."""

    def __init__(self) -> None:
        super().__init__()
        self.base: str | None = None
        self.targets: list[str] = []

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        target = dict(attrs).get('href')
        if tag == 'a' and target:
            self.targets.append(target)
        elif tag == 'base' and target:
            self.base = target


def parse_html_index(text: str, base_url: str) -> list[IndexFile]:
    """Read a project page in the HTML form of the simple API (PEP 503)."""
    page = _Links()
    page.feed(text)
    base_url = urllib.parse.urljoin(base_url, page.base or '')
    files = []
    for target in page.targets:
        url, fragment = urllib.parse.urldefrag(
            urllib.parse.urljoin(base_url, target)
        )
        path = urllib.parse.unquote(urllib.parse.urlsplit(url).path)
        digest = urllib.parse.parse_qs(fragment).get('sha256', [None])[0]
        files.append(IndexFile(path.rpartition('/')[2], url, digest))
    return files


def choose_wheel(
    files: ty.Iterable[IndexFile], name: str, version: str
) -> IndexFile:
    """Choose the pure Python wheel of one version.

    :raises BootstrapError: if the index has none, or states no SHA-256 for it.
    """
    filename = f'{name}-{version}-py3-none-any.whl'
    for file in files:
        if file.filename == filename and file.sha256:
            return file
    raise BootstrapError(
        f'The package index offers no {filename} with a SHA-256 digest: '
        'set PIP_INDEX_URL to a complete index, or install python3-venv.'
    )


def read_pin(constraints: str, name: str) -> str:
    """Find the version that a constraints file pins a package to.

    :raises BootstrapError: if the file does not pin it.
    """
    match = re.search(
        rf'^{re.escape(name)}==([^\s;]+)', constraints, re.M | re.I
    )
    if match is None:
        raise BootstrapError(f'constraints.txt does not pin {name}: add it.')
    return match[1]


def split_credentials(url: str) -> tuple[str, str | None]:
    """Take user and password out of a URL, as an Authorization header."""
    parts = urllib.parse.urlsplit(url)
    userinfo, found, host = parts.netloc.rpartition('@')
    if not found:
        return url, None
    pair = urllib.parse.unquote(userinfo).encode()
    header = 'Basic ' + base64.b64encode(pair).decode()
    return parts._replace(netloc=host).geturl(), header


class PackageIndex:
    """A package index that speaks the simple API."""

    def __init__(self, url: str, ca_file: str | None = None) -> None:
        self.url, self._authorization = split_credentials(url.rstrip('/'))
        self._tls = ssl.create_default_context(cafile=ca_file)

    def files(self, project: str) -> list[IndexFile]:
        """List the files of a project.

        :raises BootstrapError: if the index cannot be read.
        """
        url, content_type, body = self._get(f'{self.url}/{project}/')
        json_form = content_type == JSON_TYPE
        parse = parse_json_index if json_form else parse_html_index
        return parse(body.decode(), url)

    def download(self, file: IndexFile) -> bytes:
        """Fetch a file and compare it with its SHA-256 digest.

        :raises BootstrapError: if it cannot be fetched or differs.
        """
        body = self._get(file.url)[2]
        if hashlib.sha256(body).hexdigest() != file.sha256:
            raise BootstrapError(
                f'{file.filename} from {self.url} differs from the SHA-256 '
                'digest that the index states: try again, or use another '
                'index (PIP_INDEX_URL).'
            )
        return body

    def _get(self, url: str) -> tuple[str, str, bytes]:
        request = urllib.request.Request(url, headers={'Accept': ACCEPT})  # noqa: S310
        same_host = (
            urllib.parse.urlsplit(url).netloc
            == urllib.parse.urlsplit(self.url).netloc
        )
        if self._authorization and same_host:
            # Not sent again after a redirect, which may lead elsewhere.
            request.add_unredirected_header(
                'Authorization', self._authorization
            )
        reason: object = None
        for _ in range(DOWNLOAD_TRIES):
            try:
                with urllib.request.urlopen(  # noqa: S310
                    request, timeout=DOWNLOAD_TIMEOUT, context=self._tls
                ) as reply:
                    kind = reply.headers.get_content_type()
                    return reply.url, kind, reply.read()
            except urllib.error.HTTPError as exc:
                reason = exc
                if exc.code < 500:
                    break
            except (OSError, urllib.error.URLError) as exc:
                reason = exc
        raise BootstrapError(
            f'{url} cannot be read ({reason}): check the network, the proxy '
            'variables and PIP_INDEX_URL, or install python3-venv.'
        )


def can_install_pip() -> bool:
    """Whether this interpreter has the wheel that venv installs pip from."""
    try:
        import ensurepip

        ensurepip.version()
    except (AttributeError, ImportError, OSError):
        return False
    return True


def fetch_pip(directory: pathlib.Path, version: str) -> pathlib.Path:
    """Put pip's wheel into a directory.

    :raises BootstrapError: if the package index does not deliver it.
    """
    index = PackageIndex(
        os.environ.get('PIP_INDEX_URL') or DEFAULT_INDEX,
        os.environ.get('PIP_CERT'),
    )
    file = choose_wheel(index.files('pip'), 'pip', version)
    wheel = directory / file.filename
    wheel.write_bytes(index.download(file))
    return wheel


def build(directory: pathlib.Path, constraints: pathlib.Path) -> None:
    """Make the environment that tox runs from.

    :raises BootstrapError: if a package cannot be installed.
    """
    import venv

    bundled = can_install_pip()
    # Without pip of its own the environment is run by a pip that stays in
    # its wheel: Python runs a directory inside a zip file.
    maker = venv.EnvBuilder(clear=True, symlinks=True, with_pip=bundled)
    try:
        maker.create(directory)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise BootstrapError(
            f'No virtual environment can be made in {directory} ({exc}): '
            'check the space and the rights there.'
        ) from exc
    python = interpreter(directory)
    if bundled:
        pip = ['-m', 'pip']
    else:
        version = read_pin(constraints.read_text(encoding='utf-8'), 'pip')
        pip = [str(fetch_pip(directory, version) / 'pip')]
    command = [
        *[str(python), '-I', *pip, 'install', '--quiet'],
        *['--disable-pip-version-check', '--no-warn-script-location'],
        *['-c', str(constraints), 'tox'],
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise BootstrapError(
            'pip could not install tox (its message is above): check the '
            'network, the proxy variables and PIP_INDEX_URL.'
        )


def interpreter(directory: pathlib.Path) -> pathlib.Path:
    """Name the interpreter of an environment."""
    return directory / 'bin' / 'python'


def bootstrap(root: pathlib.Path) -> pathlib.Path:
    """Return the interpreter that has tox, making it if need be.

    :raises BootstrapError: if it cannot be made.
    """
    constraints = root / 'constraints.txt'
    recipe = constraints.read_bytes() + sys.version.encode()
    recipe += os.path.realpath(sys.executable).encode()
    fingerprint = hashlib.sha256(recipe).hexdigest()
    directory = root / '.tox' / '.bootstrap'
    marker = directory / 'complete'
    directory.parent.mkdir(exist_ok=True)
    with open(directory.parent / '.bootstrap.lock', 'w') as lock:
        # Held until the interpreter is ready; a second caller waits.
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = marker.is_file() and marker.read_text() == fingerprint
        if not (done and interpreter(directory).exists()):
            print('Installing tox into', directory, file=sys.stderr)
            marker.unlink(missing_ok=True)
            build(directory, constraints)
            marker.write_text(fingerprint)
    return interpreter(directory)


def is_writable(root: pathlib.Path) -> bool:
    """Whether tox can work in a directory."""
    paths = [path for path in (root, root / '.tox') if path.exists()]
    return all(os.access(path, os.W_OK) for path in paths)


def copy_to_cache(root: pathlib.Path) -> pathlib.Path:
    """Bring a copy of the checkout in the user's cache directory up to date.

    Its ``.tox`` stays, so that a second call is as fast as in a checkout.

    :raises BootstrapError: if that directory cannot be written either.
    """
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    copy = pathlib.Path(cache) / 'osc-recovery' / f'checkout-{digest}'
    try:
        copy.mkdir(parents=True, exist_ok=True)
        for path in copy.iterdir():
            if path.name not in ('.tox', '.stestr'):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(
            root,
            copy,
            symlinks=True,
            ignore=shutil.ignore_patterns(*NOT_COPIED),
            dirs_exist_ok=True,
        )
        for path in [copy, *copy.rglob('*')]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(path.stat().st_mode | stat.S_IRWXU)
    except (OSError, shutil.Error) as exc:
        raise BootstrapError(
            f'{root} cannot be written, nor can a copy be made in {cache} '
            f'({exc}): set XDG_CACHE_HOME to a directory of your own.'
        ) from exc
    return copy


def clean_environment(environ: ty.Mapping[str, str]) -> dict[str, str]:
    """Leave out what points at a real cloud or at another environment."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith('OS_')
        and name not in ('PYTHONHOME', 'PYTHONPATH', 'VIRTUAL_ENV')
    }


def main(arguments: list[str]) -> int:
    """Become tox; return only if that is impossible."""
    if sys.version_info < (3, 11):  # noqa: UP036
        print('osc-recovery needs Python 3.11 or newer.', file=sys.stderr)
        return 1
    environment = clean_environment(os.environ)
    try:
        root = CHECKOUT
        if not is_writable(CHECKOUT):
            root = copy_to_cache(CHECKOUT)
            print(CHECKOUT, 'cannot be written: using', root, file=sys.stderr)
        python = str(bootstrap(root))
    except BootstrapError as exc:
        print(exc, file=sys.stderr)
        return 1
    os.chdir(root)
    os.execve(python, [python, '-I', '-m', 'tox', *arguments], environment)  # noqa: S606
    return 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
