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

"""The CPU time that relocating takes on the operator's machine.

Two hosts are relocated, one with twice the servers of the other.  The
difference is what servers cost; the rest (Python's start, reading the
cloud) is paid once.  The services' own work is not ours and not counted.
"""

import argparse
import sys

import support

CLAIM = 0.1


def main() -> int:
    """Measure, print, and say with the exit code whether it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    support.add_options(parser, 10)
    args = parser.parse_args()
    sizes = (args.servers, 2 * args.servers)
    used = []
    with support.lab(args.directory) as lab:
        hosts = lab.two_filled(args.servers)
        lab.lose(hosts)
        for size, host in zip(sizes, hosts, strict=True):
            lab.fence(host)
            support.say(f'relocating {size} servers')
            used.append(lab.relocate(host, lab.others(hosts)))
    once = 2 * used[0].cpu - used[1].cpu
    each = (used[1].cpu - used[0].cpu) / args.servers
    rows = [('servers', 'user+sys s', 'wall s')]
    for size, timed in zip(sizes, used, strict=True):
        rows.append((str(size), f'{timed.cpu:.2f}', f'{timed.wall:.1f}'))
    support.table(rows)
    support.table(
        (
            ('once', f'{once:.2f} s'),
            ('a server', f'{each * 1000:.0f} ms'),
        )
    )
    return support.verdict(
        each < CLAIM, f'less than {CLAIM * 1000:.0f} ms of CPU a server'
    )


if __name__ == '__main__':
    sys.exit(main())
