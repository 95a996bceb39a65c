# SPDX-License-Identifier: MIT
# QEMU with our devices: Debian's source package plus the overlay in hw/qemu. Needs say.sh and packages.sh.
#
# The cache (outside the tree) holds, each made complete under another name first and then moved into place:
#   source-VERSION/         QEMU's source as Debian has it, patches applied
#   build-VERSION-HASH/     a tree of that source with our overlay, and in build/ all its objects
# HASH covers the overlay and the C interface it is compiled against. The device models themselves come from this
# tree's build as one static library, and meson relinks QEMU whenever they change (scripts/link-qemu).

CACHE=${REMAPLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/remaplab}
QEMU_SERIES=10.0
QEMU_SUITE=trixie
QEMU_CONFIGURE="--target-list=x86_64-softmmu --without-default-features --enable-tcg --enable-kvm --enable-plugins
    --enable-pixman --enable-png --disable-docs --disable-install-blobs --disable-download"

overlay_hash() {
    { echo "$QEMU_CONFIGURE"; cat "$ROOT"/hw/qemu/* "$ROOT"/hw/capi/*.h; } | sha256sum | cut -c1-16
}

# unpack_qemu_source DIR: Debian's newest QEMU of the series, unpacked in DIR/qemu.
unpack_qemu_source() {
    local dir=$1 options version
    borrow "$dir" "deb-src $QEMU_SUITE" || return
    mapfile -t options < <(borrowed_apt "$dir")
    version=$(apt-cache "${options[@]}" showsrc --only-source qemu | awk '/^Version:/ { print $2 }' |
        grep "^1:$QEMU_SERIES\." | sort -V | tail -n 1)
    [ -n "$version" ] || { echo "the archive's $QEMU_SUITE suite has no QEMU $QEMU_SERIES.x source" >&2; return 1; }
    echo "    QEMU $version" >&3
    (cd "$dir" && apt-get -q "${options[@]}" source --only-source "qemu=$version" && mv qemu-*/ qemu)
}

cached_source() {
    find "$CACHE" -maxdepth 1 -name 'source-*' 2>/dev/null | sort -V | tail -n 1
}

# Sets QEMU_TREE to a clean source tree: the user's, the cached one, or one fetched now.
find_qemu_source() {
    if [ -n "${QEMU_SOURCE:-}" ]; then
        [ -f "$QEMU_SOURCE/VERSION" ] && [ -f "$QEMU_SOURCE/hw/meson.build" ] ||
            fail "QEMU_SOURCE=$QEMU_SOURCE is not a QEMU source tree" "Name a directory that has VERSION and hw/meson.build."
        QEMU_TREE=$(cd "$QEMU_SOURCE" && pwd)
        QEMU_KEY=user-$(printf %s "$QEMU_TREE" | sha256sum | cut -c1-8)
        return
    fi
    QEMU_TREE=$(cached_source)
    if [ -z "$QEMU_TREE" ]; then
        apt_update_once
        mkdir -p "$CACHE"
        local dir
        dir=$(mktemp -d "$CACHE/fetch-XXXXXX")
        trap 'rm -rf "$dir"' EXIT
        STEP_ADVICE="QEMU's source comes from the same archive as this machine's packages; check the network and the archive. QEMU_SOURCE=DIR uses a tree you have." \
            step "Fetching QEMU's source (Debian's package)" unpack_qemu_source "$dir"
        QEMU_TREE=$CACHE/source-$(cat "$dir/qemu/VERSION")
        mv "$dir/qemu" "$QEMU_TREE"
        rm -rf "$dir"
        trap - EXIT
    fi
    QEMU_KEY=$(cat "$QEMU_TREE/VERSION")
}

# lay_overlay TREE: adds our files to a QEMU tree and the two build hooks that make QEMU read them.
lay_overlay() {
    mkdir -p "$1/hw/remaplab"
    cp "$ROOT"/hw/qemu/* "$ROOT"/hw/capi/*.h "$1/hw/remaplab/"
    grep -q remaplab "$1/hw/meson.build" || echo "subdir('remaplab')" >>"$1/hw/meson.build"
    grep -q remaplab "$1/hw/Kconfig" || echo "source remaplab/Kconfig" >>"$1/hw/Kconfig"
}

copy_and_configure() {
    cp -a "$QEMU_TREE" "$1" && rm -rf "$1/build" && lay_overlay "$1" && mkdir "$1/build" && mkdir "$1/models" &&
        cp "$2" "$1/models/libremap-models.a" &&
        # shellcheck disable=SC2086
        (cd "$1/build" && ../configure --python=/usr/bin/python3 $QEMU_CONFIGURE)
}

compile_qemu() {
    set -o pipefail
    ninja -C "$1/build" qemu-system-x86_64 | ninja_progress
}

# build_qemu MODELS: sets QEMU_BUILD to a QEMU tree with our devices, built (first with the library MODELS).
build_qemu() {
    find_qemu_source
    QEMU_BUILD=$CACHE/build-$QEMU_KEY-$(overlay_hash)
    [ -x "$QEMU_BUILD/build/qemu-system-x86_64" ] && [ -z "${QEMU_SOURCE:-}" ] && return
    mkdir -p "$CACHE"
    exec 9>"$CACHE/lock"
    flock 9
    if [ -n "${QEMU_SOURCE:-}" ] && [ -f "$QEMU_BUILD/ready" ]; then
        step "Taking over what changed in $QEMU_TREE" refresh_user_tree
    elif [ ! -f "$QEMU_BUILD/ready" ]; then
        rm -rf "$QEMU_BUILD"
        step "Configuring QEMU $(cat "$QEMU_TREE/VERSION") with our devices" copy_and_configure "$QEMU_BUILD" "$1"
        touch "$QEMU_BUILD/ready"
    fi
    step "Compiling QEMU (about five minutes on two cores the first time)" compile_qemu "$QEMU_BUILD"
    flock -u 9
    exec 9>&-
}

refresh_user_tree() {
    tar -C "$QEMU_TREE" --exclude=./build --exclude=./.git -cf - . | tar -C "$QEMU_BUILD" --keep-newer-files -xf - 2>/dev/null
    lay_overlay "$QEMU_BUILD"
}
