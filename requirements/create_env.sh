#!/bin/sh
# Make or bring up to date the virtual environment: create_env.sh VENV STAMP [openmmlab]
# With openmmlab: OpenMMLab's originals in the place of the OneDL forks, mmcv without
# its compiled operators, which would take half an hour to build.
# Called by make from the repository's root. An interrupted run leaves a marker, and the
# next one starts afresh: a half-unpacked package looks installed to pip.
set -eu
VENV=$1
STAMP=$2
FRAMEWORKS=${3:-onedl}
MARKER=$VENV.incomplete
LOG=$VENV/install.log

fits() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" && echo "$PYTHON"
        return
    fi
    for candidate in python3.11 python3.12 python3.13 python3 python; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

if [ -e "$MARKER" ] || ! [ -x "$VENV/bin/python" ]; then
    python=$(find_python) || true
    if [ -z "$python" ]; then
        echo "error: no Python >= 3.11 found (the pinned packages need it)." >&2
        echo "Install python3.11, or name one: make PYTHON=/path/to/python3.11 ..." >&2
        exit 1
    fi
    if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        echo "error: $python has no venv module; on Debian and Ubuntu:" >&2
        echo "    apt install python3-venv" >&2
        exit 1
    fi
    echo "Making the environment in $VENV with $("$python" --version) ..."
    : >"$MARKER"
    "$python" -m venv --clear "$VENV"
fi
: >"$MARKER"

pip_install() {
    # shellcheck disable=SC2086  # PIP_ARGS holds several words on purpose
    if ! "$VENV/bin/python" -m pip install --disable-pip-version-check \
        --constraint requirements/constraints.txt ${PIP_ARGS:-} "$@" >>"$LOG" 2>&1; then
        tail -n 30 "$LOG" >&2
        # pip has undone what it began, so the next run may go on from here.
        rm -f "$MARKER"
        echo "error: pip install $* failed; the whole log is in $LOG" >&2
        exit 1
    fi
}

echo "Installing the pinned packages (a few minutes the first time; log: $LOG) ..."
: >"$LOG"
# torch first: nothing may choose another version of it.
pip_install torch
if [ "$FRAMEWORKS" = openmmlab ]; then
    # MMEngine imports pkg_resources, which newer setuptools do not have; named in both
    # calls, or the second one brings a new one.
    pip_install mmcv-lite==2.1.0 mmengine==0.10.7 mmsegmentation==1.2.2 \
        ftfy regex 'setuptools<82'
    pip_install -e '.[tensorboard,imagenet,page,slurm,onnx,test]' 'setuptools<82'
else
    pip_install -e '.[onedl,tensorboard,imagenet,page,slurm,onnx,test]'
fi
rm -f "$MARKER"
: >"$STAMP"
echo "Environment ready; \`$VENV/bin/python -m mmdepthseg.doctor\` describes it."
