# SPDX-License-Identifier: MIT
# Debian packages and Debian source packages. Needs say.sh.
#
# Newer suites are reached through a temporary list that repeats the archive this machine already uses for its own
# release; the system's lists are only read.

BUILD_PACKAGES="g++ ninja-build pkg-config python3 python3-venv dpkg-dev ca-certificates
    libglib2.0-dev libpixman-1-dev zlib1g-dev libpng-dev libboost-dev libgtest-dev qemu-system-data seabios
    g++-mingw-w64-x86-64 libzydis-dev libcli11-dev libfmt-dev rapidjson-dev libprotozero-dev"
CAMPAIGN_PACKAGES="python3-jinja2"
PAGE_PACKAGES="chromium chromium-driver python3-selenium python3-pil"
TEST_PACKAGES="clang libclang-rt-dev git libbenchmark-dev python3-jsonschema $CAMPAIGN_PACKAGES $PAGE_PACKAGES
    slurmctld slurmd slurm-client"
BENCH_PACKAGES="libbenchmark-dev"
MESON_WANTED=1.5

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# require_root PACKAGE...: ends the script when packages are missing and nobody here may install them.
require_root() {
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        fail "installing Debian packages needs root or sudo" "Run the script as root, or have these packages installed: $*"
}

# Sets RELEASE to the codename, or ends the script on anything but Debian 12 and 13.
require_debian() {
    RELEASE=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_CODENAME:-}")
    case $RELEASE in
        "debian bookworm" | "debian trixie") RELEASE=${RELEASE#debian } ;;
        *) fail "this is not Debian 12 or 13 (os-release says: $RELEASE)" \
            "Set-up installs Debian packages and builds Debian's QEMU source, so it needs one of these two." \
            "A container or a debootstrap tree of Debian 12 works: the guests run without KVM." ;;
    esac
    command -v apt-get >/dev/null || fail "apt-get is missing" "Install the apt package."
}

package_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_packages() {
    local package
    for package in "$@"; do
        package_installed "$package" || printf '%s ' "$package"
    done
}

# Tolerant as apt is: a source of the user's that does not answer need not concern us; a package that is missing then will.
apt_update_once() {
    [ -n "${APT_UPDATED:-}" ] && return
    STEP_ADVICE="Check the network and the machine's apt sources (apt-get update must work)." \
        step "Reading the package lists" as_root apt-get -q update
    APT_UPDATED=1
}

install_packages() {
    local missing
    missing=$(missing_packages "$@")
    [ -z "${missing// /}" ] && return
    require_root "$missing"
    apt_update_once
    # shellcheck disable=SC2086
    STEP_ADVICE="Check the network and the machine's apt sources; a package name above that apt does not know means its component is not configured." \
        step "Installing Debian packages: $missing" \
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
}

# Prints the address of the archive that serves this machine's own release.
own_archive() {
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v r="$RELEASE" '($2 == r || $3 == r) && $4 == "main" { print $1; exit }'
}

# borrowed_apt DIR: options that make apt use only DIR's list, and keep its state there.
borrowed_apt() {
    printf '%s\n' -o "Dir::Etc::SourceList=$1/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o "Dir::State::Lists=$1/lists" -o "Dir::Cache=$1/cache" -o APT::Sandbox::User=root
}

# borrow DIR "TYPE SUITE"...: fills DIR with a temporary list of those suites from the machine's own archive, and reads it.
borrow() {
    local dir=$1 archive entry signed="" options
    shift
    archive=$(own_archive)
    [ -n "$archive" ] || { echo "no configured apt source serves $RELEASE main" >&2; return 1; }
    [ -f /usr/share/keyrings/debian-archive-keyring.gpg ] && signed="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    for entry in "$@"; do
        echo "${entry% *} $signed $archive ${entry#* } main"
    done >"$dir/sources.list"
    mapfile -t options < <(borrowed_apt "$dir")
    apt-get -q "${options[@]}" -o APT::Update::Error-Mode=any update
}

meson_version() { command -v meson >/dev/null && meson --version 2>/dev/null || echo 0; }

# Meson is in Debian 13 as it is; Debian 12 has it new enough in its backports.
fetch_backported_meson() {
    local dir=$1 options
    borrow "$dir" "deb bookworm-backports" || return
    mapfile -t options < <(borrowed_apt "$dir")
    (cd "$dir" && apt-get -q "${options[@]}" download meson)
}

install_meson() {
    version_at_least "$(meson_version)" $MESON_WANTED && return
    if [ "$RELEASE" = trixie ]; then
        install_packages meson
        return
    fi
    require_root "meson (version $MESON_WANTED or later, from bookworm-backports)"
    apt_update_once
    local dir
    dir=$(mktemp -d)
    STEP_ADVICE="Debian 12 gets meson $MESON_WANTED or later from its backports; check the network." \
        step "Fetching meson from Debian 12's backports" fetch_backported_meson "$dir"
    step "Installing meson" as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q install -y --no-install-recommends "$dir"/meson_*.deb
    rm -rf "$dir"
    hash -r
    version_at_least "$(meson_version)" $MESON_WANTED ||
        fail "the meson found first in PATH is $(meson_version), and $MESON_WANTED is needed" "Remove it from PATH, or make /usr/bin come first."
}
