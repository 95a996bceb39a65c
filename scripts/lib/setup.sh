# SPDX-License-Identifier: MIT
# From a fresh clone to a complete build. Needs ROOT.

. "$ROOT/scripts/lib/say.sh"
. "$ROOT/scripts/lib/packages.sh"
. "$ROOT/scripts/lib/qemu.sh"
. "$ROOT/scripts/lib/linux.sh"

BUILD=$ROOT/build

# configure DIR OPTION...: a build directory, unless it is there. What a run before left incomplete is begun anew.
configure() {
    local dir=$1
    shift
    [ -f "$dir/build.ninja" ] && return
    rm -rf "$dir"
    step "Configuring ${dir#"$ROOT"/}" meson setup "$@" "$dir" "$ROOT"
}

compile() {
    set -o pipefail
    stdbuf -oL ninja -C "$@" | ninja_progress
}

# build DIR TARGET...: what is out of date (of everything, without a target); says nothing when nothing is.
build() {
    ninja -C "$1" -n "${@:2}" | grep -q 'no work to do' && return
    STEP_ADVICE="The compiler's message is above." step "Building ${1#"$ROOT"/}" compile "$@"
}

# The option tells a configured build where the QEMU tree is; a build that knows needs no set-up.
# One that was given a user's tree goes back to Debian's when none is given. A tree made by another recipe is left.
qemu_is_known() {
    local tree
    [ -z "${QEMU_SOURCE:-}" ] && [ -f "$BUILD/qemu-tree" ] || return
    tree=$(cat "$BUILD/qemu-tree")
    [[ $tree != */tree-user-* && $tree == *-$QEMU_RECIPE ]] && [ -f "$tree/configured" ]
}

add_qemu() {
    STEP_ADVICE="The compiler's message is above." step "Building the device models" compile "$BUILD" libremaplab.a
    with_qemu_lock prepare_qemu "$BUILD/libremaplab.a"
    meson configure "$BUILD" -Dqemu_tree="$QEMU_BUILD" >/dev/null
    echo "$QEMU_BUILD" >"$BUILD/qemu-tree"
}

# set_up TARGET...: and builds these, or everything.
set_up() {
    require_debian
    # shellcheck disable=SC2086
    install_packages $BUILD_PACKAGES
    [ -f "$BUILD/build.ninja" ] || install_meson
    configure "$BUILD" --buildtype=debugoptimized
    qemu_is_known || add_qemu
    build "$BUILD" "$@"
}

# set_up_fuzzers: the fuzz targets alone, which need neither QEMU nor the guests.
set_up_fuzzers() {
    require_debian
    # shellcheck disable=SC2086
    install_packages $BUILD_PACKAGES $TEST_PACKAGES
    [ -f "$BUILD/fuzz/build.ninja" ] || install_meson
    CXX=clang++ configure "$BUILD/fuzz" --buildtype=debugoptimized -Dguest=false -Dfuzz=true
    build "$BUILD/fuzz" fuzz-targets
}

# A build that knows a kernel that is there needs no set-up.
linux_is_known() {
    [ -f "$BUILD/linux-tree" ] && [ -f "$(cat "$BUILD/linux-tree")/vmlinuz" ]
}

add_linux() {
    with_qemu_lock prepare_linux
    meson configure "$BUILD" -Dlinux_tree="$LINUX_TREE" >/dev/null
    echo "$LINUX_TREE" >"$BUILD/linux-tree"
}

# set_up_linux: after set_up; the guest tests that boot a stock kernel.
set_up_linux() {
    # shellcheck disable=SC2086
    install_packages $LINUX_PACKAGES
    linux_is_known || add_linux
    build "$BUILD"
}
