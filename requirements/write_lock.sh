#!/bin/sh
# Write the versions of an environment as constraints: write_lock.sh PYTHON FILE
set -eu
trap 'rm -f "$2.tmp-$$" "$2.frozen-$$"' EXIT
"$1" -m pip freeze --exclude-editable --disable-pip-version-check >"$2.frozen-$$"
{
    echo "# Every package of the tested environment (Python 3.11). Written by \`make lock\`."
    echo "# Local build tags (+cpu) are left out: which build of torch is up to the machine."
    grep -E '^[A-Za-z0-9._-]+==' "$2.frozen-$$" |
        grep -v -E -i '^(nvidia-|triton==|mmdepthseg==)' |
        sed -e 's/+[a-z0-9.]*$//' |
        LC_ALL=C sort -f
} >"$2.tmp-$$"
mv "$2.tmp-$$" "$2"
