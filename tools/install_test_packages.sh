#!/bin/sh
# Install what bindep.txt names for the profile "test", if that is possible.
#
# The functional tests of fencing drive real fence agents against emulated
# hardware. Where the packages are missing and cannot be installed, those tests
# are skipped and say so; nothing fails here.
set -u

missing=
for pair in fence_ipmilan:fence-agents ipmi_sim:openipmi ipmitool:ipmitool; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null ||
        missing="$missing ${pair#*:}"
done
if [ -z "$missing" ]; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed:$missing. The functional tests of fencing are skipped."
    exit 0
fi
echo "Installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
if ! { apt-get update -q && apt-get install -q -y --no-install-recommends \
        $missing; } >/dev/null 2>&1; then
    echo "Could not install$missing: the functional tests of fencing are skipped."
fi
exit 0
