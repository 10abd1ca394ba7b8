# Every verb of the house. `./run` makes .venv first and then calls this: `./run test`, `./run demo`, ...

set shell := ["bash", "-euo", "pipefail", "-c"]

python := ".venv/bin/python"

# show the verbs
default:
    @just --list --unsorted

# make .venv and install what the tests and the demo need from Debian (as root)
setup:
    @scripts/packages test

# a container counts while the processes that serve it are killed; offline, on an image made here
demo:
    @scripts/packages
    @{{ python }} scripts/demo.py

# lint, types and every test; with words of pytest only those tests: ./run test -k NAME
[positional-arguments]
test *args: setup
    @if [ $# = 0 ]; then just lint; exec scripts/tests; fi; exec {{ python }} -m pytest -m "not storm" "$@"

# longer storms and soaks; kills, cancels and stops at every step, with a table: ./run storm --minutes 10 --seed N
storm *args: setup
    @case " {{ args }}" in *" --minutes"*|*" --seed"*|*" --markdown"*) exec {{ python }} -m tests.storms {{ args }} ;; esac; \
        scripts/stress-tool; exec {{ python }} -m pytest -m storm {{ args }}

# measure this mesh and a stock containerd side by side: ./run bench [ROW...] [--limits] [--json FILE] [--peer DIR]
bench *args: setup
    @scripts/stress-tool
    @{{ python }} -m bench {{ args }}

# start the mesh in the foreground
up *args:
    @.venv/bin/argosy up {{ args }}

fmt:
    @{{ python }} -m ruff format --quiet protos/generate.py sdk services shims cli tests scripts bench examples
    @{{ python }} -m ruff check --fix --quiet .

lint:
    @{{ python }} -m ruff check --quiet .
    @{{ python }} scripts/imports.py > /tmp/argosy-lint-imports.log || { cat /tmp/argosy-lint-imports.log; exit 1; }

types:
    @{{ python }} -m mypy --no-error-summary protos/src/argosy_protos sdk/src services/*/src shims/*/src cli/src tests scripts bench examples

# write the generated package from protos/proto
protos:
    @{{ python }} protos/generate.py

protos-check:
    @{{ python }} protos/generate.py --check

# write docs/matrix.md from the table of the tests
matrix:
    @{{ python }} scripts/matrix.py

# write compose/ from the topology and from what the services say of themselves
compose:
    @{{ python }} scripts/compose.py

# compose/ is fresh, and systemd understands its units
compose-check:
    @{{ python }} scripts/compose.py --check

# put the fragments of changes/ into CHANGELOG.md
changelog version:
    @{{ python }} scripts/changelog.py {{ version }}
