# Steps that the scripts of this folder share; to be sourced by bash, from any folder.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/token-monitor
venv=$root/.venv
me=$(basename -- "$0")

say() { printf '%s: %s\n' "$me" "$*" >&2; }
fail() {
    printf '%s: %s\n' "$me" "$1" >&2
    exit "${2:-1}"
}

# What a step prints is kept in a log, which is shown only when the step fails.
quietly() {
    local log code=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || code=$?
    if ((code != 0)); then
        tail -n 60 "$log" | sed 's/^/    /' >&2
    fi
    rm -f "$log"
    return "$code"
}

# Runs as root: installs the packages that it is given, starts none of their services, now or at the next boot.
install_as_root='
set -euo pipefail
exec 9>/run/token-monitor-packages.lock
flock 9
policy=/usr/sbin/policy-rc.d
aside=$policy.token-monitor-aside
put_back() {
    if [ -e "$aside" ] || [ -L "$aside" ]; then mv -f "$aside" "$policy"; else rm -f "$policy"; fi
}
if [ -e "$policy" ] || [ -L "$policy" ]; then
    # left behind by a run that was killed: ours, not the machine'"'"'s
    if grep -qs token-monitor "$policy"; then put_back; fi
fi
if [ -e "$policy" ] || [ -L "$policy" ]; then mv -f "$policy" "$aside"; fi
trap put_back EXIT
trap "exit 130" INT TERM HUP
printf "#!/bin/sh\n# token-monitor: no service starts while its packages are installed\nexit 101\n" >"$policy"
chmod 755 "$policy"
export DEBIAN_FRONTEND=noninteractive
get() { apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null; }
get install --no-install-recommends "$@" || { get update; get install --no-install-recommends "$@"; }
if command -v systemctl >/dev/null; then
    for package in "$@"; do
        case $package in prometheus*) systemctl disable "$package.service" || true ;; esac
    done
fi
'

