#!/usr/bin/env bash
# Sets up what `make` needs and says so in one line each; what is already there costs nothing.
#
#   ./setup.sh venv    .venv with exactly the packages of requirements.lock
#   ./setup.sh tools   what the tests want from Debian: Orthanc, PostgreSQL, DICOM checkers and readers, a browser, a C
#                      compiler
#   ./setup.sh lock    requirements.lock from pyproject.toml
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '%s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
am_root() { [ "$(id -u)" -eq 0 ]; }

install_from_debian() {
  local apt=(apt-get -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=1 -o Acquire::http::Timeout=30)
  local log
  log=$(mktemp)
  "${apt[@]}" update </dev/null >"$log" 2>&1 || true # a stale list is often good enough
  if ! DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >>"$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; }

find_python() {
  local name
  for name in "${PYTHON3:-python3}" python3.13 python3.12 python3.11; do
    if fits "$name"; then
      command -v "$name"
      return
    fi
  done
  die "Glia needs Python 3.11, 3.12 or 3.13; python3 is $(python3 --version 2>&1 || true)." \
    "Install one of them, or name it: PYTHON3=/path/to/python3.12 make ..."
}

make_venv() {
  local python
  python=$(find_python)
  # Debian ships the venv module without ensurepip, which it needs.
  if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    local package
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if am_root && command -v apt-get >/dev/null; then
      say "Installing $package"
      install_from_debian "$package" || true # what is missing is said below
    fi
    "$python" -c 'import ensurepip' 2>/dev/null ||
      die "$python cannot make a virtual environment. As root: apt-get install $package"
  fi
  if ! fits .venv/bin/python || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    rm -rf .venv
    "$python" -m venv .venv
  fi
  say "Setting up .venv (about a minute, once)"
  # Wheels only: a source package would build with tools that no hash holds. LIME, which is Python alone, is published
  # as source only: it is built after the others, with the setuptools that is among them.
  local install=(.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --progress-bar off
    --require-hashes)
  "${install[@]}" --only-binary :all: -r <(awk '/^[a-z0-9]/ { lime = /^lime==/ } !lime' requirements.lock)
  "${install[@]}" --no-deps --no-build-isolation -r <(awk '/^[a-z0-9]/ { lime = /^lime==/ } lime' requirements.lock)
}

missing_packages() {
  # Orthanc lives in /usr/sbin, which is on few users' PATH.
  local PATH="$PATH:/usr/sbin:/sbin"
  command -v Orthanc >/dev/null || echo orthanc
  command -v storescu >/dev/null || echo dcmtk
  command -v dciodvfy >/dev/null || echo dicom3tools
  [ -e /usr/share/java/pixelmed.jar ] || echo pixelmed-apps
  command -v dcm2niix >/dev/null || echo dcm2niix
  command -v gdcmconv >/dev/null || echo libgdcm-tools
  command -v pdftotext >/dev/null || echo poppler-utils
  command -v gcc >/dev/null || echo gcc
  [ -e /usr/include/dlfcn.h ] || echo libc6-dev
  [ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ] || echo orthanc-dicomweb
  command -v chromium >/dev/null || echo chromium
  command -v node >/dev/null || echo nodejs
  command -v npm >/dev/null || echo npm
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
  command -v strace >/dev/null || echo strace
  command -v mkfs.ext4 >/dev/null || echo e2fsprogs
}

install_tools() {
  local missing
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  if ! am_root || ! command -v apt-get >/dev/null; then
    say "Some acceptance tests will be skipped. To run them, as root: apt-get install ${missing[*]}"
    return 0
  fi
  say "Installing for the tests: ${missing[*]}"
  local service services=()
  for service in orthanc postgresql; do
    case " ${missing[*]} " in *" $service "*) services+=("$service") ;; esac
  done
  for service in "${services[@]}"; do keep_down "$service"; done
  install_from_debian "${missing[@]}" || say "apt-get could not install them; tests that need them say so."
  for service in "${services[@]}"; do leave_disabled "$service"; done
}

# Debian starts a service as it installs it, and Orthanc listens on every address. The tests start their own.
keep_down() {
  if [ -d /run/systemd/system ]; then systemctl --quiet mask "$1.service" 2>/dev/null || true; fi
}

leave_disabled() {
  if [ -d /run/systemd/system ]; then
    systemctl --quiet unmask "$1.service" 2>/dev/null || true
    systemctl --quiet disable --now "$1.service" 2>/dev/null || true
  elif [ -x "/etc/init.d/$1" ]; then
    "/etc/init.d/$1" stop >/dev/null 2>&1 || true
    update-rc.d "$1" disable >/dev/null 2>&1 || true
  fi
}

write_lock() {
  local tools
  tools=$(mktemp -d)
  trap "rm -rf '$tools'" EXIT
  "$(find_python)" -m venv "$tools"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv
  # Universal: one file for every Python that pyproject.toml allows.
  "$tools/bin/uv" pip compile --quiet --system-certs --universal --python-version 3.11 --extra dev --generate-hashes \
    --no-emit-index-url --no-header --output-file requirements.lock "$@" pyproject.toml
}

case "${1:-}" in
  venv) make_venv ;;
  tools) install_tools ;;
  lock) write_lock "${@:2}" ;;
  *) die "usage: ./setup.sh venv | tools | lock" ;;
esac