# system_packages PROGRAM:PACKAGE… – installs each package whose program is not there.
system_packages() {
    local pair missing=() as_root=()
    for pair in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
    done
    ((${#missing[@]} > 0)) || return 0
    command -v apt-get >/dev/null ||
        fail "install what your system calls: ${missing[*]} (this script knows only apt-get)"
    if (($(id -u) != 0)); then
        sudo -n true 2>/dev/null ||
            fail "needs: sudo apt-get install --no-install-recommends ${missing[*]}"
        as_root=(sudo -n)
    fi
    say "installing ${missing[*]}"
    quietly ${as_root[@]+"${as_root[@]}"} bash -c "$install_as_root" install "${missing[@]}" ||
        fail "could not install ${missing[*]}; try: apt-get update && apt-get install --no-install-recommends ${missing[*]}"
}

# Sets $python to a Python that can make the environment: $PYTHON, or the first of the usual names that is new enough.
find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$(command -v "$candidate")
            break
        fi
    done
    [ -n "${python:-}" ] || fail "needs Python 3.11 or newer ($(python3 --version 2>/dev/null || echo no python3) found); name one by PYTHON=/path/to/python3"
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return 0
    # Debian and Ubuntu keep venv in a package of its own
    case $("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))') in
        /usr/bin/*) system_packages "no-such-program:$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" ;;
        *) fail "$python has no module venv or ensurepip; name another by PYTHON=/path/to/python3" ;;
    esac
}

stamp_of() {
    # also the place: the environment's programs carry its absolute path
    {
        printf '%s\n' "$venv"
        cat "${@/#/$root/requirements/}" "$root/pyproject.toml"
    } | sha256sum | cut -d' ' -f1
}

is_stamped() { [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.setup-$1" 2>/dev/null)" = "$2" ] && "$venv/bin/python" -c '' 2>/dev/null; }

# python_environment LEVEL FILE… – .venv with exactly the locked packages of requirements/FILE…, and this checkout in it.
# Does nothing, and needs no network, while the locks are as they were.
python_environment() {
    local level=$1 stamp file
    shift
    stamp=$(stamp_of "$@")
    is_stamped "$level" "$stamp" && return 0
    exec 7<"$root" # a folder can be locked too
    flock 7
    if ! is_stamped "$level" "$stamp"; then
        if [ -e "$venv" ] && [ "$(cat "$venv/.setup-place" 2>/dev/null || echo "$venv")" != "$venv" ]; then
            rm -rf "$venv" # it was moved here with the checkout
        fi
        if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            find_python
            say "making the Python environment (once)"
            quietly "$python" -m venv --clear "$venv" || fail "could not make $venv"
        fi
        printf '%s\n' "$venv" >"$venv/.setup-place"
        rm -f "$venv"/.setup-run "$venv"/.setup-dev
        "$venv/bin/python" -m pip --version >/dev/null 2>&1 || quietly "$venv/bin/python" -m ensurepip ||
            fail "could not put pip into $venv"
        local pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet)
        local files=()
        for file in "$@"; do files+=(-r "$root/requirements/$file"); done
        say "installing the locked Python packages"
        quietly "${pip[@]}" --require-hashes "${files[@]}" || fail "could not install the locked packages, see above"
        quietly "${pip[@]}" --no-deps --no-index --no-build-isolation --editable "$root" ||
            fail "could not install this checkout into $venv, see above"
        printf '%s\n' "$stamp" >"$venv/.setup-$level"
    fi
    exec 7<&-
}

# Installs libfaketime, which has no program of its own: with it the clock of a database server can be driven.
faketime_library() {
    compgen -G '/usr/lib*/*/faketime/libfaketimeMT.so.1' >/dev/null ||
        compgen -G '/usr/l*/lib/faketime/libfaketimeMT.so.1' >/dev/null || system_packages no-such-program:libfaketime
}

set_up_for_the_demo() {
    system_packages mariadbd:mariadb-server-core my_print_defaults:mariadb-client-core
    is_stamped dev "$(stamp_of dev.txt)" || python_environment run run.txt build.txt
}

# A private server, and the packages of the tests: for scripts that import tests/ and run none of them.
set_up_for_the_bench() {
    system_packages mariadbd:mariadb-server-core my_print_defaults:mariadb-client-core
    python_environment dev dev.txt
}

set_up_for_the_tests() {
    system_packages mariadbd:mariadb-server-core my_print_defaults:mariadb-client-core prometheus:prometheus prometheus-alertmanager:prometheus-alertmanager
    # Ubuntu has Chromium only as a snap: there the tests that need it are skipped, and counted.
    if grep -qs '^ID=debian' /etc/os-release; then system_packages chromium-headless-shell:chromium-headless-shell; fi
    faketime_library
    python_environment dev dev.txt
    axe_core
}

# Unpacks into .venv/axe what brings axe-core along. Its own code is not run, so what that would need is not installed;
# and it stays out of the environment, where pytest would load it.
axe_core() {
    local place=$venv/axe lock=$root/requirements/axe.txt
    cmp -s "$lock" "$place/.lock" && return 0
    say "installing axe-core"
    rm -rf "$place"
    quietly "$venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet --no-deps --no-compile \
        --require-hashes --only-binary :all: --target "$place" -r "$lock" || fail "could not install axe-core, see above"
    cp "$lock" "$place/.lock"
}

# The mirrors of Debian that this machine's own package sources name, in their order.
own_mirrors() {
    apt-get update --print-uris 2>/dev/null |
        sed -nE "s#^'(https?://[^']*)/dists/[^']*/(In)?Release(\.gpg)?'.*#\1#p" | awk '!seen[$0]++'
}

# mirror_with SUITE – prints the first of them that has this suite of Debian.
mirror_with() {
    local mirror probe
    probe=$(mktemp)
    while read -r mirror; do
        rm -f "$probe"
        if /usr/lib/apt/apt-helper download-file "$mirror/dists/$1/InRelease" "$probe" >/dev/null 2>&1 </dev/null &&
            grep -q '^Origin: Debian$' "$probe" && grep -q '^Label: Debian$' "$probe"; then
            rm -f "$probe"
            printf '%s\n' "$mirror"
            return 0
        fi
    done < <(own_mirrors)
    rm -f "$probe"
    return 1
}

# Has debootstrap, which does not read apt's configuration, use its proxy.
use_own_proxy() {
    local http="" https=""
    eval "$(apt-config shell http Acquire::http::Proxy https Acquire::https::Proxy)"
    if [ -n "$http" ] && [ "$http" != DIRECT ]; then export http_proxy=${http_proxy:-$http}; fi
    if [ -n "$https" ] && [ "$https" != DIRECT ]; then export https_proxy=${https_proxy:-$https}; fi
}

# newest_python_environment – sets $newest_python to one in .venv-newest with the locked packages and this checkout: the
# python3 of the prepared MySQL's system, of a newer Debian than the machine, so it runs with the C library of its own.
# Fails where there is none.
newest_python_environment() {
    local lab=$cache/mysql9 place=$root/.venv-newest stamp version loader pip
    newest_python=$place/bin/python
    loader=$(compgen -G "$lab/usr/lib*/ld-linux*.so.*" | head -n 1) && [ -x "$lab/usr/bin/python3" ] || return 1
    stamp=$({ printf '%s\n' "$lab" "$place"; cat "$root/requirements/dev.txt" "$lab/.ready"; } | sha256sum | cut -d' ' -f1)
    [ "$(cat "$place/.setup" 2>/dev/null)" = "$stamp" ] && "$newest_python" -c '' 2>/dev/null && return 0
    version=$(basename -- "$(readlink "$lab/usr/bin/python3")") # python3.14
    say "installing the locked packages for $version"
    rm -rf "$place"
    mkdir -p "$place/bin" "$place/lib/$version/site-packages"
    # bash, which opens itself as the highest file that it may, since a test leaves its child few
    cat >"$place/bin/python" <<END
#!/bin/bash
exec $loader --inhibit-cache --library-path $(echo "$lab"/usr/lib/*-linux-gnu*) --argv0 "\$0" $lab/usr/bin/$version "\$@"
END
    chmod 755 "$place/bin/python"
    printf 'home = %s\ninclude-system-site-packages = false\n' "$lab/usr/bin" >"$place/pyvenv.cfg"
    # It has no pip; the other environment's installs for it, and would compile for itself.
    pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet --no-deps --no-compile)
    quietly "${pip[@]}" --require-hashes --only-binary :all: --python-version "${version#python}" \
        --target "$place/lib/$version/site-packages" -r "$root/requirements/dev.txt" ||
        fail "could not install the locked packages for $version, see above"
    printf '%s\n' "$root" >"$place/lib/$version/site-packages/checkout.pth"
    printf '%s\n' "$stamp" >"$place/.setup"
}

# report_coverage PYTHON – combines what the processes of a run have measured (COVERAGE_FILE), prints the ten modules
# of which the least is reached, and the total; fails below fail_under of pyproject.toml.
report_coverage() {
    local report code=0
    "$1" -m coverage combine --quiet
    report=$("$1" -m coverage report --sort=cover) || code=$?
    sed -n '1,12p; /^TOTAL/p' <<<"$report"
    ((code != 2)) || fail "fewer lines are reached than fail_under in pyproject.toml asks for: test what is new, or what lost its test (docs/development.md, Coverage)"
    return "$code"
}
